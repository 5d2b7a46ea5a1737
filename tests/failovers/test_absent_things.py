"""One 404 ends nothing: jobs, items and plans that Azure does not show for a while, step by step on a fake Site Recovery."""

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any, cast

import pytest

from shared.arm.ids import ResourceId
from shared.errors import CallFailure, FailureKind
from shared.failovers.failing_over import following
from shared.failovers.failing_over.context import ContextReader
from shared.failovers.failing_over.starts import Starts
from shared.failovers.failing_over.state import FailoverInput, FailoverWork, InputName
from shared.failovers.failing_over.target_machine import TargetMachines
from shared.failovers.failing_over.workflow import FailoverSteps
from shared.failovers.vault.gateway import StartedJob
from shared.operations.model.models import Actor, JsonObject, Operation, Status
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.outcomes import Checked, End, Follow, Next, Outcome, Wait
from shared.operations.timings import Timings
from tests.failovers.samples import GROUP, ITEM, NOW, VAULT, item_json, job_json, request
from tests.failovers.scripted import registry
from tests.support.clocks import ManualClock, SequenceIds

BOB = Actor("user", "bob", "Bob")
JOB = f"{VAULT}/replicationJobs/job1"


@dataclass
class SiteRecovery:
    """A vault that shows what `by_id` and `lists` hold; everything else is 404 or an empty list."""

    by_id: dict[str, JsonObject] = field(default_factory=dict)
    lists: dict[str, list[JsonObject]] = field(default_factory=dict)
    sent: list[str] = field(default_factory=list)

    async def read(self, resource: ResourceId) -> JsonObject:
        found = await self.find(resource)
        if found is None:
            raise CallFailure(FailureKind.NOT_FOUND, code="NotFound", message=f"{resource} was not found", status=404)
        return found

    async def find(self, resource: ResourceId) -> JsonObject | None:
        return self.by_id.get(str(resource))

    async def children(self, _parent: ResourceId, kind: str) -> list[JsonObject]:
        return self.lists.get(kind, [])

    async def vault(self, vault: ResourceId) -> JsonObject:
        return await self.find(vault) or {}

    async def network(self, network: ResourceId) -> JsonObject | None:
        return await self.find(network)

    async def change(self, method: str, resource: ResourceId, *_more: object) -> None:
        self.sent.append(f"{method} {resource}")


class Trail:
    """An audit trail that keeps the events."""

    def __init__(self) -> None:
        self.events: list[str] = []

    async def append(self, _operation: str, _key: str, _actor: Actor, event: str, _detail: JsonObject | None = None) -> None:
        self.events.append(event)


@dataclass
class Bench:
    """A failover at one of its steps."""

    site: SiteRecovery
    clock: ManualClock
    claim: Claim
    steps: FailoverSteps
    trail: Trail

    @property
    def leg(self) -> list[Any]:
        """The leg as it is stored: action, status, job, end."""
        legs: list[list[Any]] = cast("Any", self.claim.data["legs"])
        return legs[0]

    async def after(self, minutes: float, step: str = "concluding") -> Outcome:
        """Run a step, some minutes of Azure's time later."""
        self.clock.advance(timedelta(minutes=minutes))
        outcome: Outcome = await getattr(self.steps, step)(self.claim)
        return outcome

    def resolve(self, outcome: str, job: str | None = None) -> None:
        """Put a person's resolution on the row."""
        decision = FailoverInput(name=InputName.RESOLVE, by=BOB, outcome=outcome, job_id=job)
        given = decision.model_dump(mode="json", by_alias=True, exclude_unset=True)
        self.claim = _claim(self.clock, replace(self.claim.row, data=self.claim.data, pending_input=given), self.claim.detail)


def _claim(clock: ManualClock, row: Active, detail: JsonObject, **options: Any) -> Claim:
    body = {"scope": {"protectedItemId": ITEM}, "action": "UnplannedFailover", "reason": "a drill", **options}
    operation = Operation(
        id=row.id,
        kind=row.kind,
        tenant=row.tenant,
        status=row.status,
        step=row.step,
        percent_complete=0,
        attention=None,
        cancel_requested=False,
        created_at=NOW,
        last_updated_at=NOW,
        completed_at=None,
        actor=BOB,
        body=body,
        detail=detail,
        data=row.data,
        error=None,
    )
    return Claim(row, operation, detail, store=cast("Any", None), clock=clock, ids=SequenceIds(), timings=Timings(), held_since=0.0)


