"""The rules of data centers: quotas, turns, waiting for a quota, power, suspension, undoing, names."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

from hypothesis import given
from hypothesis import strategies as st

from shared.azure_pack.quotas import CLOUDS, CloudQuota
from shared.azure_pack.subscriptions import SyncState
from shared.clock import to_text
from shared.data_centers.kinds import Action
from shared.data_centers.records.record import MOST_PENDING, Pending, Suspension
from shared.data_centers.rules import power, syncing, turns
from shared.data_centers.rules.compensation import to_undo
from shared.data_centers.rules.naming import add_on_id, subscription_id
from shared.data_centers.rules.quotas import (
    Rules,
    add_on_limits,
    holds,
    order_problems,
    service_quota,
    subscriptions_problem,
    usage_problems,
)
from shared.data_centers.rules.suspension import SeenMachine, is_complete, to_start, with_seen, with_started
from shared.installations.document import AfterSuspension
from shared.installations.machine_states import PowerState
from shared.installations.plans import PlanFacts
from shared.installations.resources import CLOUD_RESOURCES, NETWORK_RESOURCES, Resource
from shared.operations.running.budgets import RESOURCE_MANAGER, Budget, allowance, bucket_of, spend

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
CLOUD, STAMP = UUID(int=1), UUID(int=2)


def plan(base: dict[Resource, int | None] | None = None, *, most: int = -1) -> PlanFacts:
    """Return a plan with these limits."""
    limits = dict.fromkeys((*CLOUD_RESOURCES, *NETWORK_RESOURCES), 0) | (base or {})
    return PlanFacts("gold", "Gold", "Public", most, "instance", CLOUD, STAMP, limits, (), ())


numbers = st.dictionaries(st.sampled_from(CLOUD_RESOURCES), st.integers(0, 10_000))
bases = st.dictionaries(st.sampled_from(CLOUD_RESOURCES), st.integers(0, 10_000))


@given(wanted=numbers, base=bases)
def test_with_adds_plan_and_add_on_are_what_was_ordered(wanted: dict[Resource, int], base: dict[Resource, int]) -> None:
    facts = plan(dict(base))
    refused = {problem.target for problem in order_problems(wanted, facts, Rules())}
    assert refused == {f"resources.{name}" for name, number in wanted.items() if number < base.get(name, 0)}
    if not refused:
        more = add_on_limits(wanted, facts, Rules())
        assert all(base.get(name, 0) + more[name] == wanted.get(name, base.get(name, 0)) for name in CLOUD_RESOURCES)
        assert all(number >= 0 for number in more.values())
        total = add_on_limits(wanted, facts, Rules("isTotal"))
        assert all(total[name] == wanted.get(name, base.get(name, 0)) for name in CLOUD_RESOURCES)


@given(wanted=numbers)
def test_a_quota_is_recognised_by_its_values(wanted: dict[Resource, int]) -> None:
    quota = service_quota(wanted, plan(), Rules())
    assert holds(quota, quota)
    (cloud,) = CloudQuota.parse(quota.setting(CLOUDS) or "")
    assert (cloud.cloud, cloud.stamp, cloud.cpu_count) == (CLOUD, STAMP, wanted.get(Resource.CPU_COUNT, 0))
    other = service_quota(wanted | {Resource.CPU_COUNT: wanted.get(Resource.CPU_COUNT, 0) + 1}, plan(), Rules())
    assert not holds(other, quota)
    assert not holds(None, quota)


def test_what_the_plan_does_not_limit_and_no_order_names_stays_unlimited() -> None:
    base: dict[Resource, int | None] = {Resource.STORAGE_GB: None}
    wanted = {Resource.VM_COUNT: 3}
    for adding, number in (("adds", 0), ("isTotal", None)):
        quota = service_quota(wanted, plan(base), Rules("isTotal" if adding == "isTotal" else "adds"))
        (cloud,) = CloudQuota.parse(quota.setting(CLOUDS) or "")
        assert (cloud.vm_count, cloud.storage_gb) == (3, number), adding


def test_an_unlimited_dimension_and_a_full_plan_are_refused() -> None:
    (problem,) = order_problems({Resource.VM_COUNT: 1}, plan({Resource.VM_COUNT: None}), Rules())
    assert (problem.code, problem.target) == ("PlanNotSuitable", "resources.vmCount")
    assert [subscriptions_problem(count, plan(most=2)) is None for count in (0, 1, 2, 3)] == [True, True, False, False]
    assert subscriptions_problem(1000, plan(most=-1)) is None
    (below,) = usage_problems({Resource.VM_COUNT: 2, Resource.CPU_COUNT: 9}, {Resource.VM_COUNT: 3, Resource.CPU_COUNT: 9})
    assert below.target == "resources.vmCount"


@given(st.text(min_size=1), st.text(min_size=1), st.integers(1, 5))
def test_names_are_the_same_for_the_same_order_and_others_for_another(tenant: str, data_center: str, attempt: int) -> None:
    given_names = subscription_id("pack", tenant, data_center, attempt), add_on_id("pack", tenant, data_center, attempt)
    assert given_names == (subscription_id("pack", tenant, data_center, attempt), add_on_id("pack", tenant, data_center, attempt))
    assert given_names[0] != subscription_id("pack", tenant, data_center, attempt + 1)
    assert len(given_names[1]) == 20
    assert given_names[1].startswith("fs")
    assert given_names[1].isalnum()


@given(st.lists(st.sampled_from(["join", "leave"]), max_size=60))
def test_turns_are_taken_in_the_order_of_acceptance(moves: list[str]) -> None:
    pending: tuple[Pending, ...] = ()
    expected: list[str] = []
    for number, move in enumerate(moves):
        if move == "join":
            joined = turns.join(pending, f"op{number}", Action.CHANGE, NOW)
            if isinstance(joined, turns.Full):
                assert len(expected) == MOST_PENDING
                continue
            pending, expected = joined, [*expected, f"op{number}"]
            assert turns.join(pending, f"op{number}", Action.CHANGE, NOW) == pending
        elif expected:
            pending = turns.leave(pending, expected.pop(0))
        assert [one.operation_id for one in pending] == expected
        assert all(turns.has_turn(pending, one) == (position == 0) for position, one in enumerate(expected))


def test_an_entry_that_was_never_accepted_is_dropped_after_two_minutes() -> None:
    pending = tuple(Pending(operation_id=name, action=Action.CHANGE, joined_at=to_text(NOW)) for name in ("a", "b"))
    assert turns.droppable(pending, {"b"}, NOW + timedelta(seconds=119)) == ()
    assert turns.droppable(pending, {"b"}, NOW + timedelta(minutes=2)) == ("a",)


limits = {Resource.CPU_COUNT: 8}
states = st.sampled_from([SyncState.IN_SYNC, SyncState.SYNCING, SyncState.OUT_OF_SYNC])


@given(st.lists(st.tuples(states, states, st.sampled_from([None, 4, 8]), st.integers(1, 1200)), max_size=60))
def test_a_quota_is_in_force_only_where_it_is_in_sync_and_shown(looks: list[tuple[SyncState, SyncState, int | None, int]]) -> None:
    waiting, now, resyncs, unread_since = syncing.Waiting(NOW), NOW, 0, None
    for subscription, service, shown, seconds in looks:
        now += timedelta(seconds=seconds)
        seen = syncing.QuotaLook(subscription, service, None if shown is None else {Resource.CPU_COUNT: shown})
        decision, waiting = syncing.decide(seen, limits, waiting, now)
        in_sync = {subscription, service} == {SyncState.IN_SYNC}
        unread_since = (unread_since or now) if in_sync and shown is None else unread_since if in_sync else None
        if isinstance(decision, syncing.InForce):
            assert in_sync
            assert shown == 8 or (shown is None and unread_since is not None and now - unread_since >= timedelta(seconds=30))
            return
        if isinstance(decision, syncing.Synchronize):
            resyncs += 1
            assert SyncState.OUT_OF_SYNC in {subscription, service}
        else:
            assert decision.at > now
        assert resyncs <= 5


def test_out_of_sync_is_synchronised_five_times_then_named() -> None:
    waiting, now, at = syncing.Waiting(NOW), NOW, []
    look = syncing.QuotaLook(SyncState.OUT_OF_SYNC, SyncState.OUT_OF_SYNC, None, "No storage.")
    for _ in range(30):
        decision, waiting = syncing.decide(look, limits, waiting, now)
        if isinstance(decision, syncing.Synchronize):
            at.append(now)
        elif isinstance(decision, syncing.LookAt):
            if decision.stuck:
                break
            now = decision.at
    gaps = [later - earlier for earlier, later in zip([NOW, *at], at, strict=False)]
    assert gaps == [timedelta(minutes=minutes) for minutes in (1, 2, 5, 10, 20)]


machine_states = st.sampled_from([*PowerState, None])
LIMITS = power.Limits(timedelta(minutes=10), timedelta(minutes=30))


@given(
    goal=st.sampled_from(power.Goal), how=st.sampled_from(AfterSuspension), script=st.lists(
        st.tuples(machine_states, st.sampled_from(["open", "good", "failed"]), st.integers(5, 900)), min_size=1, max_size=60
    ),
)  # fmt: skip
def test_power_never_does_the_opposite_and_always_ends(
    goal: power.Goal, how: AfterSuspension, script: list[tuple[PowerState | None, str, int]]
) -> None:
    """Whatever states and jobs are shown: a stop never starts, a start never stops, each call is tried three times at most in a row."""
    first = power.FIRST[how] if goal is power.Goal.STOPPED else power.PowerCall.START
    work, now, calls = power.Work(goal, first, NOW), NOW, []
    for state, job, seconds in script:
        now += timedelta(seconds=seconds)
        decision = power.decide(work, state, now, LIMITS)
        if isinstance(decision, power.Done | power.GiveUp):
            break
        if isinstance(decision, power.Call):
            calls.append(decision.call)
            tries = 0 if decision.call is not work.last else work.tries
            failed = job == "failed"
            work = power.Work(
                goal, first, NOW, decision.call, now, power.JobState(job), now if failed else None, tries + failed + (job == "good")
            )
    allowed = {
        power.Goal.STOPPED: {power.PowerCall.STOP, power.PowerCall.SHUTDOWN, power.PowerCall.SAVE},
        power.Goal.STARTED: {power.PowerCall.START, power.PowerCall.RESUME},
        power.Goal.DELETED: {power.PowerCall.STOP, power.PowerCall.DELETE},
    }[goal]
    assert set(calls) <= allowed


def test_a_guest_that_does_not_shut_down_is_stopped_after_its_time() -> None:
    work = power.Work(power.Goal.STOPPED, power.PowerCall.SHUTDOWN, NOW, power.PowerCall.SHUTDOWN, NOW, power.JobState.OPEN)
    before, after = NOW + timedelta(minutes=9), NOW + timedelta(minutes=10)
    assert power.decide(work, PowerState.RUNNING, before, LIMITS) == power.Hold()
    assert power.decide(work, PowerState.RUNNING, after, LIMITS) == power.Call(power.PowerCall.STOP)


names = st.sampled_from(["a", "b", "c", "d"])
looks = st.dictionaries(names, st.sampled_from(["Running", "Stopped", "Paused", "Saved", "Creating..."]))


@given(st.lists(looks, min_size=1, max_size=6), st.sets(names))
def test_only_machines_that_were_seen_running_are_ever_started(seen: list[dict[str, str]], started: set[str]) -> None:
    record = Suspension(id="s", begun_at=to_text(NOW), operation=AfterSuspension.STOP)
    for look in seen:
        record = with_seen(record, [SeenMachine(name, "stamp", name, status) for name, status in look.items()])
    ran = {name for look in seen for name, status in look.items() if status == "Running"}
    assert {one.id for one in to_start(record)} == ran
    after = with_started(record, started)
    assert {one.id for one in to_start(after)} == ran - started
    assert is_complete(after) == (ran <= started)
    again = with_seen(after, [SeenMachine(name, "stamp", name, "Stopped") for name in "abcd"])
    assert to_start(again) == to_start(after), "that a machine is stopped now takes nothing back"


def test_a_machine_that_was_made_while_suspended_is_not_started() -> None:
    record = Suspension(id="s", begun_at=to_text(NOW), suspended_at=to_text(NOW), operation=AfterSuspension.STOP)
    assert to_start(with_seen(record, [SeenMachine("new", "stamp", "new", "Running")])) == ()


@given(st.lists(st.sampled_from(["user", "account", "subscription", "addOn", "link", "subscribed/a", "subscribed/b"]), unique=True))
def test_undoing_is_in_reverse_and_leaves_nothing_out(made: list[str]) -> None:
    ordered = to_undo(made, ())
    assert sorted(ordered) == sorted(made)
    rank = ["subscribed", "link", "addOn", "subscription", "account", "user"]
    positions = [rank.index(one.partition("/")[0]) for one in ordered]
    assert positions == sorted(positions)
    assert to_undo(made, made) == ()


@given(rate=st.integers(10, 3000), gaps=st.lists(st.integers(1, 90), min_size=1, max_size=60))
def test_the_checks_of_any_minute_are_no_more_than_the_installation_allows(rate: int, gaps: list[int]) -> None:
    bucket, share = bucket_of(f"azurePack/pack:{rate}", 0.5)
    assert share == 1.0
    assert bucket_of("11111111-0000-4000-8000-000000000001/read", 0.5) == (RESOURCE_MANAGER, 0.5)
    budget, now, released = Budget(bucket.capacity, NOW), NOW, []
    for gap in gaps:
        now += timedelta(seconds=gap)
        count = allowance(budget, now, 1.0, bucket)
        budget = spend(budget, count, now, 1.0, bucket)
        released.append((now, count))
        assert sum(number for at, number in released if now - at < timedelta(minutes=1)) <= rate
