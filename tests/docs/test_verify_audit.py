"""The command that verifies an audit trail: it agrees with the trail as the app writes it, and finds what was changed."""

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from local.processes import ROOT
from shared.audit.answers import AuditDetail, AuditEntry, AuditTrail
from shared.audit.chain import append
from shared.operations.model.models import Actor

Json = dict[str, Any]
COUNT = 4


@pytest.fixture
def trail() -> Json:
    """The answer of a trail of four entries."""
    entries: list[AuditEntry] = []
    for number in range(COUNT):
        time = datetime(2026, 3, 1, 12, tzinfo=UTC) + timedelta(minutes=number)
        detail = AuditDetail(reason="Überflutung", leg=number)
        entries.append(append(entries[-1] if entries else None, time=time, actor=Actor("user", "a", "Änne"), event="x", detail=detail))
    return AuditTrail(value=tuple(entries), head=entries[-1].hash, verified=True).as_json()


@pytest.fixture
def anchors(tmp_path: Path, trail: Json) -> Path:
    """The folder of its anchors."""
    folder = tmp_path / "anchors"
    folder.mkdir()
    for entry in trail["value"]:
        anchor = {"operation": "one", "sequence": entry["sequence"], "hash": entry["hash"]}
        (folder / f"{entry['sequence']:06d}").write_text(json.dumps(anchor), "utf-8")
    return folder


def verified(trail: object, *folder: Path) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, str(ROOT / "examples" / "verify_audit.py"), "-", *map(str, folder)]
    return subprocess.run(command, input=json.dumps(trail), capture_output=True, text=True, encoding="utf-8", timeout=60, check=False)


def rehashed(trail: Json) -> Json:
    """Return a trail whose entries were all written anew, so that it fits in itself."""
    entries: list[AuditEntry] = []
    for entry in trail["value"]:
        time, actor = datetime.fromisoformat(entry["time"]), Actor(**entry["actor"])
        entries.append(append(entries[-1] if entries else None, time=time, actor=actor, event=entry["event"], detail=entry["detail"]))
    return AuditTrail(value=tuple(entries), head=entries[-1].hash, verified=True).as_json()


def test_a_trail_as_the_app_writes_it_is_whole(trail: Json, anchors: Path) -> None:
    alone, held = verified(trail), verified(trail, anchors)
    assert (alone.returncode, held.returncode) == (0, 0), (alone, held)
    assert "4 entries, 4 of them anchored" in held.stdout
    (anchors / "000004").unlink()
    assert verified(trail, anchors).returncode == 0, "an entry is anchored after it was written"


def _changed(trail: Json) -> None:
    trail["value"][1]["detail"]["reason"] = "none"


def _taken_out(trail: Json) -> None:
    del trail["value"][1]


def _taken_off(trail: Json) -> None:
    del trail["value"][-1]
    trail["head"] = trail["value"][-1]["hash"]


def _written_anew(trail: Json) -> None:
    _changed(trail)
    trail |= rehashed(trail)


@pytest.mark.parametrize(
    ("change", "alone", "words"),
    [
        (_changed, 1, "entry 2 was changed"),
        (_taken_out, 1, "entry 2 is missing"),
        (_taken_off, 0, "entry 4 was anchored and is not there"),
        (_written_anew, 0, "entry 2 is not the one that was anchored"),
    ],
)
def test_what_was_done_to_a_trail_is_found(trail: Json, anchors: Path, change: Callable[[Json], None], alone: int, words: str) -> None:
    other = copy.deepcopy(trail)
    change(other)
    assert verified(other).returncode == alone, "some things only the anchors show"
    found = verified(other, anchors)
    assert (found.returncode, words in found.stderr) == (1, True), found


@pytest.mark.parametrize("answer", [[], {}, {"error": {"code": "NotFound"}}, {"value": [1], "head": ""}])
def test_what_is_no_trail_is_not_called_whole(answer: object) -> None:
    assert verified(answer).returncode == 2
