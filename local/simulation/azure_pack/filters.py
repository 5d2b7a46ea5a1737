"""`$filter` of OData 3 as VMM takes it: `eq`, `and`, `or`, parentheses. Pure."""

import re
from collections.abc import Callable
from typing import Any

from local.simulation.arm.tables import Json

Condition = Callable[[Json], bool]
_TOKEN = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|(?P<keyword>and|or|eq)\b|(?P<literal>(?:guid|datetime)?'(?:[^']|'')*'|true\b|false\b|-?\d+(?:\.\d+)?)"
    r"|(?P<field>[A-Za-z_][\w/]*))",
    re.IGNORECASE,
)


def condition(text: str) -> Condition:
    """Return the condition that a filter is; raises `ValueError` for what it cannot read."""
    reader = _Reader(_tokens(text))
    read = reader.either()
    if reader.left:
        raise ValueError(f"the filter goes on: {reader.left[0][1]}")
    return read


def _tokens(text: str) -> list[tuple[str, str]]:
    found: list[tuple[str, str]] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            raise ValueError(f"the filter cannot be read at {at}")
        kind = match.lastgroup
        found.append((kind, match[kind].lower() if kind == "keyword" else match[kind]))
        at = match.end()
    return found


class _Reader:
    """A recursive descent over the tokens."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self.left = tokens

    def either(self) -> Condition:
        """Read conditions that `or` joins."""
        parts = [self._both()]
        while self._keyword("or"):
            parts.append(self._both())
        return lambda entity: any(part(entity) for part in parts)

    def _both(self) -> Condition:
        parts = [self._one()]
        while self._keyword("and"):
            parts.append(self._one())
        return lambda entity: all(part(entity) for part in parts)

    def _one(self) -> Condition:
        kind, value = self._take()
        if kind == "open":
            inner = self.either()
            if self._take()[0] != "close":
                raise ValueError("a parenthesis is not closed")
            return inner
        if kind != "field" or not self._keyword("eq"):
            raise ValueError("a field with eq is expected")
        kind, text = self._take()
        if kind != "literal":
            raise ValueError("a literal is expected")
        return lambda entity: _matches(_member(entity, value), text)

    def _keyword(self, keyword: str) -> bool:
        if self.left and self.left[0] == ("keyword", keyword):
            self.left = self.left[1:]
            return True
        return False

    def _take(self) -> tuple[str, str]:
        if not self.left:
            raise ValueError("the filter ends early")
        first, self.left = self.left[0], self.left[1:]
        return first


def _member(entity: Json, path: str) -> Any:  # noqa: ANN401  # whatever JSON can hold
    value: Any = entity
    for name in path.split("/"):
        value = value.get(name) if isinstance(value, dict) else None
    return value


def _matches(value: object, literal: str) -> bool:
    if value is None:
        return False
    kind, quote, inner = literal.partition("'")
    if quote:
        text = inner[:-1].replace("''", "'")
        return str(value).lower() == text.lower() if kind else str(value) == text
    return str(value).lower() == literal.lower()
