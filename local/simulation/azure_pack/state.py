"""What the simulated Azure Pack holds, as Azure Pack's own documents; members that begin with `_` are the simulation's."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Change, Json, Table

#: Members of an installation in the estate that are lists, and what names a row of each.
_KEYS = {
    "plans": "Id",
    "addOns": "Id",
    "users": "Name",
    "subscriptions": "SubscriptionID",
    "certificates": "id",
    "accounts": "name",
    "objects": "key",
    "jobs": "ID",
    "roles": "id",
    "gallery": "Name",
}
_SETTINGS: Json = {
    "name": "pack",
    "domain": "PACK",
    "syncSeconds": 90,
    "deleteSeconds": 30,
    "jobSeconds": 30,
    "tokenHours": 8,
    "hybridTenant": True,
    "knowsSaveState": True,
    "suspendedAllowsAdmin": True,
    "adminFiltersMachines": True,
    "accountsToken": "sample-hook-token",
}


def _as_is(body: Mapping[str, Any]) -> Json:
    return dict(body)


class AzurePackState:
    """One installation, or none. An estate has it as the one object of its list `azurePack`."""

    def __init__(self) -> None:
        self._tables = {member: Table(f"azurePack.{member}", _as_is, _as_is) for member in (*_KEYS, "settings")}
        self.plans = self._tables["plans"]
        self.add_ons = self._tables["addOns"]
        self.users = self._tables["users"]
        self.subscriptions = self._tables["subscriptions"]
        self.certificates = self._tables["certificates"]
        self.accounts = self._tables["accounts"]
        self.objects = self._tables["objects"]
        self.jobs = self._tables["jobs"]
        self.roles = self._tables["roles"]
        self.gallery = self._tables["gallery"]
        self._settings = self._tables["settings"]

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return tuple(self._tables.values())

    def load(self, estate: Mapping[str, Any], _now: datetime, _seed: int) -> None:
        """Take over the installation of an estate; raises `ValueError` for more than one."""
        installations = estate.get("azurePack", [])
        if len(installations) > 1:
            raise ValueError("azurePack: the simulation has one installation")
        for installation in installations:
            self._settings.put("settings", {name: value for name, value in installation.items() if name not in _KEYS})
            for member, name in _KEYS.items():
                for row in installation.get(member, []):
                    self._tables[member].put(str(row[name]).lower(), dict(row))

    def dump(self, _now: datetime) -> Json:
        """Return the installation as the estate has it."""
        settings = self._settings.get("settings")
        if settings is None:
            return {}
        return {"azurePack": [settings | {member: list(self._tables[member].values()) for member in _KEYS}]}

    def setting(self, name: str) -> Any:  # noqa: ANN401  # whatever JSON can hold
        """Return a setting of the installation, or its default."""
        return (self._settings.get("settings") or {}).get(name, _SETTINGS[name])

    def put(self, member: str, row: Json) -> Change:
        """Return the change that sets a row."""
        return Change(self._tables[member], str(row[_KEYS[member]]).lower(), row)

    def remove(self, member: str, row: Json) -> Change:
        """Return the change that removes a row."""
        return Change(self._tables[member], str(row[_KEYS[member]]).lower(), None)

    def entities(self, name: str) -> Iterator[Json]:
        """Return the VMM entities of a set, in the order in which they came."""
        return (row["entity"] for row in self.objects.values() if row["set"] == name)

    def entity(self, name: str, id_: str) -> Json | None:
        """Return a VMM entity by its id."""
        row = self.objects.get(f"{name}/{id_}".lower())
        return None if row is None else row["entity"]

    def put_entity(self, name: str, entity: Json) -> Change:
        """Return the change that sets a VMM entity."""
        return self.put("objects", {"key": f"{name}/{entity['ID']}", "set": name, "entity": entity})

    def remove_entity(self, name: str, entity: Json) -> Change:
        """Return the change that removes a VMM entity."""
        return self.remove("objects", {"key": f"{name}/{entity['ID']}"})

    def machines_of(self, subscription: str) -> list[Json]:
        """Return the machines whose owner is a subscription."""
        wanted = subscription.lower()
        return [each for each in self.entities("VirtualMachines") if str((each.get("Owner") or {}).get("RoleID", "")).lower() == wanted]


def shown(row: Mapping[str, Any]) -> Json:
    """Return a row without what is the simulation's own."""
    return {name: value for name, value in row.items() if not name.startswith("_")}
