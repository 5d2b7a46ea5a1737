"""The clock in lockstep: an advance answers when the work that came due has been done."""

import concurrent.futures
import json
import os
import signal
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from local.calls import call
from tests.conftest import StartHost
from tests.support.stacks import Hosts, RunningHost
from tests.support.storage import AzuritePool

SAMPLE = Path(__file__).parents[1] / "support" / "apps" / "sample"


@pytest.fixture(scope="module")
def shared(azurites: AzuritePool, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHost]:
    """The sample app on two workers, for all tests here."""
    hosts = Hosts(tmp_path_factory.mktemp("lockstep"), azurites)
    try:
        running = hosts.start(app=SAMPLE, ready="echo/fixed", workers=2)
        for name in ("work", "due"):
            running.queue(name).create_queue()
        yield running
    finally:
        hosts.stop()


@pytest.fixture
def sample(shared: RunningHost) -> RunningHost:
    """The same with a clock whose time does not pass, two workers that are ready, nothing due, and empty queues."""
    call("POST", f"{shared.azure}/_simulation/clock", {"speed": 0})
    shared.wait_for_workers(2)
    assert advance(shared, "PT1M")["settled"] is True
    shared.clear_queues()
    return shared


def advance(host: RunningHost, duration: str) -> dict[str, object]:
    body: dict[str, object] = call("POST", f"{host.azure}/_simulation/clock", {"advance": duration}).body
    return body


def test_what_was_queued_before_is_worked_first(sample: RunningHost) -> None:
    with sample.queue("work") as work:
        for number in range(30):
            work.send_message(json.dumps({"number": number, "hops": 2}))
    assert advance(sample, "PT1S")["settled"] is True
    assert len(sample.messages("seen")) == 30


def test_missed_slots_collapse_into_one_late_run_and_ticks_go_on_until_one_brings_nothing(sample: RunningHost) -> None:
    with sample.queue("due") as due:
        for number in range(3):
            due.send_message(json.dumps({"number": number, "hops": 1}))
    assert advance(sample, "PT1H")["settled"] is True
    seen = [json.loads(text)["worked"]["number"] for text in sample.messages("seen")]
    assert seen == [0, 1, 2], "each tick brings one, and all were worked before the answer"
    ticks = [json.loads(text) for text in sample.messages("ticks")]
    assert [tick["pastDue"] for tick in ticks] == [True, False, False, False]
    assert sample.messages("years") == []


def test_a_timer_fires_when_its_slot_has_come_only(sample: RunningHost) -> None:
    now = datetime.fromisoformat(str(advance(sample, "PT0S")["now"]))
    to_slot = datetime(now.year + 1, 1, 1, tzinfo=UTC) - now
    advance(sample, f"PT{int(to_slot.total_seconds()) - 3600}S")
    assert sample.messages("years") == []
    advance(sample, "PT2H")
    assert [json.loads(text)["pastDue"] for text in sample.messages("years")] == [False]
    advance(sample, "P1D")
    assert sample.messages("years") == []


def test_failing_messages_do_not_hold_an_advance(sample: RunningHost) -> None:
    sample.queue("work").send_message('{"fail": true}')
    assert advance(sample, "PT1M")["settled"] is True
    assert sample.messages("work-poison") == ['{"fail": true}']


def test_a_worker_killed_in_the_middle_is_not_waited_for(sample: RunningHost) -> None:
    with sample.queue("work") as work:
        for _ in range(4):
            work.send_message('{"sleep": 60}')
    with concurrent.futures.ThreadPoolExecutor() as pool:
        began = time.monotonic()
        answer = pool.submit(advance, sample, "PT1M")
        while sample.queue("work").peek_messages():
            assert time.monotonic() < began + 10, "nobody takes the messages"
        for pid in sample.workers():
            os.kill(pid, signal.SIGKILL)
        assert answer.result()["settled"] is True
    assert time.monotonic() < began + 15
    assert len(sample.messages("ticks")) == 1


def test_a_worker_that_is_stuck_makes_an_advance_unsettled_in_time(sample: RunningHost) -> None:
    pid = sample.workers()[0]
    os.kill(pid, signal.SIGSTOP)
    try:
        answer = call("POST", f"{sample.control}/settle", {"phase": "before", "deadlineSeconds": 1.0})
    finally:
        os.kill(pid, signal.SIGCONT)
    assert answer.body == {"settled": False}
    assert advance(sample, "PT1M")["settled"] is True


def test_the_host_comes_back_to_a_simulation_that_was_started_again(host: StartHost, tmp_path: Path) -> None:
    running = host(app=SAMPLE, ready="echo/fixed", data=tmp_path / "kept")
    simulation = next(part for part in running.stack.parts if part.name == "the simulated Azure")
    simulation.process.kill()
    simulation.process.wait()
    running.stack.start_simulation()
    deadline = time.monotonic() + 20
    while True:
        try:
            advance(running, "PT1M")
        except OSError:
            assert time.monotonic() < deadline, "the simulation does not answer"
            continue
        if running.messages("ticks"):
            break
        assert time.monotonic() < deadline, "the host did not register again"


def test_another_phase_is_refused(sample: RunningHost) -> None:
    assert call("POST", f"{sample.control}/settle", {"phase": "during", "deadlineSeconds": 1}).status == 400


def test_timers_fire_at_high_speed_without_anybody_advancing(sample: RunningHost) -> None:
    call("POST", f"{sample.azure}/_simulation/clock", {"speed": 600})
    sample.wait_for_messages("ticks", 3)
