"""What can go wrong with a call, as our three kinds of errors: the one table.

- `AwsUnreachableError`: no answer. The call may have arrived or not.
- `AwsRefusedError`: an answer that the same call would get again.
- `AwsThrottledError`: AWS asked for fewer calls, or failed on its side.

botocore's exceptions are matched by the name of their class, so that nothing of botocore is imported here
before it has raised something.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from jobrunner.errors import AwsError, AwsRefusedError, AwsThrottledError, AwsUnreachableError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_UNREACHABLE, _REFUSED, _THROTTLED = AwsUnreachableError, AwsRefusedError, AwsThrottledError

_LOGIN = "Log in again (`aws sso login`, `aws login`, or whatever gives you credentials), then repeat the command."
_CREDENTIALS = (
    "boto3 looked at AWS_ACCESS_KEY_ID, the profile in ~/.aws, single sign-on, and the role of the container or "
    "machine. Log in (`aws configure`, `aws sso login`), set AWS_PROFILE, or use `--local`, which needs none."
)
_SETTINGS = "Correct it in ~/.aws/config, ~/.aws/credentials or the AWS_* environment variables."
_NETWORK = "Check the network, the region's name, HTTPS_PROXY, and the endpoint if one is set."
_OURS = "This is a fault of jobrunner: please report it with this message."
_LATER = "It is worth trying again a little later."
_ACCESS = "The credentials lack the permission that AWS names; `aws sts get-caller-identity` says whose they are."


@dataclass(frozen=True)
class Fault:
    """What an exception or an error code means, and what helps."""

    kind: type[AwsError]
    hint: str | None = None


#: botocore's exceptions by class name; the nearest base class that is named here counts.
EXCEPTIONS: Mapping[str, Fault] = {
    # No answer.
    "ConnectionError": Fault(_UNREACHABLE, _NETWORK),
    "HTTPClientError": Fault(_UNREACHABLE, _NETWORK),
    "SSLError": Fault(_UNREACHABLE, "A proxy that inspects traffic needs its certificate in AWS_CA_BUNDLE."),
    "ProxyConnectionError": Fault(_UNREACHABLE, "Check HTTPS_PROXY and NO_PROXY."),
    "IncompleteReadError": Fault(_UNREACHABLE, _NETWORK),
    "ResponseParserError": Fault(_UNREACHABLE, "What answered is not AWS: check the endpoint and the proxy."),
    "ParserError": Fault(_UNREACHABLE, "What answered is not AWS: check the endpoint and the proxy."),
    # No credentials: nothing was sent.
    "NoCredentialsError": Fault(_UNREACHABLE, _CREDENTIALS),
    "NoAuthTokenError": Fault(_UNREACHABLE, _CREDENTIALS),
    "PartialCredentialsError": Fault(_UNREACHABLE, _CREDENTIALS),
    "CredentialRetrievalError": Fault(_UNREACHABLE, _CREDENTIALS),
    "MetadataRetrievalError": Fault(_UNREACHABLE, _CREDENTIALS),
    "UnknownCredentialError": Fault(_REFUSED, _SETTINGS),
    "TokenRetrievalError": Fault(_UNREACHABLE, _LOGIN),
    "UnknownTokenProviderError": Fault(_REFUSED, _SETTINGS),
    "RefreshWithMFAUnsupportedError": Fault(_REFUSED, _LOGIN),
    "SSOError": Fault(_REFUSED, _LOGIN),
    "LoginError": Fault(_REFUSED, _LOGIN),
    # Settings of the AWS files and variables.
    "NoRegionError": Fault(_REFUSED, "Set `region` in jobrunner.yaml, JOBRUNNER_REGION or AWS_REGION."),
    "UnknownRegionError": Fault(_REFUSED, "Check `region`."),
    "InvalidRegionError": Fault(_REFUSED, "Check `region`."),
    "ServiceNotInRegionError": Fault(_REFUSED, "Check `region`."),
    "BaseEndpointResolverError": Fault(_REFUSED, "Check `region` and AWS_ENDPOINT_URL."),
    "EndpointProviderError": Fault(_REFUSED, "Check `region` and AWS_ENDPOINT_URL."),
    "InvalidEndpointConfigurationError": Fault(_REFUSED, "Check AWS_ENDPOINT_URL."),
    "InvalidEndpointDiscoveryConfigurationError": Fault(_REFUSED, _SETTINGS),
    "InvalidHostLabelError": Fault(_REFUSED, "Check AWS_ENDPOINT_URL."),
    "ProfileNotFound": Fault(_REFUSED, "`aws configure list-profiles` lists them; AWS_PROFILE or `profile` names one."),
    "ConfigParseError": Fault(_REFUSED, _SETTINGS),
    "ConfigNotFound": Fault(_REFUSED, _SETTINGS),
    "InvalidConfigError": Fault(_REFUSED, _SETTINGS),
    "InvalidRetryConfigurationError": Fault(_REFUSED, _SETTINGS),
    "InvalidSTSRegionalEndpointsConfigError": Fault(_REFUSED, _SETTINGS),
    "InvalidS3UsEast1RegionalEndpointConfigError": Fault(_REFUSED, _SETTINGS),
    "InvalidProxiesConfigError": Fault(_REFUSED, _SETTINGS),
    "InvalidDefaultsMode": Fault(_REFUSED, _SETTINGS),
    "InvalidChecksumConfigError": Fault(_REFUSED, _SETTINGS),
    "InvalidIMDSEndpointError": Fault(_REFUSED, _SETTINGS),
    "InvalidIMDSEndpointModeError": Fault(_REFUSED, _SETTINGS),
    "UnknownSignatureVersionError": Fault(_REFUSED, _SETTINGS),
    "UnsupportedSignatureVersionError": Fault(_REFUSED, _SETTINGS),
    # An installation that lacks something.
    "DataNotFoundError": Fault(_REFUSED, "Install boto3 again; AWS_DATA_PATH may hide its data."),
    "ApiVersionNotFoundError": Fault(_REFUSED, "Install boto3 again; AWS_DATA_PATH may hide its data."),
    "MissingDependencyException": Fault(_REFUSED, "Install what it names beside jobrunner."),
    "MD5UnavailableError": Fault(_REFUSED, _SETTINGS),
    "UnsupportedServiceProtocolsError": Fault(_REFUSED, "Install a newer boto3."),
    "UndefinedModelAttributeError": Fault(_REFUSED, "Install boto3 again; AWS_DATA_PATH may hide its data."),
    "UnknownServiceStyle": Fault(_REFUSED, "Install boto3 again; AWS_DATA_PATH may hide its data."),
    # A damaged answer, or botocore's own brake after many errors.
    "ChecksumError": Fault(_UNREACHABLE, _NETWORK),
    "FlexibleChecksumError": Fault(_UNREACHABLE, _NETWORK),
    "AwsChunkedWrapperError": Fault(_UNREACHABLE, _NETWORK),
    "UnseekableStreamError": Fault(_UNREACHABLE, _NETWORK),
    "CapacityNotAvailableError": Fault(_THROTTLED, _LATER),
    # A request that botocore did not send, because its own model of the API forbids it.
    "ParamValidationError": Fault(_REFUSED, _OURS),
    "ValidationError": Fault(_REFUSED, _OURS),
    "MissingParametersError": Fault(_REFUSED, _OURS),
    "PaginationError": Fault(_REFUSED, _OURS),
    "OperationNotPageableError": Fault(_REFUSED, _OURS),
    "WaiterError": Fault(_REFUSED, _OURS),
    "WaiterConfigError": Fault(_REFUSED, _OURS),
    "InvalidExpressionError": Fault(_REFUSED, _OURS),
    "UnknownClientMethodError": Fault(_REFUSED, _OURS),
    "StubResponseError": Fault(_REFUSED, _OURS),
    "InvalidDNSNameError": Fault(_REFUSED, _OURS),
    "InvalidS3AddressingStyleError": Fault(_REFUSED, _OURS),
    "UnsupportedS3ArnError": Fault(_REFUSED, _OURS),
    "UnsupportedS3ControlArnError": Fault(_REFUSED, _OURS),
    "UnsupportedOutpostResourceError": Fault(_REFUSED, _OURS),
    "UnsupportedS3ConfigurationError": Fault(_REFUSED, _OURS),
    "UnsupportedS3AccesspointConfigurationError": Fault(_REFUSED, _OURS),
    "UnsupportedS3ControlConfigurationError": Fault(_REFUSED, _OURS),
}

#: AWS's error codes. ThrottlingException and its like stand in no service's model.
CODES: Mapping[str, Fault] = {
    **dict.fromkeys(
        (
            "BandwidthLimitExceeded",
            "EC2ThrottledException",
            "PriorRequestNotComplete",
            "RequestLimitExceeded",
            "RequestThrottled",
            "RequestThrottledException",
            "SlowDown",
            "Throttling",
            "ThrottlingException",
            "ThrottledException",
            "TooManyRequestsException",
        ),
        Fault(_THROTTLED, "AWS asked for fewer calls. " + _LATER),
    ),
    **dict.fromkeys(
        (
            "InternalError",
            "InternalFailure",
            "InternalServerError",
            "InternalServerException",
            "OperationAbortedException",
            "RequestTimeout",
            "RequestTimeoutException",
            "ServerException",
            "ServiceUnavailable",
            "ServiceUnavailableException",
        ),
        Fault(_THROTTLED, "AWS failed on its side. " + _LATER),
    ),
    **dict.fromkeys(
        ("ExpiredToken", "ExpiredTokenException", "RequestExpired"),
        Fault(_REFUSED, "The credentials have expired. " + _LOGIN),
    ),
    **dict.fromkeys(
        (
            "IncompleteSignature",
            "InvalidClientTokenId",
            "InvalidSignatureException",
            "MissingAuthenticationToken",
            "MissingAuthenticationTokenException",
            "NotAuthorized",
            "OptInRequired",
            "SignatureDoesNotMatch",
            "UnrecognizedClientException",
        ),
        Fault(_REFUSED, "AWS does not accept the credentials, or the clock of this machine is wrong. " + _LOGIN),
    ),
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "UnauthorizedOperation"), Fault(_REFUSED, _ACCESS)),
    "BlockedException": Fault(_REFUSED, "AWS has blocked the account: ask AWS Support."),
    "ClusterNotFoundException": Fault(
        _REFUSED, "Check `cluster`, `region` and the account: `aws ecs list-clusters` lists what is there."
    ),
    "PlatformUnknownException": Fault(_REFUSED, "Check `platform_version`."),
    "PlatformTaskDefinitionIncompatibilityException": Fault(
        _REFUSED, "The platform version or the operating system does not fit the task definition."
    ),
    "UnsupportedFeatureException": Fault(_REFUSED, "The region does not have what the job asks for."),
    "LimitExceededException": Fault(_REFUSED, "Ask for a higher quota in the Service Quotas console."),
    "ServiceQuotaExceededException": Fault(_REFUSED, "Ask for a higher quota in the Service Quotas console."),
    **dict.fromkeys(
        (
            "ClientException",
            "ConflictException",
            "DataAlreadyAcceptedException",
            "InvalidAction",
            "InvalidOperationException",
            "InvalidParameterException",
            "InvalidSequenceTokenException",
            "ResourceAlreadyExistsException",
            "ResourceInUseException",
            "ResourceNotFoundException",
            "ServiceNotFoundException",
            "UnknownOperationException",
            "ValidationException",
        ),
        Fault(_REFUSED),
    ),
}

#: Texts with which ECS says "later" under a code that says "never" (seen in InvalidParameterException and
#: ClientException: "Request limit exceeded.", "Rate exceeded", "InternalError").
_LATER_TEXTS = ("rate exceeded", "request limit exceeded", "internalerror", "too many concurrent attempts")

#: Texts that say more than their code: EventBridge Scheduler tries a role at once, and says ValidationException both
#: of a wrong trust policy and of a role that IAM has not made known everywhere yet. The condition it checks holds the
#: group's ARN ("Confused deputy prevention", Scheduler user guide).
_TEXTS: Mapping[str, Fault] = {
    "must allow aws eventbridge scheduler to assume the role": Fault(
        _REFUSED,
        "The role must trust scheduler.amazonaws.com; a condition on aws:SourceArn names the schedule group, never a "
        "schedule. A role that has just been created is refused for a while: repeat the command.",
    ),
}
_SERVER_ERROR = 500
_TOO_MANY = 429


@contextmanager
def translated(where: str, doing: str) -> Iterator[None]:
    """Raise our error for whatever botocore raises in the body; everything else passes.

    Args:
        where: `ecs:RunTask`.
        doing: `start the task`.
    """
    try:
        yield
    except Exception as error:
        ours = translate(error, where=where, doing=doing)
        if ours is None:
            raise
        raise ours from error


def translate(error: Exception, *, where: str, doing: str) -> AwsError | None:
    """Give our error for an exception of botocore's; None for one that is not botocore's."""
    if is_client_error(error):
        return _answered(error, where=where, doing=doing)
    fault = fault_of(type(error))
    if fault is None:
        return None
    return fault.kind(f"cannot {doing}: {_one_line(error)}", where=where, hint=fault.hint)


def is_client_error(error: Exception) -> bool:
    """Tell whether AWS itself answered with this error."""
    return any(base.__name__ == "ClientError" and _is_botocore(base) for base in type(error).__mro__)


def fault_of(kind: type[BaseException]) -> Fault | None:
    """Give the fault of a class of exceptions of botocore's; None if it is none or is not in the table."""
    for base in kind.__mro__:
        if _is_botocore(base) and base.__name__ in EXCEPTIONS:
            return EXCEPTIONS[base.__name__]
    # Of a later botocore: the call did not do what it should, and nothing more is known.
    unknown = any(base.__name__ == "BotoCoreError" for base in kind.__mro__)
    return Fault(_UNREACHABLE) if unknown else None


