"""Everything that the simulated Azure holds, one state per service, and the one way to change it."""

from collections.abc import Iterable, Mapping
from typing import Any

from local.simulation.arm.access import Principal
from local.simulation.arm.tables import Change, Json, Table
from local.simulation.compute.state import ComputeState
from local.simulation.network.models import NetworkState
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.resources.models import ResourcesState
from local.simulation.storage.models import StorageState


def _as_is(body: Mapping[str, Any]) -> Json:
    return dict(body)


class World:
    """The services' states, the principals, and what the estate carries for others: the tenant registry.

    `rest` holds one row per such member of the estate: `tenants`, and the `seed` of all chance.
    """

    def __init__(self) -> None:
        self.resources = ResourcesState()
        self.compute = ComputeState()
        self.network = NetworkState()
        self.storage = StorageState()
        self.recovery_services = RecoveryServicesState()
        self.principals: Table[Principal] = Table("principals", Principal.from_json, Principal.as_json)
        self.rest: Table[Json] = Table("rest", _as_is, _as_is)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table of every service, for the store."""
        services = (self.resources, self.compute, self.network, self.storage, self.recovery_services)
        return (*(table for service in services for table in service.tables()), self.principals, self.rest)

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