@pytest.fixture
def bench() -> Bench:
    clock, site, trail = ManualClock(NOW), SiteRecovery(), Trail()
    data = {"legs": [["UnplannedFailover", "Running", "job1", None]], "leg": 0, "vault": VAULT, "startedAt": "2026-03-01T12:00:00.000000Z"}
    row = Active("f1", "failover", "contoso", "", "", Status.RUNNING, "concluding", "", data=data, locks=("scope|x",))
    gateway = cast("Any", site)
    machines = TargetMachines(gateway, clock, Timings())
    starts = Starts(gateway, cast("Any", Unfound()), cast("Any", None), clock, Timings())
    steps = FailoverSteps(
        gateway, cast("Any", Unfound()), starts, machines, cast("Any", None), cast("Any", trail), cast("Any", None), clock
    )
    return Bench(site, clock, _claim(clock, row, {}), steps, trail)


async def test_a_job_that_only_the_list_shows_is_followed(bench: Bench) -> None:
    bench.site.lists["replicationJobs"] = [job_json()]
    assert isinstance(await bench.after(1), Follow)
    assert "jobAbsent" not in bench.claim.data


async def test_a_job_that_is_not_found_asks_for_attention_after_ten_minutes_and_never_ends_the_failover(bench: Bench) -> None:
    for look in range(30):
        outcome = await bench.after(2)
        assert isinstance(outcome, Wait), look
        assert bool(outcome.attention) is (look >= 5), look
        if outcome.attention:
            assert outcome.attention[0] == "OutcomeUnknown"
    assert (bench.claim.locks, bench.claim.dropped, bench.trail.events) == (("scope|x",), (), [])
    assert bench.leg[1] == "Running"
    bench.site.by_id[JOB] = job_json()
    assert isinstance(await bench.after(2), Follow), "it was there all along"
    assert "jobAbsent" not in bench.claim.data


@pytest.mark.parametrize("state", ["InProgress", "NotStarted", "Reconciling"])
async def test_a_job_that_goes_on_for_a_day_asks_for_attention(bench: Bench, state: str) -> None:
    bench.site.lists["replicationJobs"] = [job_json(state)]
    for hours, asks in ((1, False), (22, False), (2, True), (48, True)):
        bench.clock.advance(timedelta(hours=hours))
        row = replace(bench.claim.row, step="running")
        found = (await following.check(cast("Any", bench.site), bench.clock, [row]))[row.id]
        assert isinstance(found, Checked)
        assert (found.step, found.attention and found.attention[0]) == (None, "NoProgress" if asks else None)
    bench.site.lists["replicationJobs"] = [job_json("Suspended")]
    waits = (await following.check(cast("Any", bench.site), bench.clock, [row]))[row.id]
    assert isinstance(waits, Checked)
    assert (waits.step, waits.attention) == ("concluding", None), "a person knows of it already"


@pytest.mark.parametrize("state", ["InProgress", "Reconciling"])
async def test_the_naming_of_a_machine_that_goes_on_for_a_day_asks_for_attention(bench: Bench, state: str) -> None:
    renamed = request("UnplannedFailover", options={"targetVmName": "web-dr"})
    bench.claim.data["naming"] = "job7"
    bench.site.by_id[f"{VAULT}/replicationJobs/job7"] = job_json(state, "job7")
    for hours, asks in ((1, False), (24, True)):
        bench.clock.advance(timedelta(hours=hours))
        outcome = await bench.steps.target_machines.set_up(bench.claim, FailoverWork.of(bench.claim).state, renamed)
        assert isinstance(outcome, Wait)
        assert (outcome.attention and outcome.attention[0]) == ("NoProgress" if asks else None)


async def test_looks_within_seconds_prove_nothing(bench: Bench) -> None:
    for _ in range(20):
        outcome = await bench.after(0.1)
        assert isinstance(outcome, Wait)
        assert outcome.attention is None


async def test_a_person_names_another_job_to_follow(bench: Bench) -> None:
    await bench.after(1)
    bench.resolve("started", "job2")
    assert await bench.after(1) == Next("concluding")
    assert bench.leg[2] == "job2"


