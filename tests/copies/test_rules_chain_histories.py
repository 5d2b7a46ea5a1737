"""A chain in drawn histories: never two copies at once, never out of order, never more than three an hour, people included."""

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from shared.copies.copying.rules.chain import (
    ChainHead,
    GiveWay,
    Look,
    MovedOn,
    ObservedPoint,
    StartNow,
    TakeTurn,
    Waiter,
    after_start,
    decide,
    merge_observed,
    release,
    take_turn,
    to_read,
)
from shared.copies.copying.waiting.chains import read_head, written_head
from tests.copies.chains import HOUR, NOON, taken, waiter
from tests.support.draws import drawn


@dataclass
class Point:
    """A copy in the model of Azure."""

    name: str
    taken_at: datetime
    receipt: datetime
    until: datetime
    deleted: bool = False


@dataclass
class Azure:
    """Azure's gate on one target collection, and what it holds."""

    now: datetime = NOON
    points: list[Point] = field(default_factory=list)

    def refusal(self, taken_at: datetime) -> str | None:
        if any(point.until > self.now for point in self.points):
            return "another copy is running"
        if any(point.taken_at > taken_at for point in self.points):
            return "out of order"
        if sum(point.receipt > self.now - HOUR for point in self.points) >= 3:
            return "more than three in an hour"
        return None

    def start(self, name: str, taken_at: datetime, minutes: int) -> None:
        self.points.append(Point(name, taken_at, self.now, self.now + timedelta(minutes=minutes)))


@dataclass
class Operation:
    """One copy of Farshore's: waiting, started (perhaps not known yet), ended (perhaps without its turn released)."""

    me: Waiter
    live: bool = True
    in_doubt: bool = False
    started: bool = False
    thought: tuple[int, object] | None = None


