"""The stored state of a copy: what earlier versions wrote is read and written unchanged, and so is what a newer one added."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shared.copies.copying.state import CopyDetail, CopyState
from shared.values.stored import StoredView
from tests.copies.azure import COPY, ID, POINT, VM

WHEN = "2026-03-03T10:00:00.000000Z"
STARTED: dict[str, Any] = {
    "chain": "26digits", "failedBefore": False, "point": POINT, "target": COPY, "takenAt": WHEN, "disks": 2, "sizeGb": None,
    "startedAt": WHEN, "progressAt": WHEN, "shown": 40, "checks": 3,
}  # fmt: skip
FAILURE: dict[str, Any] = {
    "code": "CopyFailed",
    "message": "it failed",
    "target": None,
    "details": [{"code": "A", "message": "b", "target": None, "details": []}],
}
SHOWN: dict[str, Any] = {
    "source": {"virtualMachineId": VM, "restorePointId": POINT, "region": "westeurope", "takenAt": WHEN},
    "target": {"restorePointId": None, "region": "northeurope"},
}
DISKS = [{"id": f"{COPY}/diskRestorePoints/os", "state": "Replicating", "percentComplete": 40}]


def rewritten(kind: type[StoredView], stored: dict[str, Any]) -> dict[str, Any]:
    """Return a document after each of its fields was read and assigned."""
    view = kind.of(copy.deepcopy(stored))
    for name in sorted(view.model_fields_set & set(kind.model_fields)):
        if (value := getattr(view, name)) is not None:
            setattr(view, name, value)
    return view.stored


@pytest.mark.parametrize(
    "stored",
    [
        {},
        {"replaces": ID},
        {"chain": "26digits"},
        {"point": POINT, "notNow": 2},
        STARTED,
        {**STARTED, "failure": FAILURE},
        {**STARTED, "wings": {"four": [4, None]}},
        {**STARTED, "absence": {"since": WHEN, "looks": 2, "last": WHEN}, "wait": {"what": "rate", "since": "2026-03-03T10:00:00Z"}},
    ],
)
def test_the_state_is_written_as_it_was_read(stored: dict[str, Any]) -> None:
    assert rewritten(CopyState, stored) == stored


@pytest.mark.parametrize(
    "stored",
    [
        {},
        SHOWN,
        {**SHOWN, "startedAt": WHEN, "waitingFor": "another copy", "checks": 3, "usable": True, "disks": DISKS},
        {**SHOWN, "wings": 4, "source": {**SHOWN["source"], "wings": 4}},
    ],
)
def test_the_detail_is_written_as_it_was_read(stored: dict[str, Any]) -> None:
    assert rewritten(CopyDetail, stored) == stored


def test_what_an_earlier_version_stored_is_written_as_it_was_read() -> None:
    stored = json.loads((Path(__file__).parent.parent / "compatibility" / "stored" / "0.1.0.json").read_text())
    rows = stored["tables"]["operations"]
    states = [
        row["state"]["deflated"].get("data", {})
        for row in rows
        if row.get("kind") == "restorePointCopy" and isinstance(row.get("state"), dict)
    ]
    details = [row["detail0"]["json"] for row in rows if "detail0" in row and "source" in row["detail0"]["json"]]
    assert len(states) > 3
    assert len(details) > 3
    assert [rewritten(CopyState, state) for state in states] == states
    assert [rewritten(CopyDetail, detail) for detail in details] == details


def test_what_is_forgotten_is_not_written() -> None:
    state = CopyState.of(dict(STARTED))
    state.forget("started_at", "progress_at")
    assert state.stored == {name: value for name, value in STARTED.items() if name not in {"startedAt", "progressAt"}}
    state.forget("started_at")
    assert state.started_at is None


def test_ids_and_times_are_typed() -> None:
    state = CopyState.of(dict(STARTED))
    assert state.target is not None
    assert state.target.name == ID
    assert state.taken_at is not None
    assert state.taken_at.utcoffset() is not None
