"""The table of errors: every exception of botocore and every error code of AWS has its place."""

from __future__ import annotations

import inspect
from typing import Any

import botocore.exceptions
import botocore.parsers
import botocore.session
import pytest
from botocore.exceptions import BotoCoreError, ClientError

from jobrunner.aws import faults
from jobrunner.errors import AwsError, AwsRefusedError, AwsThrottledError, AwsUnreachableError

OPERATIONS = {
    "ecs": (
        "RunTask",
        "StopTask",
        "DescribeTasks",
        "ListTasks",
        "DescribeTaskDefinition",
        "ListTaskDefinitions",
        "RegisterTaskDefinition",
    ),
    "logs": (
        "GetLogEvents",
        "DescribeLogGroups",
        "CreateLogGroup",
        "PutRetentionPolicy",
        "CreateLogStream",
        "PutLogEvents",
    ),
    "sts": ("GetCallerIdentity",),
}


def exceptions_of_botocore() -> list[type[Exception]]:
    """Every exception class that botocore defines, without its base classes, ClientErrors and warnings."""
    named = [*vars(botocore.exceptions).values(), *vars(botocore.parsers).values()]
    return [
        one
        for one in named
        if inspect.isclass(one)
        and issubclass(one, Exception)
        and one.__module__.startswith("botocore")
        and not issubclass(one, (ClientError, Warning))
        and one is not BotoCoreError
    ]


def modelled_codes() -> list[str]:
    """Every error code in botocore's models of the operations that are called."""
    session = botocore.session.Session()
    return sorted(
        {
            shape.metadata.get("error", {}).get("code", shape.name)
            for service, operations in OPERATIONS.items()
            for operation in operations
            for shape in session.get_service_model(service).operation_model(operation).error_shapes
        }
    )


def answered(code: str, message: str = "words of AWS", status: int = 400) -> ClientError:
    """An error with which AWS answered."""
    response: Any = {"Error": {"Code": code, "Message": message}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return ClientError(response, "RunTask")


def translated(error: Exception) -> AwsError:
    """Our error for one of botocore's."""
    ours = faults.translate(error, where="ecs:RunTask", doing="start the task")
    assert ours is not None
    return ours


def test_there_are_exceptions_and_codes_to_walk() -> None:
    """The walks below are not empty."""
    assert 80 < len(exceptions_of_botocore())
    assert 15 < len(modelled_codes())


@pytest.mark.parametrize("kind", exceptions_of_botocore(), ids=lambda kind: kind.__name__)
def test_every_exception_of_botocore_is_in_the_table(kind: type[Exception]) -> None:
    """Each class, or a base class other than BotoCoreError, is named, so that it has a kind and mostly a hint."""
    named = [base.__name__ for base in kind.__mro__ if base.__module__.startswith("botocore")]
    assert set(named) & set(faults.EXCEPTIONS)
    fault = faults.fault_of(kind)
    assert fault is not None
    assert fault.kind in {AwsUnreachableError, AwsRefusedError, AwsThrottledError}
    assert fault.hint


def test_every_name_in_the_table_exists() -> None:
    """A name that botocore does not have would be a slip of the pen."""
    names = {base.__name__ for kind in exceptions_of_botocore() for base in kind.__mro__}
    assert set() == set(faults.EXCEPTIONS) - names


@pytest.mark.parametrize("code", modelled_codes())
def test_every_modelled_error_code_is_in_the_table(code: str) -> None:
    """What the operations are said to answer is known, and keeps AWS's words and code."""
    assert code in faults.CODES
    ours = translated(answered(code))
    assert code == ours.code
    assert "words of AWS" in ours.what
    assert "ecs:RunTask" == ours.where


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (answered("ThrottlingException", "Rate exceeded"), AwsThrottledError),
        (answered("InvalidParameterException", "Request limit exceeded."), AwsThrottledError),
        (answered("ClientException", "Rate exceeded"), AwsThrottledError),
        (answered("InvalidParameterException", "InternalError: try again"), AwsThrottledError),
        (answered("ClientException", "Too many concurrent attempts to create a new revision"), AwsThrottledError),
        (answered("ServerException", status=500), AwsThrottledError),
        (answered("503", "<html>", status=503), AwsThrottledError),
        (answered("SomethingNew", status=502), AwsThrottledError),
        (answered("SomethingNew", status=429), AwsThrottledError),
        (answered("SomethingNewThrottled"), AwsThrottledError),
        (answered("SomethingNew"), AwsRefusedError),
        (answered("AccessDeniedException"), AwsRefusedError),
        (answered("ClusterNotFoundException"), AwsRefusedError),
        (answered("ExpiredTokenException"), AwsRefusedError),
    ],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value)[18:60],
)
def test_what_aws_says_decides_the_kind(error: ClientError, kind: type[AwsError]) -> None:
    """Throttling hides in other codes; what is new and not a failure of the server is a refusal."""
    assert kind is type(translated(error))


def test_an_expired_token_asks_for_a_login() -> None:
    """The hint is what to do, not what happened."""
    hint = translated(answered("ExpiredToken")).hint
    assert hint is not None
    assert "Log in again" in hint


def test_a_page_of_html_is_not_printed() -> None:
    """A proxy's error page is no sentence."""
    ours = translated(answered("502", "<!doctype html>\n<html><title>502 Bad Gateway</title>", status=502))
    assert "cannot start the task: the answer is not AWS's (HTTP 502)" == ours.what


def test_an_answer_without_a_message_says_so() -> None:
    """Some endpoints answer with a code alone."""
    ours = translated(answered("AccessDenied", ""))
    assert "cannot start the task: AWS gave no message (AccessDenied)" == ours.what


def test_a_later_botocore_s_exception_is_no_traceback() -> None:
    """What this version does not know is still an error of the tool."""

    class LaterError(BotoCoreError):
        fmt = "from the future"

    LaterError.__module__ = "botocore.exceptions"
    assert AwsUnreachableError is type(translated(LaterError()))


def test_other_exceptions_pass() -> None:
    """A bug of ours is not dressed up as AWS's."""
    assert None is faults.translate(ValueError("ours"), where="ecs:RunTask", doing="start the task")
    with pytest.raises(ValueError, match="ours"), faults.translated("ecs:RunTask", "start the task"):
        raise ValueError("ours")


def test_a_translated_error_keeps_its_cause() -> None:
    """`--debug` and a debugger see what botocore raised."""
    cause = botocore.exceptions.NoCredentialsError()
    with pytest.raises(AwsUnreachableError) as caught, faults.translated("ecs:RunTask", "start the task"):
        raise cause
    assert cause is caught.value.__cause__
    assert caught.value.hint is not None
    assert "AWS_PROFILE" in caught.value.hint
