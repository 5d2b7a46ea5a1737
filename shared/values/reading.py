"""Readers of JSON documents that another system wrote, such as Azure Resource Manager.

A member that is missing, null or of another type counts as absent; no reader raises. Members are found by their exact name first, then
without regard to case, because Azure writes some names in more than one case (`osDetails`, `oSDetails`).
"""

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

Json = Mapping[str, object]
"""A JSON object as `json.loads` returns it."""

_EMPTY: Json = {}
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
_LONGEST_NUMBER = 20
_FIRST_REAL_YEAR = 1970
"""Site Recovery writes 0001-01-01 and 1753-01-01 in place of a missing time."""


def member(holder: Json, name: str) -> object:
    """Return the value of a member, or None where it is missing or null."""
    if name in holder:
        return holder[name]
    lowered = name.lower()
    return next((value for key, value in holder.items() if len(key) == len(name) and key.lower() == lowered), None)


def an_object(holder: Json, name: str) -> Json:
    """Return a member that is an object, else an empty object."""
    value = member(holder, name)
    return value if isinstance(value, Mapping) else _EMPTY


def objects(holder: Json, name: str) -> list[Json]:
    """Return the objects of a member that is a list, else an empty list."""
    value = member(holder, name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def text(holder: Json, *names: str) -> str | None:
    """Return the first of the named members that is a text and not empty."""
    return next((value for name in names if isinstance(value := member(holder, name), str) and value), None)


def word(holder: Json, name: str, known: Iterable[str]) -> str | None:
    """Return a member that is a text in the spelling of the known word that it equals without regard to case, any other as it is."""
    value = text(holder, name)
    return one_of(value, known) or value


def code(holder: Json, *names: str) -> str | None:
    """Return the first of the named members that is a text or a whole number, as text; Azure writes error codes both ways."""
    for name in names:
        value = member(holder, name)
        if isinstance(value, str) and value:
            return value
        if isinstance(value, int) and not isinstance(value, bool):
            return str(value)
    return None


def texts(holder: Json, name: str) -> tuple[str, ...] | None:
    """Return the texts of a member that is a list, None where it is not a list."""
    value = member(holder, name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else None


def whole(holder: Json, *names: str) -> int | None:
    """Return the first of the named members that is a whole number; a number that is written as text counts."""
    return next((value for name in names if (value := _whole(member(holder, name))) is not None), None)


def number(holder: Json, *names: str) -> float | None:
    """Return the first of the named members that is a finite number; one that is written as text counts."""
    return next((value for name in names if (value := _number(member(holder, name))) is not None), None)


def flag(holder: Json, *names: str) -> bool | None:
    """Return the first of the named members that is a truth value; `"true"` and `"false"` as text, in any case, count."""
    for name in names:
        value = member(holder, name)
        if isinstance(value, bool):
            return value
        if isinstance(value, str) and value.strip().lower() in {"true", "false"}:
            return value.strip().lower() == "true"
    return None


def moment(holder: Json, *names: str) -> datetime | None:
    """Return the first of the named members that is an ISO 8601 time, aware UTC; a time before 1970 counts as missing."""
    return next((value for name in names if (value := _moment(text(holder, name))) is not None), None)


def last_segment(id_or_name: str | None) -> str:
    """Return the last segment of an id or a path; a name is returned unchanged."""
    return (id_or_name or "").rstrip("/").rpartition("/")[2]


def same_name(a: str | None, b: str | None) -> bool:
    """Return whether two ids or names end in the same segment, without regard to case; an absent name equals nothing."""
    left, right = last_segment(a).lower(), last_segment(b).lower()
    return bool(left) and left == right


def same_text(a: str | None, b: str | None) -> bool:
    """Return whether two texts are equal without regard to case; an absent text equals nothing."""
    return a is not None and b is not None and a.lower() == b.lower()


def is_guid(value: str | None) -> bool:
    """Return whether a text is a GUID with hyphens, in any case."""
    return value is not None and _GUID.fullmatch(value) is not None


def one_of(value: str | None, known: Iterable[str]) -> str | None:
    """Return the known text that a value equals without regard to case and white space, or None."""
    squeezed = "".join((value or "").split()).lower()
    return next((one for one in known if "".join(one.split()).lower() == squeezed), None) if squeezed else None


def _whole(value: object) -> int | None:
    if isinstance(value, bool):
        return None
    if isinstance(value, int):
        return value
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    if isinstance(value, str) and value.strip().lstrip("-").isdecimal() and value.isascii() and len(value) <= _LONGEST_NUMBER:
        try:
            return int(value)
        except ValueError:
            return None
    return None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str) or (isinstance(value, str) and len(value) > _LONGEST_NUMBER):
        return None
    try:
        found = float(value)
    except (ValueError, OverflowError):
        return None
    return found if math.isfinite(found) else None


def _moment(value: str | None) -> datetime | None:
    try:
        read = datetime.fromisoformat(value) if value is not None else None
        if read is None:
            return None
        utc = read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return utc if utc.year >= _FIRST_REAL_YEAR else None
