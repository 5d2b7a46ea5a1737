"""The part of the query language that is simulated: `where`, `project`, `order by`, on one table. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.resource_graph.rows import Row

_TABLE = "resources"
_WHERE = re.compile(
    r"where\s+(?P<column>[\w.]+)\s*(?P<operator>=~|==|in~|in)\s*(?P<values>\(.*\)|'[^']*'|\"[^\"]*\")", re.IGNORECASE | re.DOTALL
)
_TEXT = re.compile(r"'([^']*)'|\"([^\"]*)\"")
_PROJECTED = re.compile(
    r"(?:(?P<alias>\w+)\s*=\s*)?(?:(?P<function>tostring|tolower)\(\s*(?P<inner>[\w.]+)\s*\)|(?P<path>[\w.]+))", re.IGNORECASE
)
_ORDER = re.compile(r"(?:order|sort)\s+by\s+(?P<column>\w+)(?:\s+(?P<direction>asc|desc))?", re.IGNORECASE)
#: The types that have rows here, in lower case.
TYPES = (
    "microsoft.compute/virtualmachines",
    "microsoft.compute/disks",
    "microsoft.network/networkinterfaces",
    "microsoft.compute/restorepointcollections",
)


@dataclass(frozen=True, slots=True)
class Query:
    """A query: of which types (in lower case), which rows, which columns of each (None: all), in which order."""

    types: frozenset[str]
    conditions: tuple[Callable[[Row], bool], ...]
    columns: tuple[tuple[str, str, str], ...] | None
    order: str | None
    descending: bool

    def select(self, rows: Iterable[Row]) -> list[Row]:
        """Return the rows that it selects, in its order."""
        found = [row for row in rows if all(condition(row) for condition in self.conditions)]
        if self.order is not None:
            order = self.order
            found.sort(key=lambda row: str(row.at(order) or "").lower(), reverse=self.descending)
        return found

    def project(self, row: Row) -> Json:
        """Return a row's columns."""
        if self.columns is None:
            return row.columns()
        return {alias: _value(row, path, function) for alias, path, function in self.columns}


def parse(text: str) -> Query:
    """Return what a text means; raises `ArmError` 400 for what is not simulated."""
    table, *statements = [each.strip() for each in re.split(r"\|(?=(?:[^']*'[^']*')*[^']*$)", text)]
    if table.lower() != _TABLE:
        raise invalid(f"the table '{table}' is not simulated: {_TABLE} is")
    conditions, columns, order, descending = [], None, None, False
    named_types: set[str] = set()
    for statement in statements:
        keyword = statement.split(None, 1)[0].lower() if statement else ""
        if keyword == "where":
            for part in re.split(r"\s+and\s+", statement.split(None, 1)[1], flags=re.IGNORECASE):
                condition, types = _condition(f"where {part}")
                named_types |= types
                conditions.append(condition)
        elif keyword == "project":
            columns = tuple(_column(each) for each in re.split(r",\s*", statement.split(None, 1)[1].strip()))
        elif (ordered := _ORDER.fullmatch(statement)) is not None:
            order, descending = ordered["column"], (ordered["direction"] or "desc").lower() == "desc"
        else:
            raise invalid(f"the statement '{statement}' is not simulated: where, project and order by are")
    if not named_types:
        raise invalid("a query must name the types of its rows: where type =~ '…' or where type in~ ('…')")
    if not named_types <= set(TYPES):
        raise invalid(f"the type '{sorted(named_types - set(TYPES))[0]}' is not simulated: {', '.join(TYPES)} are")
    return Query(frozenset(named_types), tuple(conditions), columns, order, descending)


def _condition(text: str) -> tuple[Callable[[Row], bool], set[str]]:
    """Return a condition on a row, and the types that it names."""
    match = _WHERE.fullmatch(text.strip())
    if match is None:
        raise invalid(f"the condition '{text}' is not simulated: a column with =~, ==, in~ or in is")
    values = [one or two for one, two in _TEXT.findall(match["values"])]
    column, exactly = match["column"], match["operator"] in ("==", "in")
    wanted = set(values) if exactly else {value.lower() for value in values}

    def holds(row: Row) -> bool:
        value = str(row.at(column) or "")
        return (value if exactly else value.lower()) in wanted

    return holds, {value.lower() for value in values} if column.lower() == "type" else set()


def _column(text: str) -> tuple[str, str, str]:
    match = _PROJECTED.fullmatch(text.strip())
    if match is None:
        raise invalid(f"the column '{text}' is not simulated: a path, tostring(path) or tolower(path) is")
    path = match["inner"] or match["path"]
    return match["alias"] or path.replace(".", "_"), path, (match["function"] or "").lower()


def _value(row: Row, path: str, function: str) -> Any:  # noqa: ANN401  # whatever JSON can hold
    value = row.at(path)
    if not function:
        return value
    text = "" if value is None else str(value)
    return text.lower() if function == "tolower" else text


def invalid(reason: str) -> ArmError:
    """Return Resource Graph's 400 for a query that it cannot run."""
    return ArmError(
        400, "BadRequest", f"Please provide below info when asking for support: the query is invalid or not supported: {reason}."
    )
