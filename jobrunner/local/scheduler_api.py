"""EventBridge Scheduler, whole: none of it is moto's.

Source of the rules: botocore's model of scheduler 2021-06-30, the API reference and the Scheduler user guide.
"""

from __future__ import annotations

import base64
import binascii
import logging
from typing import TYPE_CHECKING, Any, Final

from jobrunner.local import schedule_checks, stack_groups
from jobrunner.local.schedule_clock import FastClock
from jobrunner.local.schedule_expression import BEGINNING
from jobrunner.local.schedule_model import operation_of, parameters, service
from jobrunner.local.schedule_store import DEFAULT_GROUP, Group, Schedule, ScheduleStore
from jobrunner.local.schedule_targets import Targets, missing, stops
from jobrunner.local.schedule_ticker import Ticker
from jobrunner.local.wire import ApiError, Reply, dumps

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

    from jobrunner.local.schedule_store import Key
    from jobrunner.local.wire import Request

    #: Parameters and region → the answer.
    _Operation = Callable[[dict[str, Any], str], dict[str, Any]]

_PAGE: Final = 100
_JSON: Final = "application/json"
_SHOWN: Final = (
    "Description",
    "ScheduleExpression",
    "ScheduleExpressionTimezone",
    "StartDate",
    "EndDate",
    "State",
    "KmsKeyArn",
    "Target",
    "FlexibleTimeWindow",
    "ActionAfterCompletion",
)
_log = logging.getLogger(__name__)


