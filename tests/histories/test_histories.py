"""Histories drawn at random, each in this process: what Azure's own faults leave is what a quiet Azure leaves.

A history draws what is asked for, which faults meet which reads and writes, and at which crash points workers end. Nothing ends `Failed`
for them, nothing takes effect twice, and all ends once they are over, with a person's help only where `attention` asks for it.
`--histories 1000` tries more of them than CI does; `--first N` begins at another seed.
"""

import logging
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.operations.running.effects import BUSY_REFUSALS
from tests.crash.world import Json
from tests.histories import virtual
from tests.histories.history import ANY_WRITE, History

pytestmark = pytest.mark.process
IN_CI = 100
FAILOVERS = ("out", "a2a", "plan", "test", "message", "named", "back")
CHANGES = 8
"""How many changes of a vault there are to draw from."""
RESOURCES = (
    "restorePointCollections/[^/]+$",
    "restorePoints/[^/]+$",
    "restorePoint",
    "virtualMachines/",
    "replicationJobs",
    "replicationProtectedItems",
    "replicationRecoveryPlans",
    "replicationPolicies",
    "replicationProtectionContainer",
    "replication",
    "",
)
PATHS = ("restorePointCollections/[^/]+$", "/restorePoints/[^/]+$", "replication", "")
BUSY: tuple[Json, ...] = (
    {"status": 409, "code": "AnotherOperationInProgress"},
    {"status": 409, "code": "OperationPreempted"},
    {"status": 409, "code": "CanceledAndSupersededDueToAnotherOperation"},
    {"status": 412, "code": "PreconditionFailed"},
    {"status": 409, "code": "Conflicting", "retryAfter": 40},
    {"status": 503, "code": "ServerBusy", "retryAfter": 40},
)
MOST_REFUSALS = BUSY_REFUSALS - 1
"""How often a write is refused at most by faults that count: time passes in steps here, and so many of one write would be its end."""
WITHOUT_LOCATION = {"Location": None}


def drawn_faults(chance: random.Random) -> Iterator[Json]:
    """Yield the faults of a history: those of answers to reads, of answers to writes, and of what Azure shows."""
    left = MOST_REFUSALS
    for number in range(chance.randint(2, 6)):
        fault = _fault(chance, f"{number}:{chance.random()}")
        if fault["fault"] == "error" and fault.get("method") == ANY_WRITE and "times" in fault:
            fault["times"] = min(fault["times"], left)
            left -= fault["times"]
        if fault.get("times") != 0:
            yield fault


def _fault(chance: random.Random, seed: str) -> Json:
    """Draw one fault; its chance or its number of times is such that the operations come through."""
    many: Json = {"rate": chance.choice((0.05, 0.2, 0.5)), "seed": seed, "duration": "PT40M"}
    rare: Json = chance.choice(({**many, "rate": 0.1}, {"times": chance.randint(1, 3)}))
    some: Json = chance.choice((many, {"times": chance.randint(1, 4)}))
    reads, writes = {"method": "GET", "path": chance.choice(RESOURCES)}, {"method": ANY_WRITE, "path": chance.choice(PATHS)}
    kinds: list[Json] = [
        {"fault": "hide", **reads, **rare},
        {"fault": "hide", **reads, "duration": "PT6M", "lists": chance.random() < 0.5},
        {"fault": "hide", **reads, **rare, "code": chance.choice(("NotFound", "ParentResourceNotFound"))},
        {"fault": "expireToken", "path": chance.choice(RESOURCES), "times": chance.randint(1, 3)},
        {"fault": "odd", "path": chance.choice(RESOURCES), "rate": 0.5, "seed": seed},
        {"fault": "reshape", "path": "replication", "headers": WITHOUT_LOCATION, "rate": 1, "seed": seed, "duration": "PT40M"},
        {"fault": "reshape", **reads, "body": {"location": None, "tags": None, "etag": "1"}, **some},
        {"fault": "hideJob", "path": "replication", "times": chance.randint(1, 4), "duration": chance.choice(("PT1S", "PT1M", "PT6M"))},
        {"fault": "error", **writes, **chance.choice(BUSY), **some},
        {"fault": "error", **writes, "status": 404, "code": "ParentResourceNotFound", "times": chance.randint(1, 2)},
        {"fault": "error", "path": chance.choice(RESOURCES), "status": chance.choice((500, 502, 503, 504)), **some},
        {"fault": "throttle", "path": chance.choice(RESOURCES), "retryAfter": chance.choice((1, 30, 120)), **some},
        {"fault": "lostResponse", "path": chance.choice(RESOURCES), **some},
        {"fault": "errorAfterEffect", **writes, "status": chance.choice((500, 503, 504)), "times": chance.randint(1, 3)},
        {"fault": "lateEffect", **writes, "delay": chance.choice(("PT1M", "PT3M")), "times": chance.randint(1, 2)},
        {"fault": "timeout", "path": chance.choice(RESOURCES), "times": chance.randint(1, 2)},
    ]
    return chance.choice(kinds)


def drawn(seed: int, log: Path) -> History:
    """Draw the history of a seed."""
    chance = random.Random(f"history {seed}")  # noqa: S311  # chance that can be repeated, not a secret
    history = History(f"h{seed}", log, chance, list(drawn_faults(chance)), early=chance.random() < 0.3, deadly=chance.random() < 0.5)
    match chance.randrange(3):
        case 0:
            history.points, history.machines = chance.randint(1, 3), chance.randint(0, 1)
            # of several a message may be taken in after a newer one was started, which its chain then passes
            history.by_message = history.points == 1 and chance.random() < 0.7
        case 1:
            history.failovers = tuple(chance.sample(FAILOVERS, chance.randint(1, 3)))
        case _:
            history.changes = tuple(chance.sample(range(CHANGES), chance.randint(1, 4)))
    return history


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Draw as many histories as are asked for."""
    if "seed" in metafunc.fixturenames:
        first, count = metafunc.config.getoption("--first"), metafunc.config.getoption("--histories") or IN_CI
        metafunc.parametrize("seed", range(first, first + count))


def test_a_history_ends_as_in_a_quiet_azure(seed: int, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.ERROR)
    log = tmp_path / "simulation.log"
    log.touch()
    history = drawn(seed, log)
    try:
        virtual.run(history.run())
    except BaseException as error:
        error.add_note(str(history))
        raise
    assert Counter(record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR) == {}