def code_of(error: Exception) -> str:
    """Give AWS's error code; "" when there is none."""
    return str(_error(error).get("Code") or "")


def answered(error: Exception, code: str) -> bool:
    """Tell whether AWS has answered with this code."""
    return is_client_error(error) and code_of(error) == code


def message_of(error: Exception) -> str:
    """Give what AWS said."""
    return " ".join(str(_error(error).get("Message") or "").split())


def _answered(error: Exception, *, where: str, doing: str) -> AwsError:
    code, said = code_of(error), message_of(error)
    fault = _fault_of_answer(code, said, _status(error))
    if said.startswith("<"):  # an error page of a proxy or a web server
        what = f"cannot {doing}: the answer is not AWS's (HTTP {_status(error)})"
        return fault.kind(what, where=where, hint=fault.hint, code=code or None)
    what = f"cannot {doing}: {said.rstrip('.') or 'AWS gave no message'}"
    return fault.kind(f"{what} ({code})" if code else what, where=where, hint=fault.hint, code=code or None)


def _fault_of_answer(code: str, said: str, status: int) -> Fault:
    lowered = said.lower()
    if any(text in lowered for text in _LATER_TEXTS):
        return CODES["ThrottlingException"]
    for text, fault in _TEXTS.items():
        if text in lowered:
            return fault
    if code in CODES:
        return CODES[code]
    if status == _TOO_MANY or "throttl" in code.lower():
        return CODES["ThrottlingException"]
    if status >= _SERVER_ERROR:
        return CODES["ServerException"]
    return Fault(_REFUSED)


def _error(error: Exception) -> Mapping[str, Any]:
    response: Mapping[str, Any] = getattr(error, "response", None) or {}
    found: Mapping[str, Any] = response.get("Error") or {}
    return found


def _status(error: Exception) -> int:
    response = getattr(error, "response", None) or {}
    return int((response.get("ResponseMetadata") or {}).get("HTTPStatusCode") or 0)


def _is_botocore(kind: type[BaseException]) -> bool:
    return kind.__module__.partition(".")[0] == "botocore"


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())