class SchedulerApi:
    """The operations of EventBridge Scheduler, and the thread that fires.

    Args:
        call: Answers a request as if a client had sent it: how targets are called.
        clock: Seconds since 1970.
        speed: How many seconds of Scheduler's clock pass in one of that. Schedules that stop a task go by `clock`
            whatever the speed: tasks run in real time, and such a schedule is the timeout of one.
        begins: What Scheduler's clock shows at first, in seconds since 1970; the time when it is left out.
    """

    def __init__(
        self,
        call: Callable[[Request], Reply | None],
        clock: Callable[[], float],
        speed: float = 1.0,
        begins: float | None = None,
    ) -> None:
        self._store = ScheduleStore()
        stack_groups.follow(self._store)
        self._stopping = self._ticker = Ticker(self._store, Targets(call), clock)
        if speed != 1 or begins is not None:
            fast = FastClock(began=clock() if begins is None else begins, speed=speed)
            self._ticker = Ticker(self._store, Targets(call), fast, speed=speed)
        self._operations: dict[str, _Operation] = {
            "CreateSchedule": self._create,
            "UpdateSchedule": self._update,
            "GetSchedule": self._get,
            "DeleteSchedule": self._delete,
            "ListSchedules": self._list,
            "CreateScheduleGroup": self._create_group,
            "GetScheduleGroup": self._get_group,
            "DeleteScheduleGroup": self._delete_group,
            "ListScheduleGroups": self._list_groups,
            "ListTagsForResource": self._list_tags,
            "TagResource": self._tag,
            "UntagResource": self._untag,
        }

    def close(self) -> None:
        """Fire nothing any more."""
        stack_groups.leave(self._store)
        self._ticker.close()
        self._stopping.close()

    def answer(self, request: Request) -> Reply:
        """The reply to a request that is signed for Scheduler."""
        try:
            operation, in_path = operation_of(service("scheduler"), request)
            asked = parameters(operation, request, in_path)
            return Reply(body=dumps(self._operations[operation.name](asked, request.region)), content_type=_JSON)
        except ApiError as error:
            # REST services name the code in a header, and Scheduler's errors have a capital Message (botocore's model).
            headers = (("x-amzn-ErrorType", error.code),)
            body = dumps({"Message": error.message})
            return Reply(body=body, status=error.status, content_type=_JSON, headers=headers)

    # -- schedules ---------------------------------------------------------------------------------------------

    def _create(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        schedule = schedule_checks.created(asked, region=region, now=self._keeper(asked["Target"]).now())
        if self._store.add(schedule):
            self._arm(schedule, BEGINNING)
        return {"ScheduleArn": schedule.arn}

    def _update(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """Replace a schedule. One whose time has passed and stays the same does not fire again."""
        now = self._keeper(asked["Target"]).now()
        new = schedule_checks.created(asked, region=region, now=now)
        kept = self._store.replace(new.key, lambda old: schedule_checks.updated(old, new))
        self._arm(kept, BEGINNING if kept.since == now else now - kept.delay)
        return {"ScheduleArn": kept.arn}

    def _arm(self, schedule: Schedule, after: datetime) -> None:
        for words in missing(schedule):
            _log.warning("schedule %s/%s: %s", schedule.group, schedule.name, words)
        self._keeper(schedule.target).arm(schedule, after)

    def _keeper(self, target: Mapping[str, Any]) -> Ticker:
        """Who keeps the time of a schedule."""
        return self._stopping if stops(target) else self._ticker

    def _get(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        schedule = self._store.get(_key(asked, region))
        shown = {name: schedule.settings[name] for name in _SHOWN if name in schedule.settings}
        return {**_names(schedule), **shown}

    def _delete(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        self._store.remove(_key(asked, region))
        return {}

    def _list(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """Summaries, which have neither expression nor Input."""
        group, prefix, state = asked.get("GroupName"), asked.get("NamePrefix", ""), asked.get("State")
        if group is not None:
            self._store.group(region, group)
        found = [
            one
            for one in self._store.of(region)
            if group in {None, one.group} and one.name.startswith(prefix) and state in {None, one.settings["State"]}
        ]
        page, token = _page(asked, [(f"{one.group}\0{one.name}", one) for one in found])
        summaries = [
            {**_names(one), "State": one.settings["State"], "Target": {"Arn": one.target["Arn"]}} for one in page
        ]
        return {"Schedules": summaries, **token}

    # -- groups ------------------------------------------------------------------------------------------------

    def _create_group(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        group = Group(
            region=region,
            name=asked["Name"],
            created_at=self._ticker.now(),
            tags=_checked_tags({}, asked.get("Tags", [])),
            asked={name: value for name, value in asked.items() if name != "ClientToken"},
            token=asked.get("ClientToken"),
        )
        self._store.add_group(group)
        return {"ScheduleGroupArn": group.arn}

    def _get_group(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        return _described(self._store.group(region, asked["Name"]))

    def _delete_group(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        """Delete a group with its schedules, at once; AWS's is DELETING for a while."""
        if asked["Name"] == DEFAULT_GROUP:
            raise ApiError("ValidationException", "The default schedule group cannot be deleted.")
        self._store.remove_group(region, asked["Name"])
        return {}

    def _list_groups(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        found = [one for one in self._store.groups(region) if one.name.startswith(asked.get("NamePrefix", ""))]
        page, token = _page(asked, [(one.name, one) for one in found])
        return {"ScheduleGroups": [_described(one) for one in page], **token}

    # -- tags, which only groups have --------------------------------------------------------------------------

    def _list_tags(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        return {"Tags": [{"Key": key, "Value": value} for key, value in self._tagged(asked, region).tags.items()]}

    def _tag(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        group = self._tagged(asked, region)
        group.tags = _checked_tags(group.tags, asked["Tags"])
        return {}

    def _untag(self, asked: dict[str, Any], region: str) -> dict[str, Any]:
        group = self._tagged(asked, region)
        group.tags = {key: value for key, value in group.tags.items() if key not in asked["TagKeys"]}
        return {}

    def _tagged(self, asked: dict[str, Any], region: str) -> Group:
        return self._store.group(region, asked["ResourceArn"].rpartition("/")[2])


def _key(asked: Mapping[str, Any], region: str) -> Key:
    return (region, asked.get("GroupName", DEFAULT_GROUP), asked["Name"])


def _names(schedule: Schedule) -> dict[str, Any]:
    return {
        "Arn": schedule.arn,
        "Name": schedule.name,
        "GroupName": schedule.group,
        "CreationDate": schedule.created_at.timestamp(),
        "LastModificationDate": schedule.modified_at.timestamp(),
    }


def _described(group: Group) -> dict[str, Any]:
    described = {"Arn": group.arn, "Name": group.name, "State": "ACTIVE"}
    if group.created_at is None:
        return described
    at = group.created_at.timestamp()
    return {**described, "CreationDate": at, "LastModificationDate": at}


def _checked_tags(known: Mapping[str, str], added: Sequence[Mapping[str, str]]) -> dict[str, str]:
    if any(tag["Key"].lower().startswith("aws:") for tag in added):
        raise ApiError("ValidationException", "Tag keys that start with aws: are reserved for system use.")
    return {**known, **{tag["Key"]: tag["Value"] for tag in added}}


def _page(asked: Mapping[str, Any], found: Sequence[tuple[str, Any]]) -> tuple[list[Any], dict[str, str]]:
    """The things of one page, in the order of their names, and the token of the next, which names the last one."""
    limit = asked.get("MaxResults", _PAGE)
    after = _unsealed(asked["NextToken"]) if "NextToken" in asked else ""
    rest = [(name, thing) for name, thing in found if name > after]
    token = {"NextToken": base64.urlsafe_b64encode(rest[limit - 1][0].encode()).decode()} if len(rest) > limit else {}
    return [thing for _, thing in rest[:limit]], token


def _unsealed(token: str) -> str:
    try:
        return base64.b64decode(token, altchars=b"-_", validate=True).decode()
    except (ValueError, binascii.Error):
        raise ApiError("ValidationException", "The NextToken is not valid.") from None
