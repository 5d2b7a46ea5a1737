"""Strict reading of one JSON object that a caller or another system sent, over HTTP or in a queue message."""

import codecs
import json
import math
from typing import NoReturn

MAX_DEPTH = 32
_KINDS = {list: "an array", str: "a text", bool: "true or false", type(None): "null"}
_MARKS = (codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class InvalidJsonError(ValueError):
    """Text that is not one JSON object; `target` is the member that is wrong, None where it is the whole."""

    def __init__(self, message: str, target: str | None = None) -> None:
        super().__init__(message)
        self.target = target


def has_byte_order_mark(raw: bytes) -> bool:
    """Return whether bytes begin with a byte order mark of UTF-8 or UTF-16."""
    return raw.startswith(_MARKS)


def begins_an_object(raw: bytes) -> bool:
    """Return whether bytes begin as a JSON object does, in any of its encodings."""
    return has_byte_order_mark(raw) or raw.lstrip(b"\0 \t\r\n").startswith(b"{")


def read_object(raw: bytes) -> dict[str, object]:
    """Read UTF-8, UTF-16 or UTF-32, with or without a byte order mark, as one JSON object (RFC 8259; its encoding by RFC 4627, section 3).

    Raises `InvalidJsonError` for an empty text, other encodings, a member that is given twice in one object, NaN and infinities, half a
    surrogate pair, more than 32 levels, and anything that is not an object.
    """
    if not raw.strip():
        raise InvalidJsonError("The body is empty. Send a JSON object.")
    try:
        document = json.loads(_decoded(raw), object_pairs_hook=_members, parse_constant=_refuse_constant, parse_float=_finite)
    except json.JSONDecodeError as error:
        raise InvalidJsonError(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from error
    except RecursionError as error:
        raise _too_deep() from error
    except InvalidJsonError:
        raise
    except ValueError as error:  # an integer of thousands of digits
        raise InvalidJsonError("The body has a number that is too long.") from error
    if not isinstance(document, dict):
        raise InvalidJsonError(f"The body is {_KINDS.get(type(document), 'a number')}. Send a JSON object.")
    _check(document, 1)
    return document


def _decoded(raw: bytes) -> str:
    encoding = json.detect_encoding(raw)
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError as error:
        name = "-".join(encoding.upper().split("-")[:2])
        raise InvalidJsonError(f"The body is not {name} text: byte {error.start} is not part of a character.") from error


def _members(pairs: list[tuple[str, object]]) -> dict[str, object]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise InvalidJsonError("This member is given twice in one object. Give it once.", twice)
    return found


def _refuse_constant(name: str) -> NoReturn:
    raise InvalidJsonError(f"The body has {name}, which is not a JSON number.")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise InvalidJsonError("The body has a number that is too large.")
    return value


def _too_deep() -> InvalidJsonError:
    return InvalidJsonError(f"The body is nested too deeply. At most {MAX_DEPTH} levels are read.")


def _check(value: object, depth: int) -> None:
    """Raise `InvalidJsonError` for a document that is too deep or has half a surrogate pair."""
    if depth > MAX_DEPTH:
        raise _too_deep()
    if isinstance(value, dict):
        for name, member in value.items():
            _check_text(name)
            _check(member, depth + 1)
    elif isinstance(value, list):
        for member in value:
            _check(member, depth + 1)
    elif isinstance(value, str):
        _check_text(value)


def _check_text(text: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise InvalidJsonError("The body has half of a surrogate pair (\\ud800 to \\udfff), which is not a character.") from error
