"""The way of one `POST /restore-point-copies` through the modules: into `shared/web` once, and out of it once."""

import ast
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

import pytest

from local.processes import ROOT
from tests.crash.fleet import Fleet
from tests.crash.world import world

pytestmark = pytest.mark.process
_SHORTEST = 20
WEB = "shared.web."
OURS = ("functions.", "shared.")
ACCESSORS = "shared.web.calls"
"""What a handler reads of the request is a member of the `Call` that was built once: reading one enters nothing again."""


class Way:
    """The functions of the project that one request ran, each call once, however often it was suspended."""

    def __init__(self) -> None:
        self._seen: dict[int, FrameType] = {}
        self.modules: set[str] = set()
        self.entries: list[str] = []

    def __call__(self, frame: FrameType, event: str, _arg: object) -> None:
        """Note a call, as `sys.setprofile` reports it."""
        name = str(frame.f_globals.get("__name__", ""))
        if event != "call" or not name.startswith(OURS) or id(frame) in self._seen:
            return
        self._seen[id(frame)] = frame  # kept, so that no other frame gets its id
        self.modules.add(name)
        if name.startswith(WEB) and not _caller(frame).startswith(WEB) and not _reads(frame):
            self.entries.append(f"{name}.{frame.f_code.co_qualname}")


def _caller(frame: FrameType) -> str:
    """Return the nearest module of the project that called, empty for none."""
    back = frame.f_back
    while back is not None and not str(back.f_globals.get("__name__", "")).startswith(OURS):
        back = back.f_back
    return str(back.f_globals["__name__"]) if back is not None else ""


def _reads(frame: FrameType) -> bool:
    named = frame.f_code.co_qualname
    return str(frame.f_globals["__name__"]) == ACCESSORS and named.startswith("Call.") and named != "Call.accepted"


@contextmanager
def way() -> Iterator[Way]:
    """Note the way of what runs within, in this thread."""
    one = Way()
    sys.setprofile(one)
    try:
        yield one
    finally:
        sys.setprofile(None)


async def test_a_copy_enters_the_web_modules_once_on_its_way_in_and_once_on_its_way_out(fleet: Fleet) -> None:
    """The first line of each module on the way is what it adds, and no two are the same."""
    small = world("way", (await fleet.simulation.clock()).now, chains=1, points=2, machines=0, minutes=1)
    await fleet.hold(small)
    first, second = small.points
    await fleet.start(first)  # imports and first assembly
    with way() as copied:
        await fleet.start(second)
    assert copied.entries == ["shared.web.entry.answer", "shared.web.calls.Call.accepted"]
    assert {"shared.copies.copying.service", "shared.operations.accepting.acceptance"} <= copied.modules
    lines = {name: _first_line(name) for name in copied.modules}
    assert {name: line for name, line in lines.items() if len(line) < _SHORTEST} == {}
    assert len(set(lines.values())) == len(lines)


def _first_line(module: str) -> str:
    path = ROOT / Path(*module.split(".")).with_suffix(".py")
    path = path if path.exists() else path.with_suffix("") / "__init__.py"
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]
