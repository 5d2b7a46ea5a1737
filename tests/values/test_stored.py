"""Typed views of stored JSON: what is read, what assigning writes, and what a newer version wrote."""

from typing import Any

from pydantic import BaseModel, ConfigDict

from shared.values.stored import StoredView


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str


class View(StoredView):
    """A view of a document with an object in it."""

    first_part: Part | None = None
    count: int = 0
    parts: dict[int, Part] = {}


def test_assigning_a_field_writes_its_member_and_leaves_all_others() -> None:
    stored: dict[str, Any] = {"firstPart": {"name": "a", "newer": [1]}, "count": "3", "alsoNewer": {"x": None}}
    view = View.of(stored)
    assert (view.first_part and view.first_part.name, view.count) == ("a", 3)
    view.count += 1
    assert stored == {"firstPart": {"name": "a", "newer": [1]}, "count": 4, "alsoNewer": {"x": None}}
    view.first_part = Part(name="b")
    view.parts = {1: Part(name="c")}
    assert stored == {"firstPart": {"name": "b"}, "count": 4, "alsoNewer": {"x": None}, "parts": {"1": {"name": "c"}}}
    assert View.of(stored).parts == {1: Part(name="c")}


def test_none_has_no_member_and_reading_writes_nothing() -> None:
    stored: dict[str, Any] = {"firstPart": {"name": "a"}}
    View.of(stored).first_part = None
    assert stored == {}
    View.of(stored)
    assert stored == {}
