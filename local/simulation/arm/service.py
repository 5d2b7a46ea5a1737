"""A service of the simulated Azure as it registers itself: its routes and its state."""

from collections.abc import Callable
from dataclasses import dataclass

from local.simulation.arm.call import Route
from local.simulation.arm.world import State


@dataclass(frozen=True, slots=True)
class Service:
    """A resource provider: `state` makes its empty state, which loads the members `lists` of an estate."""

    namespace: str
    routes: tuple[Route, ...]
    state: Callable[[], State]
    lists: tuple[str, ...]
