"""What each fault of Azure alone does to what is asked for: nothing ends for it, nothing takes effect twice, nothing waits for ever."""

import random
from pathlib import Path

import pytest

from tests.crash.world import Json
from tests.histories import virtual
from tests.histories.history import ANY_WRITE, History

pytestmark = pytest.mark.process
FAULTS: dict[str, Json] = {
    "2: what exists is hidden once": {"fault": "hide", "method": "GET", "path": ".", "rate": 0.1, "seed": "k", "duration": "PT40M"},
    "2: what exists is hidden for some minutes": {"fault": "hide", "method": "GET", "path": "restorePoint|replication", "duration": "PT6M"},
    "2: hidden from lists too": {"fault": "hide", "method": "GET", "path": "replication", "duration": "PT6M", "lists": True},
    "2: a job is hidden": {"fault": "hideJob", "path": "replication", "rate": 1, "duration": "PT6M"},
    "2: a write is answered 404": {"fault": "error", "method": ANY_WRITE, "status": 404, "code": "ParentResourceNotFound", "times": 3},
    "6: a 202 names no job": {
        "fault": "reshape", "path": "replication", "headers": {"Location": None, "Azure-AsyncOperation": None}, "rate": 1
    },
    "7: a token has expired": {"fault": "expireToken", "path": ".", "times": 20},
    "8: another operation is in progress": {
        "fault": "error", "method": ANY_WRITE, "status": 409, "code": "AnotherOperationInProgress", "times": 4
    },
    "8: an operation is preempted": {"fault": "error", "method": ANY_WRITE, "status": 409, "code": "OperationPreempted", "times": 4},
    "8: superseded": {
        "fault": "error", "method": ANY_WRITE, "status": 409, "code": "CanceledAndSupersededDueToAnotherOperation", "times": 4
    },
    "8: 412 without a condition": {"fault": "error", "method": ANY_WRITE, "status": 412, "times": 4},
    "8: 409 with Retry-After": {"fault": "error", "method": ANY_WRITE, "status": 409, "retryAfter": 45, "times": 4},
    "8: 503 with Retry-After": {"fault": "error", "method": ANY_WRITE, "status": 503, "retryAfter": 45, "times": 4},
    "9, 20: odd ids, times, members and values": {"fault": "odd", "path": ".", "rate": 0.7, "seed": "k", "duration": "PT2H"},
    "18: nothing of a resource but its name": {
        "fault": "reshape", "method": "GET", "path": ".", "body": {"properties": None}, "rate": 0.1, "seed": "k", "duration": "PT2H"
    },
    "18: null for what is optional": {
        "fault": "reshape", "method": "GET", "path": ".", "body": {"location": None, "tags": None}, "rate": 1, "duration": "PT2H"
    },
}  # fmt: skip
ASKED: dict[str, Json] = {
    "copies": {"points": 2, "machines": 1},
    "a copy by message": {"points": 1, "by_message": True},
    "failovers": {"failovers": ("named", "a2a", "plan", "test", "message")},
    "changes": {"changes": tuple(range(8))},
}


@pytest.mark.parametrize("asked", ASKED)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_of_azure_changes_nothing_of_the_end(fault: str, asked: str, tmp_path: Path) -> None:
    log = tmp_path / "simulation.log"
    log.touch()
    chance = random.Random(fault)  # noqa: S311  # chance that can be repeated, not a secret
    virtual.run(History("k", log, chance, [FAULTS[fault]], **ASKED[asked]).run())
