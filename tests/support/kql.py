"""Runs the queries of the alerts and the workbook over rows: exactly the Kusto operators that they use, and `ValueError` for any other.

Kusto's results of no rows hold: an aggregate over no rows is null, `summarize` without `by` gives one row all the same, with `by` none;
a column that is not there is an error, as it is in Azure Monitor.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

Row = Mapping[str, Any]

#: The columns of AppMetrics that are filled here (learn.microsoft.com/azure/azure-monitor/reference/tables/appmetrics).
COLUMNS = ("TimeGenerated", "Name", "Sum", "Min", "Max", "ItemCount", "Properties", "AppRoleName")
_TOKEN = re.compile(r'\s*(?:(?P<text>"[^"]*")|(?P<span>\d+[mhd]\b)|(?P<number>\d+(?:\.\d+)?)|(?P<name>\w+)|(?P<sign>==|[|,().=/]))')
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_EPOCH = datetime(1, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression.

    `kind` is literal, column, member, call, equal, and, in or divide; `name` is that of a column, a member or a function.
    """

    kind: str
    name: str = ""
    value: Any = None
    parts: tuple["Expression", ...] = ()


def run(query: str, rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what a query over AppMetrics gives for these rows; raises `ValueError` for what is not known here."""
    tokens = _Tokens(query)
    if tokens.take() != "AppMetrics":
        raise ValueError("a query begins with AppMetrics")
    found = [dict(row) for row in rows]
    while tokens.next():
        tokens.expect("|")
        operator = tokens.take()
        if operator not in _OPERATORS:
            raise ValueError(f"operator {operator} is not known here")
        found = _OPERATORS[operator](tokens, found)
    return found


class _Tokens:
    """What a query consists of, and how expressions are read from it."""

    def __init__(self, query: str) -> None:
        text = re.sub(r"//.*", "", query).strip()
        self._all = list(_split(text))
        self._at = 0

    def next(self) -> str:
        return self._all[self._at] if self._at < len(self._all) else ""

    def take(self) -> str:
        token = self.next()
        self._at += 1
        return token

    def expect(self, wanted: str) -> None:
        if (found := self.take()) != wanted:
            raise ValueError(f"'{wanted}' was expected where '{found}' is")

    def skips(self, token: str) -> bool:
        """Whether this token comes next; it is taken then."""
        if self.next() != token:
            return False
        self._at += 1
        return True

    def named(self) -> Iterator[tuple[str, Expression]]:
        """Read `name = expression` or an expression alone, as often as commas follow; the name of the latter is that of its column."""
        while True:
            expression, name = self.condition(), ""
            if self.skips("="):
                name, expression = expression.name, self.condition()
            yield name or (expression.name if expression.kind == "column" else ""), expression
            if not self.skips(","):
                return

    def condition(self) -> Expression:
        left = self._comparison()
        while self.skips("and"):
            left = Expression("and", parts=(left, self._comparison()))
        return left

    def _comparison(self) -> Expression:
        left = self._quotient()
        if self.skips("=="):
            return Expression("equal", parts=(left, self._quotient()))
        if self.skips("in"):
            self.expect("(")
            return Expression("in", parts=(left, *self._arguments()))
        return left

    def _quotient(self) -> Expression:
        left = self._single()
        while self.skips("/"):
            left = Expression("divide", parts=(left, self._single()))
        return left

    def _single(self) -> Expression:
        token = self.take()
        if token.startswith('"'):
            return Expression("literal", value=token[1:-1])
        if re.fullmatch(r"\d+[mhd]", token):
            return Expression("literal", value=timedelta(**{_UNITS[token[-1]]: int(token[:-1])}))
        if token[:1].isdigit():
            return Expression("literal", value=float(token))
        if not token.isidentifier():
            raise ValueError(f"'{token}' is no expression that is known here")
        if self.skips("("):
            return Expression("call", token, parts=tuple(self._arguments()))
        if self.skips("."):
            return Expression("member", self.take(), parts=(Expression("column", token),))
        return Expression("column", token)

    def _arguments(self) -> list[Expression]:
        found: list[Expression] = []
        while not self.skips(")"):
            found.append(self.condition())
            if self.next() != ")":
                self.expect(",")
        return found


def _split(text: str) -> Iterator[str]:
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(f"this is not known here: {text[at : at + 20]}")
        at = match.end()
        yield match[0].strip()


def _where(tokens: _Tokens, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    condition = tokens.condition()
    return [row for row in rows if _of_row(condition, row)]


def _extend(tokens: _Tokens, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = list(tokens.named())
    return [row | {name: _of_row(expression, row) for name, expression in columns} for row in rows]


def _project(tokens: _Tokens, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    columns = list(tokens.named())
    return [{name: _of_row(expression, row) for name, expression in columns} for row in rows]


def _summarize(tokens: _Tokens, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    figures = list(tokens.named())
    keys = list(tokens.named()) if tokens.skips("by") else []
    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {} if keys else {(): rows}
    for row in rows if keys else ():
        groups.setdefault(tuple(_of_row(expression, row) for _, expression in keys), []).append(row)
    names = [name or expression.parts[0].name for name, expression in keys]
    return [dict(zip(names, key, strict=True)) | _figures(figures, group) for key, group in groups.items()]


def _figures(figures: list[tuple[str, Expression]], group: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, expression in figures:
        if expression.kind == "call" and expression.name == "arg_max":
            by, *others = expression.parts
            latest = max(group, key=partial(_of_row, by))
            found |= {each.name: _of_row(each, latest) for each in (by, *others)}
        else:
            found[name] = _of_group(expression, group)
    return found


def _order(tokens: _Tokens, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    tokens.expect("by")
    keys = []
    while True:
        keys.append(tokens.condition())
        tokens.expect("desc")
        if not tokens.skips(","):
            break
    return sorted(rows, key=lambda row: [_rank(_of_row(key, row)) for key in keys], reverse=True)


def _rank(value: Any) -> tuple[bool, Any]:
    return (value is not None, value if value is not None else 0)  # nulls are last where the largest is first


def _of_row(expression: Expression, row: Row) -> Any:
    if expression.kind == "call":
        if expression.name not in _SCALARS:
            raise ValueError(f"function {expression.name} is not known here")
        return _SCALARS[expression.name](*(_of_row(part, row) for part in expression.parts))
    if expression.kind == "column":
        if expression.name not in row:
            raise ValueError(f"there is no column {expression.name}; there are {', '.join(row)}")
        return row[expression.name]
    if expression.kind == "member":
        return _of_row(expression.parts[0], row).get(expression.name)
    return _combined(expression, [_of_row(part, row) for part in expression.parts])


def _of_group(expression: Expression, group: list[dict[str, Any]]) -> Any:
    if expression.kind == "call" and expression.name in _AGGREGATES:
        kept = [row for row in group if all(_of_row(condition, row) for condition in expression.parts[1:])]
        values = [value for row in kept if (value := _of_row(expression.parts[0], row)) is not None]
        return _AGGREGATES[expression.name](values) if values else None
    if expression.kind == "call" and expression.name in _SCALARS:
        return _SCALARS[expression.name](*(_of_group(part, group) for part in expression.parts))
    if expression.kind in {"column", "member", "call"}:
        raise ValueError(f"{expression.name} is neither an aggregate that is known here nor of one")
    return _combined(expression, [_of_group(part, group) for part in expression.parts])


def _combined(expression: Expression, values: list[Any]) -> Any:
    match expression.kind:
        case "literal":
            return expression.value
        case "equal":
            return values[0] == values[1]
        case "and":
            return all(values)
        case "in":
            return values[0] in values[1:]
        case "divide":
            return None if None in values else values[0] / values[1]
    raise ValueError(f"{expression.kind} is not known here")


def _bin(value: datetime, size: timedelta) -> datetime:
    return value - (value - _EPOCH) % size


_OPERATORS: dict[str, Callable[[_Tokens, list[dict[str, Any]]], list[dict[str, Any]]]] = {
    "where": _where,
    "extend": _extend,
    "project": _project,
    "summarize": _summarize,
    "order": _order,
}
_SCALARS: dict[str, Callable[..., Any]] = {
    "tostring": lambda value: "" if value is None else str(value),
    "coalesce": lambda *values: next((value for value in values if value is not None), None),
    "bin": _bin,
}
_AGGREGATES: dict[str, Callable[[list[Any]], Any]] = {"sum": sum, "min": min, "max": max, "maxif": max}
