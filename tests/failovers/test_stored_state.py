"""The stored form of a failover: what version 0.1.0 stored is read, and writing it again changes nothing but what is new in a value."""

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from shared.errors import Problem
from shared.failovers.failing_over.state import FailoverDetail, FailoverInput, FailoverState, InputName
from shared.operations.model.models import Actor, Status
from shared.values.absence import Absence
from shared.values.stored import StoredView
from tests.failovers.samples import NOW

Json = dict[str, Any]
STORED = Path(__file__).parents[1] / "compatibility/stored/0.1.0.json"


def _column(row: Json, name: str, codec: str) -> Json:
    column = row.get(name)
    return dict(column[codec]) if isinstance(column, dict) and codec in column else {}


def _stored() -> list[Any]:
    rows = json.loads(STORED.read_text(encoding="utf-8"))["tables"]["operations"]
    failovers = {row["RowKey"][2:] for row in rows if row.get("kind") == "failover" and row["RowKey"][:2] in {"a|", "o|"}}
    found = []
    for row in rows:
        key, id_ = row["RowKey"][:2], row["RowKey"][2:]
        if id_ not in failovers:
            continue
        if key == "a|":
            found.append(pytest.param(FailoverState, _column(row, "state", "deflated")["data"], id=f"state {id_}"))
        if key == "d|":
            found.append(pytest.param(FailoverDetail, _column(row, "detail0", "json"), id=f"detail {id_}"))
        if key == "o|" and "final0" in row:
            found.append(pytest.param(FailoverDetail, _column(row, "final0", "json")["detail"], id=f"final {id_}"))
    return found


CASES = _stored()


def test_there_is_something_to_read() -> None:
    assert len(CASES) >= 8


@pytest.mark.parametrize(("view", "stored"), CASES)
def test_writing_what_was_read_changes_nothing(view: type[StoredView], stored: Json) -> None:
    written = copy.deepcopy(stored)
    read = view.of(written)
    for name in view.model_fields:
        if name in read.model_fields_set:
            setattr(read, name, getattr(read, name))
    assert written == stored


@pytest.mark.parametrize(("view", "stored"), CASES)
def test_members_of_a_newer_version_stay(view: type[StoredView], stored: Json) -> None:
    newer = {**copy.deepcopy(stored), "addedLater": {"x": [None]}}
    for value in newer.values():
        if isinstance(value, dict) and value is not newer.get("jobs"):
            value["addedLater"] = True
    written = copy.deepcopy(newer)
    view.of(written).leg = 0
    assert {name: value for name, value in written.items() if name != "leg"} == {k: v for k, v in newer.items() if k != "leg"}


def test_what_is_new_is_written_in_the_form_that_was_stored_before() -> None:
    stored: Json = {}
    state = FailoverState.of(stored)
    state.end, state.started_at = Status.SUCCEEDED, NOW
    state.job_absent = Absence(NOW, 1, NOW)
    assert stored == {
        "end": "Succeeded",
        "startedAt": "2026-03-01T12:00:00.000000Z",
        "jobAbsent": {"since": "2026-03-01T12:00:00.000000Z", "looks": 1, "last": "2026-03-01T12:00:00.000000Z"},
    }
    state.job_absent = None
    assert "jobAbsent" not in stored
    assert FailoverState.of(stored).started_at == NOW
    problem = Problem("FailoverFailed", "It failed.", None, (Problem("28031", "No quota."),))
    FailoverDetail.of(stored).problem = problem
    assert stored["problem"] == problem.as_json()
    assert FailoverDetail.of(json.loads(json.dumps(stored))).problem == problem


def test_a_decision_is_stored_under_the_names_of_before() -> None:
    decision = FailoverInput(name=InputName.APPROVE, plan_hash=None, by=Actor("user", "b", "Bob"))
    stored = decision.model_dump(mode="json", by_alias=True, exclude_unset=True)
    assert stored == {"word": "approve", "planHash": None, "by": {"kind": "user", "id": "b", "name": "Bob"}}
    assert FailoverInput.model_validate(stored) == decision