async def test_a_person_ends_the_leg(bench: Bench) -> None:
    await bench.after(1)
    bench.resolve("notStarted")
    assert await bench.after(1) == Next("finishing")
    problem = FailoverWork.of(bench.claim).detail.problem
    assert (bench.leg[1], problem and problem.code) == ("Failed", "FailoverFailed")


async def test_a_suspended_job_that_is_not_found_is_looked_for_like_any_other(bench: Bench) -> None:
    assert await bench.after(1, "suspended") == Next("concluding")
    bench.site.lists["replicationJobs"] = [job_json("Suspended")]
    waits = await bench.after(1, "suspended")
    assert isinstance(waits, Wait)
    assert waits.step is None


async def test_a_machine_is_named_again_where_the_job_of_its_naming_is_gone(bench: Bench) -> None:
    renamed = request("UnplannedFailover", options={"targetVmName": "web-dr"})
    bench.claim.data["naming"] = "job7"
    bench.site.by_id[ITEM] = item_json(details={"recoveryAzureVmName": "web-dr"})
    for look in range(6):
        bench.clock.advance(timedelta(minutes=2))
        outcome = await bench.steps.target_machines.set_up(bench.claim, FailoverWork.of(bench.claim).state, renamed)
        assert isinstance(outcome, Wait), "one 404 does not let the failover start"
        assert ("naming" in bench.claim.data) is (look < 5)
    assert await bench.steps.target_machines.set_up(bench.claim, FailoverWork.of(bench.claim).state, renamed) is None
    assert bench.site.sent == [], "the item has the name by now"


class Unfound:
    """A context whose item is not found."""

    async def read(self, *_arguments: object) -> None:
        raise CallFailure(FailureKind.NOT_FOUND, code="NotFound", message="not found", status=404)


async def test_an_item_that_is_not_found_ends_a_leg_only_after_ten_minutes(bench: Bench) -> None:
    for look in range(6):
        bench.clock.advance(timedelta(minutes=2))
        outcome = await bench.steps.starts.start(bench.claim, FailoverWork.of(bench.claim), request("UnplannedFailover"))
        assert isinstance(outcome, Wait) is (look < 5), look
    assert getattr(outcome, "code", None) == "SourceNotFound"


class Nothing:
    """A registry without tenants, and a count without moves."""

    def __getattr__(self, _name: str) -> Any:
        async def none(*_arguments: object) -> None:
            return None

        return none


@pytest.mark.parametrize(("listed", "kind"), [([item_json()], FailureKind.IN_DOUBT), ([], FailureKind.NOT_FOUND)])
async def test_an_item_that_only_the_list_shows_is_not_gone(listed: list[JsonObject], kind: FailureKind) -> None:
    site = SiteRecovery(lists={"replicationProtectedItems": listed})
    reader = ContextReader(cast("Any", site), cast("Any", Nothing()), cast("Any", Nothing()), ManualClock(NOW))
    with pytest.raises(CallFailure) as raised:
        await reader.read(request("UnplannedFailover"), "contoso", "f1")
    assert raised.value.kind is kind


async def test_an_item_that_is_not_found_at_planning_ends_the_failover_only_after_ten_minutes(bench: Bench) -> None:
    for look in range(6):
        outcome = await bench.after(2, "planning")
        assert isinstance(outcome, Wait) is (look < 5), look
    assert isinstance(outcome, End)
    assert (outcome.error and outcome.error.code, bench.trail.events) == ("SourceNotFound", [])


@pytest.mark.parametrize("kind", [FailureKind.REFUSED, FailureKind.THROTTLED])
async def test_a_start_that_azure_answers_404_ends_once_the_core_counts_it(bench: Bench, kind: FailureKind) -> None:
    """The region that answered may not have the item yet: the core sends it again for half an hour, then it is a refusal."""
    failure = CallFailure(kind, code="ParentResourceNotFound", message="not found", status=404)
    steps = starts_of(bench, failure)
    if kind is FailureKind.THROTTLED:
        with pytest.raises(CallFailure):
            await steps.start(bench.claim, FailoverWork.of(bench.claim), request("TestFailover"))
        return
    outcome = await steps.start(bench.claim, FailoverWork.of(bench.claim), request("TestFailover"))
    assert getattr(outcome, "code", None) == "AzureRefused"