class Chain(RuleBasedStateMachine):
    """Any number of workers, each write conditional, any of them stopped between any two writes, and people at the portal."""

    def __init__(self) -> None:
        super().__init__()
        self.azure = Azure()
        self.head = ChainHead()
        self.version = 0
        self.operations: list[Operation] = []
        self.names = 0
        self.looked_at: set[str] = set()

    def write(self, head: ChainHead) -> None:
        self.head, self.version = read_head(written_head(head)), self.version + 1

    def our_now(self) -> datetime:
        """The app's clock is up to two seconds off Azure's."""
        return self.azure.now + timedelta(seconds=(self.version % 5) - 2)

    def waiting(self) -> list[Operation]:
        return [one for one in self.operations if one.live and not one.started and not one.in_doubt]

    def pick(self, among: list[Operation], number: int) -> Operation | None:
        return among[number % len(among)] if among else None

    def decide(self, one: Operation, *, looked: bool = False) -> object:
        live = any(other.live and other.me.operation_id == self.head.current for other in self.operations)
        waiters = [other.me for other in self.waiting()]
        return decide(self.head, waiters, one.me, self.our_now(), current_is_live=live, looked=looked)

    @rule(minutes=st.integers(0, 40))
    def request(self, minutes: int) -> None:
        self.names += 1
        self.operations.append(Operation(waiter(minutes, f"op{self.names:03}")))

    @rule(seconds=st.one_of(st.integers(1, 120), st.integers(300, 7200)))
    def time_passes(self, seconds: int) -> None:
        self.azure.now += timedelta(seconds=seconds)

    @precondition(lambda self: self.waiting())
    @rule(number=st.integers(0, 9))
    def think(self, number: int) -> None:
        if one := self.pick(self.waiting(), number):
            one.thought = (self.version, self.decide(one))

    @precondition(lambda self: any(one.thought for one in self.waiting()))
    @rule(number=st.integers(0, 9), outcome=st.sampled_from(["ok", "ok", "lost", "throttled"]), minutes=st.integers(1, 200))
    def act(self, number: int, outcome: str, minutes: int) -> None:
        one = self.pick([one for one in self.waiting() if one.thought], number)
        if one is None or one.thought is None:
            return
        (version, decision), one.thought = one.thought, None
        if isinstance(decision, MovedOn):
            one.live = False
        elif version != self.version:
            return  # the conditional write is refused
        elif isinstance(decision, TakeTurn):
            self.write(take_turn(self.head, one.me.operation_id))
        elif isinstance(decision, GiveWay):
            self.write(release(self.head, one.me.operation_id))
        elif isinstance(decision, Look):
            self.look_and_start(one, outcome, minutes)

    def look_and_start(self, one: Operation, outcome: str, minutes: int) -> None:
        name = one.me.operation_id
        there = [ObservedPoint(point.name, point.taken_at) for point in self.azure.points if not point.deleted]
        wanted = to_read(self.head, there, name)
        running = {point.name: point.until > self.azure.now for point in self.azure.points}
        there = [replace(point, replicating=running[point.name] if point.name in wanted else None) for point in there]
        self.looked_at = {point.name for point in there}
        self.write(merge_observed(self.head, there, name, self.our_now()))
        if self.decide(one, looked=True) != StartNow() or outcome == "throttled":
            return
        refusal = self.azure.refusal(one.me.taken_at)
        assert refusal is None, f"we asked Azure for what it refuses: {refusal}"
        self.azure.start(name, one.me.taken_at, minutes)
        date = self.azure.now.replace(microsecond=0)
        if outcome == "lost":
            one.in_doubt = True
        else:
            one.started = True
            self.write(after_start(self.head, name, one.me.taken_at, date))

    @precondition(lambda self: any(one.in_doubt for one in self.operations))
    @rule()
    def learn_of_a_lost_answer(self) -> None:
        one = next(one for one in self.operations if one.in_doubt)
        one.in_doubt, one.started = False, True
        self.write(after_start(self.head, one.me.operation_id, one.me.taken_at, self.azure.now))

    @rule()
    def notice_the_end(self) -> None:
        for one in self.operations:
            ended = any(point.name == one.me.operation_id and point.until <= self.azure.now for point in self.azure.points)
            one.live = one.live and not (one.started and ended)

    @rule()
    def release_the_ended(self) -> None:
        for one in self.operations:
            if not one.live and self.head.current == one.me.operation_id:
                self.write(release(self.head, one.me.operation_id))

    @precondition(lambda self: self.waiting())
    @rule(number=st.integers(0, 9))
    def cancel(self, number: int) -> None:
        if one := self.pick(self.waiting(), number):
            one.live = False

    @rule(minutes=st.integers(0, 40), duration=st.integers(1, 300))
    def a_person_starts_one(self, minutes: int, duration: int) -> None:
        if self.azure.refusal(taken(minutes)) is None:
            self.names += 1
            self.azure.start(f"portal{self.names}", taken(minutes), duration)

    @rule()
    def a_person_deletes_old_ones(self) -> None:
        """Only what was read: one that comes and goes between two reads cannot be known, and Azure's refusal shows it."""
        for point in self.azure.points:
            if point.name in self.looked_at and point.until <= self.azure.now:
                point.deleted = True

    @invariant()
    def no_more_than_three_are_remembered(self) -> None:
        assert len(self.head.started) <= 3

    def teardown(self) -> None:
        """Nothing waits for ever: left alone, with every copy checked once an hour, each copy ends."""
        for _ in range(6 * len(self.operations) + 12):
            self.azure.now += HOUR
            if any(one.in_doubt for one in self.operations):
                self.learn_of_a_lost_answer()
            self.notice_the_end()
            self.release_the_ended()
            for one in self.waiting():
                for _ in range(2):
                    one.thought = (self.version, self.decide(one))
                    if one in self.waiting():
                        self.act(self.waiting().index(one), "ok", 30)
                    one.thought = None
        assert not [one for one in self.operations if one.live and not one.started]


def test_never_two_at_once_never_out_of_order_never_more_than_three_an_hour() -> None:
    run_state_machine_as_test(
        Chain,
        settings=settings(max_examples=drawn(100), stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]),
    )
