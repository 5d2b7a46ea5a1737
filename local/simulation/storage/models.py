"""What Microsoft.Storage keeps."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json, Table
from local.simulation.ids import key


@dataclass(frozen=True, slots=True)
class StorageAccount:
    """A storage account: `sku` is its redundancy, such as Standard_GRS; `blobs` are page blobs, each with `uri` and `sizeGB`."""

    id: str
    location: str
    sku: str = "Standard_GRS"
    blobs: tuple[Mapping[str, Any], ...] = ()

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "StorageAccount":
        """Read a storage account of the estate; SKU and blobs may be left out."""
        blobs = tuple({"uri": str(item["uri"]), "sizeGB": int(item["sizeGB"])} for item in body.get("blobs") or ())
        return StorageAccount(str(body["id"]), str(body["location"]).lower(), str(body.get("sku", "Standard_GRS")), blobs)

    def as_json(self) -> Json:
        """Write a storage account as the estate has it."""
        body: Json = {"id": self.id, "location": self.location, "sku": self.sku}
        return body | ({"blobs": [dict(blob) for blob in self.blobs]} if self.blobs else {})


class StorageState:
    """Storage accounts by id."""

    def __init__(self) -> None:
        self.accounts: Table[StorageAccount] = Table("storageAccounts", StorageAccount.from_json, StorageAccount.as_json)

    def tables(self) -> tuple[Table[Any], ...]:
        """Return every table, for the store."""
        return (self.accounts,)

    def load(self, estate: Mapping[str, Any], _: datetime, __: int) -> None:
        """Take over the storage accounts of an estate."""
        for item in estate.get("storageAccounts", []):
            row = StorageAccount.from_json(item)
            self.accounts.put(key(row.id), row)

    def dump(self, _: datetime) -> Json:
        """Write them as the estate has them."""
        return {"storageAccounts": [row.as_json() for row in self.accounts.values()]}
