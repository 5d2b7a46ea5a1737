"""Route templates of HTTP functions: which function answers a path."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote

_PARAMETER: Final = re.compile(r"\{(?P<all>\*)?(?P<name>\w+)(?::(?P<constraint>\w+))?(?P<optional>\?)?\}")
_CONSTRAINTS: Final = {
    "int": r"-?\d+",
    "long": r"-?\d+",
    "guid": r"[0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}",
    "alpha": r"[A-Za-z]+",
    "bool": r"(?i:true|false)",
}
_METHODS: Final = ("GET", "POST", "DELETE", "HEAD", "PATCH", "PUT", "OPTIONS")
# A literal segment is asked before a constrained parameter, that before a free one, a catch-all last: as ASP.NET does.
_LITERAL, _CONSTRAINED, _FREE, _CATCH_ALL = range(4)


@dataclass(frozen=True, slots=True)
class Route:
    """A template such as `copies/{id}` compiled; raises `ValueError` where a segment is not understood."""

    pattern: re.Pattern[str]
    rank: tuple[int, ...]
    shape: str
    names: tuple[str, ...]


def compile_route(template: str) -> Route:
    """Compile a route template, without the prefix, into a `Route`. Literals match in any case, as in the real host."""
    pattern, rank, shape, names = "", [], [], []
    for segment in template.strip("/").split("/"):
        match = _PARAMETER.fullmatch(segment)
        if match is None:
            if "{" in segment or "}" in segment:
                raise ValueError(f"the segment {segment!r} of the route {template!r} is not understood")
            pattern += f"/(?i:{re.escape(segment)})" if segment else ""
            rank.append(_LITERAL)
            shape.append(segment.lower())
            continue
        constraint = match["constraint"]
        if constraint is not None and constraint not in _CONSTRAINTS:
            raise ValueError(f"the constraint {constraint!r} of the route {template!r} is not known")
        names.append(match["name"])
        if match["all"]:
            pattern += f"(?:/(?P<{match['name']}>.*))?"
            rank.append(_CATCH_ALL)
        else:
            value = f"/(?P<{match['name']}>{_CONSTRAINTS.get(constraint or '', '[^/]+')})"
            pattern += f"(?:{value})?" if match["optional"] else value
            rank.append(_CONSTRAINED if constraint else _FREE)
        shape.append("{*}" if match["all"] else "{" + (constraint or "") + "}")
    return Route(re.compile(pattern + "/?"), tuple(rank), "/".join(shape), tuple(names))


@dataclass(frozen=True, slots=True)
class Entry:
    """One HTTP function in the table: where it answers, to which methods (none: to all), and its name."""

    route: Route
    methods: frozenset[str]
    function: str


class RouteTable:
    """Finds the function of a request. Built once; raises `ValueError` where two functions claim one method and route."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        claimed: dict[tuple[str, str], str] = {}
        for entry in (table := sorted(entries, key=lambda entry: entry.route.rank)):
            for method in entry.methods or _METHODS:
                key = (method, entry.route.shape)
                if key in claimed:
                    raise ValueError(f"the functions {claimed[key]} and {entry.function} both claim {method} {entry.route.shape}")
                claimed[key] = entry.function
        self._table = tuple(table)

    def find(self, method: str, raw_path: str) -> tuple[str, Mapping[str, str]] | None:
        """Return the function's name and its route parameters (percent-decoded); None where no function answers.

        `raw_path` is the request's path after the prefix, still percent-encoded, beginning with "/".
        """
        for entry in self._table:
            if entry.methods and method not in entry.methods:
                continue
            match = entry.route.pattern.fullmatch(raw_path)
            if match is not None:
                return entry.function, {name: unquote(value) for name, value in match.groupdict().items() if value is not None}
        return None
