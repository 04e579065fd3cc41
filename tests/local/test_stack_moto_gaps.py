"""What moto's CloudFormation lacks, one test for each reason of `stack_moto` and `stack_resources`.

Each test states what moto does today. When one fails, moto has closed that gap, and our part may go.
"""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

MESSAGE = "moto closed this gap: our part may go"
#: In a process of its own: in this one, moto may have been put right already.
CODE = """
import json, warnings, boto3
warnings.simplefilter("ignore")
from moto import mock_aws
from moto.cloudformation import models, parsing
from moto.cloudformation.utils import get_stack_from_s3_url
from moto.iam.models import iam_backends
from moto.s3.models import s3_backends
from moto.sqs.models import sqs_backends

ACCOUNT, REGION = "111122223333", "us-east-1"
backend = models.cloudformation_backends[ACCOUNT][REGION]
iam, sqs = iam_backends[ACCOUNT]["aws"], sqs_backends[ACCOUNT][REGION]
document = {"Version": "2012-10-17", "Statement": []}
role = {
    "RoleName": {"Ref": "RoleName"},
    "AssumeRolePolicyDocument": {**document, "Id": {"Fn::Sub": "${Word}"}},
    "Policies": [{"PolicyName": "p", "PolicyDocument": {**document, "Id": {"Ref": "Word"}}}],
}
template = json.dumps({
    "Parameters": {
        "Word": {"Type": "String"},
        "RoleName": {"Type": "String", "Default": "r"},
        "QueueName": {"Type": "String", "Default": "q"},
        "List": {"Type": "CommaDelimitedList", "Default": "a,b"},
    },
    "Resources": {
        "Role": {"Type": "AWS::IAM::Role", "Properties": role},
        "Queue": {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Ref": "QueueName"}}},
    },
    "Outputs": {"Name": {"Value": {"Ref": "Role"}}},
})

def change(kind, **parameters):
    identifier, _ = backend.create_change_set("s", f"c-{kind}", template, parameters, None, kind)
    backend.execute_change_set(identifier)

def fails(work):
    try:
        work()
    except Exception as error:
        return type(error).__name__
    return None

def named(name):
    return next((one for one in iam.roles.values() if one.name == name), None)

facts = {}
facts["types"] = sorted(parsing.get_model_map())
facts["list"] = parsing.clean_json([1, {"Ref": "AWS::NoValue"}], {"AWS::NoValue": None})
change("CREATE", Word="one", List="c,d")
stack = backend.get_stack("s")
facts["outputs"] = stack.outputs
facts["policy"] = type(named("r").policies["p"]).__name__
facts["parameter"] = stack.stack_parameters["List"]
facts["unchanged"] = fails(lambda: change("UPDATE", Word="one", List=stack.stack_parameters["List"]))
sub = {"Resources": {"A": {"Type": "T", "Properties": {"Name": {"Fn::Sub": "${Word}"}}}}}
plain = parsing.ResourceMap("i", "s", {"Word": "one"}, {}, REGION, ACCOUNT, sub, {})
facts["through_sub"] = plain.build_resource_diff(sub, {"Word": "two"})["Modify"]
change("UPDATE", Word="two", List="c,d")
facts["kept_parameters"] = stack.parameters["Word"]
facts["trust"] = json.loads(named("r").assume_role_policy_document)["Id"]
facts["role_renamed"] = fails(lambda: change("UPDATE", Word="two", List="c,d", RoleName="other"))
change("UPDATE", Word="two", List="c,d", RoleName="r", QueueName="other")
facts["queues"] = sorted(sqs.queues)
s3 = s3_backends[ACCOUNT]["aws"]
s3.create_bucket("templates", REGION)
s3.put_object("templates", "k", b"{}")
facts["log_group"] = "update_from_cloudformation_json" in vars(parsing.get_model_map()["AWS::Logs::LogGroup"])
facts["url"] = fails(lambda: get_stack_from_s3_url("http://127.0.0.1:5000/templates/k", ACCOUNT, "aws"))
with mock_aws():
    client = boto3.client("cloudformation", REGION, aws_access_key_id="a", aws_secret_access_key="b")
    given = {
        "StackName": "t",
        "TemplateBody": template,
        "Parameters": [
            {"ParameterKey": key, "ParameterValue": key} for key in ("Word", "RoleName", "QueueName")
        ],
    }
    simple = json.loads(template)
    del simple["Parameters"]["List"]
    given["TemplateBody"] = json.dumps(simple)
    client.create_stack(**given)
    facts["same"] = fails(lambda: client.create_change_set(ChangeSetName="same", ChangeSetType="UPDATE", **given))
print(json.dumps(facts, default=str))
"""


