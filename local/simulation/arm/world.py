"""Everything that the simulated Azure holds, one state per service, and the one way to change it."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any, Protocol, TypeVar, cast

from local.simulation.arm.access import Principal
from local.simulation.arm.tables import Change, Json, Table


class State(Protocol):
    """What a service keeps."""

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        ...

    def load(self, estate: Mapping[str, Any], now: datetime, seed: int) -> None:
        """Add the service's part of an estate; raises `KeyError`, `TypeError` or `ValueError` for what cannot be read."""
        ...

    def dump(self, now: datetime) -> Json:
        """Return the service's part of the estate at a moment."""
        ...


S = TypeVar("S", bound=State)


def _as_is(body: Mapping[str, Any]) -> Json:
    return dict(body)


class World:
    """The services' states, the principals, and what the estate carries for others: the tenant registry.

    `rest` holds one row per such member of the estate: `tenants`, and the `seed` of all chance.
    """

    def __init__(self, states: Iterable[State] = ()) -> None:
        self._states: dict[type[State], State] = {type(state): state for state in states}
        self.principals: Table[Principal] = Table("principals", Principal.from_json, Principal.as_json)
        self.rest: Table[Json] = Table("rest", _as_is, _as_is)

    def of(self, kind: type[S]) -> S:
        """Return the state of the service that keeps it in this class; raises `KeyError` where no such service is registered."""
        return cast("S", self._states[kind])

    def states(self) -> Iterator[State]:
        """Return the services' states in the order of their registration."""
        return iter(self._states.values())

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table of every service, for the store."""
        return (*(table for state in self._states.values() for table in state.tables()), self.principals, self.rest)

    @property
    def seed(self) -> int:
        """The seed of all chance in this estate."""
        return int((self.rest.get("seed") or {}).get("value", 1))

    @property
    def tenants(self) -> list[Json]:
        """The tenant registry as the estate has it."""
        return list((self.rest.get("tenants") or {}).get("value", []))

    def principal(self, name_or_id: str) -> Principal | None:
        """Return a principal by object id or, without case, by name."""
        found = self.principals.get(name_or_id.lower())
        return found or next((each for each in self.principals.values() if each.name.lower() == name_or_id.lower()), None)

    def apply(self, changes: Iterable[Change]) -> None:
        """Make the changes."""
        for change in changes:
            change.table.put(change.key, change.row)
