"""The steps of a set-up operation against a scripted vault: ends are those of jobs, and one 404 ends nothing."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from shared.arm.ids import ResourceId
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.failovers.kinds import NETWORK_MAPPING, PROTECTED_ITEM, RECOVERY_PLAN, REPLICATION_POLICY, SetUpKind
from shared.failovers.set_up.requests import Change
from shared.failovers.set_up.service import SetUp
from shared.failovers.set_up.state import SetUpChange
from shared.failovers.vault.gateway import StartedJob, job_name
from shared.operations.accepting.resolving import Resolution, ResolvedAs
from shared.operations.model.models import Actor, Status
from shared.operations.running.outcomes import End, Wait
from shared.values.sent import SentBody
from tests.failovers.samples import CONTAINER, VAULT, item_json, job_json
from tests.failovers.set_up_kit import FORTNIGHT, POLICY, Vault, failure, put_policy, vault
from tests.support.clocks import ManualClock


async def test_a_write_ends_with_its_job() -> None:
    one = vault(put_policy())
    assert isinstance(await one.run(), Wait)
    assert one.write["job"] == "job1"
    one.gateway.things.append(job_json("InProgress"))
    assert isinstance(await one.run("following"), Wait)
    one.gateway.things[-1]["properties"] |= {"state": "Succeeded", "stateDescription": "Completed"}
    assert await one.run("following") == End(Status.SUCCEEDED)
    assert len(one.gateway.sent) == 1


async def test_an_answer_without_a_job_is_an_end_unless_it_is_a_202() -> None:
    done = vault(put_policy())
    done.gateway.answer = StartedJob(None, done.clock.now())
    assert await done.run() == End(Status.SUCCEEDED)


@pytest.mark.parametrize(("state", "status"), [("Succeeded", Status.SUCCEEDED), ("Failed", Status.FAILED)])
async def test_a_202_that_names_no_job_ends_with_the_job_of_its_request(state: str, status: Status) -> None:
    one = vault(put_policy())
    one.gateway.answer = StartedJob(None, one.clock.now(), accepted=True)
    outcome = await one.run(rounds=3)
    assert isinstance(outcome, Wait)
    assert outcome.attention is None
    errors = [{"serviceErrorDetails": {"code": "520", "message": "the policy is wrong", "recommendedAction": "mend it"}}]
    one.gateway.things.append(job_json(state, stateDescription=state, errors=errors if state == "Failed" else []))
    ended = await one.run("following")
    assert isinstance(ended, End)
    assert ended.status is status
    if ended.error is not None:
        assert ended.error.code == ErrorCode.SET_UP_FAILED
        assert ended.error.details[0].details[0].code == "520"
        assert "the policy is wrong mend it" in ended.error.message
    assert len(one.gateway.sent) == 1


async def test_a_202_without_a_job_asks_for_attention_and_never_ends() -> None:
    one = vault(put_policy())
    one.gateway.answer = StartedJob(None, one.clock.now(), accepted=True)
    outcome = await one.run(rounds=40)
    assert isinstance(outcome, Wait)
    assert outcome.attention is not None
    assert outcome.attention[0] == ErrorCode.OUTCOME_UNKNOWN
    one.gateway.things.append(job_json("Succeeded"))
    assert await one.run("following") == End(Status.SUCCEEDED)


@pytest.mark.parametrize("looks", [1, 2, 4])
async def test_a_job_that_is_not_shown_for_a_while_ends_nothing(looks: int) -> None:
    one = vault(put_policy())
    one.gateway.things.append(job_json("InProgress"))
    one.gateway.hidden = one.gateway.unlisted = {f"{VAULT}/replicationJobs/job1"}
    outcome = await one.run(rounds=looks)
    assert isinstance(outcome, Wait)
    assert outcome.attention is None
    one.gateway.hidden = one.gateway.unlisted = set()
    assert isinstance(await one.run("following"), Wait)
    one.gateway.things[-1]["properties"] |= {"state": "Succeeded"}
    assert await one.run("following") == End(Status.SUCCEEDED)


async def test_a_job_that_stays_absent_asks_for_attention() -> None:
    one = vault(put_policy())
    outcome = await one.run(rounds=20)
    assert isinstance(outcome, Wait)
    assert outcome.attention is not None
    assert outcome.attention[0] == ErrorCode.OUTCOME_UNKNOWN


@pytest.mark.parametrize("state", ["InProgress", "Reconciling"])
async def test_a_job_that_goes_on_for_a_day_asks_for_attention(state: str) -> None:
    one = vault(put_policy())
    await one.run()
    one.gateway.things.append(job_json(state))
    for hours, asks in ((1, False), (22, False), (2, True), (48, True)):
        one.clock.advance(timedelta(hours=hours))
        outcome = await one.run("following")
        assert isinstance(outcome, Wait)
        assert (outcome.attention and outcome.attention[0]) == (ErrorCode.NO_PROGRESS if asks else None)
    one.gateway.things[-1]["properties"]["state"] = "Succeeded"
    assert await one.run("following") == End(Status.SUCCEEDED)


@dataclass
class Commands:
    """The commands of a set-up operation that waits; an input goes to its claim."""

    one: Vault
    step: str = "following"

    @property
    def store(self) -> Any:
        async def active(_id: str) -> Any:
            return SimpleNamespace(step=self.step)

        return SimpleNamespace(active=active)

    async def submit_input(self, operation: Any, given: Any, guard: Callable[[Any], None]) -> Any:
        guard(SimpleNamespace(step=self.step))
        cast("Any", self.one.claim).given.append(given)
        return operation


async def resolve(one: Vault, outcome: ResolvedAs, job: str | None = None, *, step: str = "following") -> None:
    """Resolve an operation as a person does."""
    commands = cast("Any", Commands(one, step))
    nothing = cast("Any", None)
    set_up = SetUp(nothing, nothing, nothing, nothing, commands, cast("Any", one.gateway), one.clock)
    operation = cast("Any", SimpleNamespace(id="one", body=one.claim.operation.body, detail=one.claim.detail))
    await set_up.resolve(operation, Resolution(outcome, job), Actor("user", "olga", "Olga"))


async def lost(change: SetUpChange, *things: dict[str, Any]) -> Vault:
    """Return an operation that asks for attention, because the job of its write is not shown."""
    one = vault(change, *things)
    outcome = await one.run(rounds=20)
    assert isinstance(outcome, Wait)
    assert outcome.attention is not None
    return one


async def test_a_lost_job_is_resolved_by_another_job_that_the_vault_has() -> None:
    one = await lost(put_policy())
    one.gateway.things.append(job_json("Succeeded", name="other"))
    with pytest.raises(Refused) as refused:
        await resolve(one, ResolvedAs.STARTED, "unheard-of")
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "jobId")
    await resolve(one, ResolvedAs.STARTED, f"{VAULT}/replicationJobs/other")
    assert await one.run("following") == End(Status.SUCCEEDED)
    assert one.write["job"] == "other"
    assert len(one.gateway.sent) == 1


@pytest.mark.parametrize("change", [put_policy(), SetUpChange(SetUpKind.POLICY, Change.DELETE, ResourceId.parse(VAULT), "gold")])
async def test_a_lost_job_is_resolved_as_done_only_where_the_vault_shows_so(change: SetUpChange) -> None:
    removes = change.change is Change.DELETE
    one = await lost(change, *([FORTNIGHT] if removes else []))
    with pytest.raises(Refused) as refused:
        await resolve(one, ResolvedAs.STARTED)
    assert (refused.value.code, refused.value.problem.target) == (ErrorCode.INVALID_REQUEST, "outcome")
    one.gateway.things = [] if removes else [FORTNIGHT]
    await resolve(one, ResolvedAs.STARTED)
    assert await one.run("following") == End(Status.SUCCEEDED)
    assert len(one.gateway.sent) == 1


async def test_a_lost_job_that_is_resolved_as_not_started_ends_the_operation() -> None:
    one = await lost(put_policy())
    await resolve(one, ResolvedAs.NOT_STARTED)
    ended = await one.run("following")
    assert isinstance(ended, End)
    assert ended.error is not None
    assert (ended.status, ended.error.code) == (Status.FAILED, ErrorCode.SET_UP_FAILED)
    assert len(one.gateway.sent) == 1


@pytest.mark.parametrize("step", ["following", "writing"])
async def test_what_is_not_in_doubt_cannot_be_resolved(step: str) -> None:
    one = vault(put_policy())
    if step == "writing":
        await one.run(rounds=20)
    else:
        await one.run()
    with pytest.raises(Refused) as refused:
        await resolve(one, ResolvedAs.NOT_STARTED, step=step)
    assert refused.value.code == ErrorCode.NOT_IN_DOUBT
    assert cast("Any", one.claim).given == []


@pytest.mark.parametrize(("gone", "ends"), [(True, True), (False, False)])
async def test_a_removal_whose_job_is_absent_ends_once_its_resource_is_gone(*, gone: bool, ends: bool) -> None:
    one = vault(SetUpChange(SetUpKind.POLICY, Change.DELETE, ResourceId.parse(VAULT), "gold"), FORTNIGHT)
    assert isinstance(await one.run(), Wait)
    one.gateway.hidden = {POLICY}
    if gone:
        one.gateway.unlisted = {POLICY}
    outcome = await one.run("following", rounds=20)
    assert (outcome == End(Status.SUCCEEDED)) is ends


async def test_a_policy_that_answers_404_is_updated_not_created_anew() -> None:
    one = vault(put_policy(provider="A2A", recoveryPointHours=72), FORTNIGHT)
    one.gateway.hidden = {POLICY}
    await one.run()
    ((method, path, body),) = one.gateway.sent
    assert (method, path) == ("PATCH", POLICY)
    assert body["properties"]["replicationProviderSettings"]["appConsistentFrequencyInMinutes"] == 240


async def test_what_planning_does_not_find_is_looked_for_again_for_ten_minutes() -> None:
    change = SetUpChange(SetUpKind.ITEM, Change.DELETE, ResourceId.parse(VAULT), "web", SentBody({"confirm": "web"}))
    one = vault(change, item_json("web"))
    one.gateway.unlisted = {item_json("web")["id"]}
    assert isinstance(await one.run(rounds=3), Wait)
    one.gateway.unlisted = set()
    assert isinstance(await one.run(), Wait)
    assert [method for method, _, _ in one.gateway.sent] == ["POST"]
    assert "absent" not in one.claim.data

    gone = vault(change)
    outcome = await gone.run(rounds=20)
    assert isinstance(outcome, End)
    assert outcome.error is not None
    assert outcome.error.code == ErrorCode.NOT_FOUND
    assert gone.clock.now() - ManualClock().now() >= timedelta(minutes=10)


async def test_a_write_whose_parent_answers_404_is_sent_again() -> None:
    one = vault(put_policy())
    one.gateway.answer = failure(FailureKind.NOT_FOUND, 404, "ParentResourceNotFound")
    for step in ("preparing", "writing", "writing"):
        with pytest.raises(CallFailure) as raised:
            await one.run(step)
        assert raised.value.busy, "the core sends it again for half an hour"
    one.gateway.answer = None
    assert isinstance(await one.run("writing"), Wait)
    assert one.write["job"] == "job1"

    never = vault(put_policy())
    never.gateway.answer = failure(FailureKind.REFUSED, 404, "ParentResourceNotFound")
    outcome = await never.run(rounds=20)
    assert isinstance(outcome, End)
    assert outcome.error is not None
    assert outcome.error.details[0].code == "ParentResourceNotFound"


async def test_the_404_of_a_removal_is_its_end_once_it_has_lasted_for_ten_minutes() -> None:
    change = SetUpChange(SetUpKind.ITEM, Change.DELETE, ResourceId.parse(VAULT), "web", SentBody({"confirm": "web"}))
    one = vault(change, item_json("web"))
    one.gateway.answer = failure(FailureKind.NOT_FOUND, 404, "ParentResourceNotFound")
    assert isinstance(await one.run(rounds=5), Wait)
    outcome = await one.run("writing", rounds=3)
    assert (isinstance(outcome, End), getattr(outcome, "error", None)) == (True, None)


async def test_a_look_without_an_answer_is_no_refusal_of_the_write() -> None:
    one = vault(put_policy())
    one.gateway.answer = failure(FailureKind.IN_DOUBT, 504, "GatewayTimeout")
    with pytest.raises(CallFailure):
        await one.run()
    assert one.write.get("state") is None


@pytest.mark.parametrize(
    ("status", "code", "ends"),
    [
        (403, "LinkedAuthorizationFailed", ErrorCode.AUTHORIZATION_FAILED),
        (403, "AuthorizationFailed", ErrorCode.AUTHORIZATION_FAILED),
        (409, "ScopeLocked", ErrorCode.SET_UP_FAILED),
    ],
)
async def test_a_refused_write_has_azures_code_and_message(status: int, code: str, ends: ErrorCode) -> None:
    one = vault(put_policy())
    one.gateway.answer = failure(FailureKind.REFUSED, status, code)
    outcome = await one.run()
    assert isinstance(outcome, End)
    assert outcome.error is not None
    assert outcome.error.code == ends
    assert [detail.code for detail in outcome.error.details] == [code]
    assert "not now" in outcome.error.message


async def test_members_of_a_newer_version_are_kept() -> None:
    one = vault(put_policy())
    await one.run()
    one.write["priority"] = {"of": "a newer version"}
    one.gateway.things.append(job_json("InProgress"))
    await one.run("following")
    assert one.write["priority"] == {"of": "a newer version"}


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ({"Location": f"https://x{CONTAINER}/replicationProtectedItems/a/operationresults/j1?api-version=1"}, "j1"),
        ({"Azure-AsyncOperation": f"https://x{VAULT}/replicationOperationStatus/j2?api-version=1"}, "j2"),
        ({"Azure-AsyncOperation": f"https://x{VAULT}/replicationJobs/j3"}, "j3"),
        ({"Location": "https://x/operationresults/j1", "Azure-AsyncOperation": "https://x/replicationJobs/j3"}, "j1"),
        ({}, None),
    ],
)
def test_the_name_of_a_job_is_in_either_header(headers: dict[str, str], name: str | None) -> None:
    assert job_name(headers) == name


def path(kind: Any, change: SetUpChange) -> str:
    found: Callable[[Any], str] = kind.path
    return found(SimpleNamespace(body=dict(change.stored().members)))


def test_the_path_of_what_an_operation_changes() -> None:
    where = ResourceId.parse(VAULT)
    machine = {"protectableItemId": f"{CONTAINER}/replicationProtectableItems/m1", "policy": "gold"}
    azure = {"virtualMachineId": "/subscriptions/x", "policy": "gold"}
    item = SetUpKind.ITEM
    assert path(REPLICATION_POLICY, put_policy()) == "/replication-policies/gold"
    assert path(NETWORK_MAPPING, SetUpChange(SetUpKind.NETWORK_MAPPING, Change.DELETE, where, "a b")) == "/network-mappings/a%20b"
    assert path(RECOVERY_PLAN, SetUpChange(SetUpKind.PLAN, Change.PUT, where, "shop", SentBody({}))) == "/recovery-plans/shop"
    for request, expected in (
        (machine, "/protected-items/m1"),
        ({"items": [machine]}, "/protected-items/m1"),
        ({"items": [machine, machine]}, "/protected-items"),
        (azure, "/protected-items"),
    ):
        assert path(PROTECTED_ITEM, SetUpChange(item, Change.CREATE, where, request=SentBody(request))) == expected
    assert path(PROTECTED_ITEM, SetUpChange(item, Change.DELETE, where, "web", SentBody({"confirm": "web"}))) == "/protected-items/web"