@pytest.fixture(scope="module")
def facts() -> dict[str, Any]:
    """What moto does."""
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=False, timeout=120)
    assert 0 == done.returncode, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_schedule_groups_and_policies_are_unknown(facts: dict[str, Any]) -> None:
    """Resources of these types are left out with a warning. → stack_resources."""
    ours = ("AWS::Scheduler::", "AWS::SQS::QueueP", "AWS::SNS::TopicP")
    assert [] == [name for name in facts["types"] if name.startswith(ours)], MESSAGE


def test_no_value_is_a_null_in_a_list(facts: dict[str, Any]) -> None:
    """AWS leaves it out, as it does in a mapping. → stack_moto._without_nulls."""
    assert [1, None] == facts["list"], MESSAGE


def test_a_change_behind_sub_is_not_seen(facts: dict[str, Any]) -> None:
    """A parameter that only `Fn::Sub` names changes nothing. → stack_moto._complete."""
    assert [] == facts["through_sub"], MESSAGE


def test_a_stack_of_a_change_set_has_no_outputs(facts: dict[str, Any]) -> None:
    """`aws cloudformation deploy` makes such stacks. → stack_moto._apply."""
    assert facts["outputs"] is None, MESSAGE


def test_a_change_set_does_not_leave_its_parameters(facts: dict[str, Any]) -> None:
    """So the same once more is a change. → stack_moto._apply."""
    assert "one" == facts["kept_parameters"], MESSAGE


def test_a_list_cannot_stay_as_it_is(facts: dict[str, Any]) -> None:
    """`UsePreviousValue` gives a list where a text is expected. → stack_moto._parameters."""
    assert (["c", "d"], "AttributeError") == (facts["parameter"], facts["unchanged"]), MESSAGE


def test_a_change_set_without_a_change_is_refused(facts: dict[str, Any]) -> None:
    """AWS makes it, and lets it fail. → stack_moto._unrefused."""
    assert "ClientError" == facts["same"], MESSAGE


def test_an_inline_policy_is_no_json(facts: dict[str, Any]) -> None:
    """It stays the dict of the template. → stack_moto._as_json."""
    assert "dict" == facts["policy"], MESSAGE


def test_a_role_keeps_its_policies(facts: dict[str, Any]) -> None:
    """An update changes the description at most. → stack_moto._update_role."""
    assert "one" == facts["trust"], MESSAGE


def test_roles_and_queues_cannot_be_renamed(facts: dict[str, Any]) -> None:
    """AWS makes another one and deletes the old one. → stack_moto._replacing."""
    assert ("NotFoundException", ["q"]) == (facts["role_renamed"], facts["queues"]), MESSAGE


def test_a_log_group_cannot_be_changed(facts: dict[str, Any]) -> None:
    """A stack whose template has another retention cannot be updated. → stack_moto._update_log_group."""
    assert facts["log_group"] is False, MESSAGE


def test_the_address_of_the_endpoint_is_no_bucket(facts: dict[str, Any]) -> None:
    """Only `localhost` is an endpoint whose paths begin with the bucket. → stack_moto._from_here."""
    assert "MissingBucket" == facts["url"], MESSAGE
