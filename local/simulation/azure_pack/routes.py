"""Which handler a path has on a listener."""

import re
from collections.abc import Iterable
from dataclasses import dataclass

from local.simulation.azure_pack.request import Handler, Listener, Refusal


@dataclass(frozen=True, slots=True)
class Route:
    """A path as a regular expression, with named groups, without regard to case; `faults` act on the work that the request begins."""

    listeners: frozenset[Listener]
    method: str
    path: str
    handle: Handler
    faults: frozenset[str] = frozenset()


class Routes:
    """The routes of all listeners."""

    def __init__(self, routes: Iterable[Route]) -> None:
        self._routes = [(route, re.compile(route.path, re.IGNORECASE)) for route in routes]

    def find(self, listener: Listener, method: str, path: str) -> tuple[Route, dict[str, str]]:
        """Return the route of a path and the names in it; raises `Refusal`: 403 for an unknown path, 405 for another method."""
        known = False
        for route, pattern in self._routes:
            if listener not in route.listeners or (found := pattern.fullmatch(path.rstrip("/") or "/")) is None:
                continue
            if route.method == method:
                return route, found.groupdict()
            known = True
        if known:
            raise Refusal(405, "MethodNotAllowed", f"The path does not take {method}.")
        raise Refusal(403, None, "Forbidden: Access is denied.")