@pytest.mark.parametrize("operations", [(), ("Commit",)])
async def test_a_check_that_refuses_the_start_counts_once_it_has_done_so_for_ten_minutes(bench: Bench, operations: tuple[str, ...]) -> None:
    steps = starts_of(bench, None, operations)
    for look in range(6):
        bench.clock.advance(timedelta(minutes=2))
        outcome = await steps.start(bench.claim, FailoverWork.of(bench.claim), request("TestFailover"))
        assert isinstance(outcome, Wait) is (look < 5), look
    assert getattr(outcome, "code", None) == "ActionNotAllowed"
    assert "unready" in bench.claim.data


async def test_a_check_that_refused_the_start_once_is_forgotten(bench: Bench) -> None:
    refusing = starts_of(bench, None, ())
    bench.clock.advance(timedelta(minutes=2))
    assert isinstance(await refusing.start(bench.claim, FailoverWork.of(bench.claim), request("TestFailover")), Wait)
    bench.clock.advance(timedelta(minutes=2))
    allowing = starts_of(bench, None)
    assert await allowing.start(bench.claim, FailoverWork.of(bench.claim), request("TestFailover")) == "job9"
    assert bench.claim.data.get("unready") is None


def starts_of(bench: Bench, failure: CallFailure | None, operations: tuple[str, ...] = ("TestFailover",)) -> Starts:
    """Return starts of an item that allows some operations; a start fails, or begins job9."""
    item = item_json(allowedOperations=list(operations))
    site = SiteRecovery(by_id={ITEM: item}, lists={"replicationProtectedItems": [item], "replicationJobs": []})

    async def perform(_effect: object) -> StartedJob:
        if failure is not None:
            raise failure
        return StartedJob("job9", bench.clock.now(), accepted=True)

    row = replace(bench.claim.row, tenant="provider", data=bench.claim.data)
    bench.claim = _claim(bench.clock, row, bench.claim.detail)
    cast("Any", bench.claim).perform = perform
    bench.claim.data |= {"legs": [["TestFailover", "NotStarted", None, None]]}
    gateway, nothing = cast("Any", site), cast("Any", Nothing())
    return Starts(gateway, ContextReader(gateway, registry(), nothing, bench.clock), nothing, bench.clock, Timings())


async def test_an_item_that_answers_404_once_is_named_before_it_fails_over(bench: Bench) -> None:
    renamed = request("UnplannedFailover", options={"targetVmName": "web-dr"})
    outcome = await bench.steps.target_machines.set_up(bench.claim, FailoverWork.of(bench.claim).state, renamed)
    assert isinstance(outcome, Wait)
    assert bench.claim.data.get("naming") is None


async def test_an_item_without_its_settings_is_not_named_yet(bench: Bench) -> None:
    """An update of the name resets the settings that it leaves out: those that one read does not show would be gone."""
    shown: dict[str, Any] = {"id": ITEM, "properties": {"friendlyName": "web", "providerSpecificDetails": None}}
    machines = replace(bench.steps.target_machines, gateway=cast("Any", SiteRecovery(by_id={ITEM: shown})))
    with pytest.raises(CallFailure) as unread:
        await machines.set_up(bench.claim, FailoverWork.of(bench.claim).state, request("UnplannedFailover", options={"targetVmName": "dr"}))
    assert unread.value.kind is FailureKind.IN_DOUBT


@pytest.mark.parametrize("location", [None, 7, "", {}])
async def test_a_network_whose_region_is_not_shown_has_no_region(location: object) -> None:
    """Null is not the region "none", which would be another than the vault's."""
    network = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/test"
    item, named = item_json(), {"id": network, "location": location}
    site = SiteRecovery(
        by_id={ITEM: item, network: named, VAULT: {"id": VAULT, "location": location}}, lists={"replicationProtectedItems": [item]}
    )
    reader = ContextReader(cast("Any", site), registry(), cast("Any", Nothing()), ManualClock(NOW))
    found = await reader.read(request("TestFailover", options={"network": network}), "provider", "f1")
    assert found.network is not None
    assert (found.network.exists, found.network.region, found.vault_region) == (True, None, None)
