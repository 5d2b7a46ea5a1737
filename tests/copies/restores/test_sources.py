"""The restore points that a request means, by the copies that Farshore has made and by whose their VMs are now."""

from contextlib import nullcontext
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any, Self, cast

import pytest

from shared.access.ownership import require_still_owned
from shared.access.registry import Registry
from shared.copies.kinds import COPY
from shared.copies.restores.accepting.sources import Sources, named_sources
from shared.copies.restores.request import RestoreRequest
from shared.copies.retention.places import Places
from shared.errors import Refused
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor, Operation, Status
from shared.operations.model.store import Store

COPY_ID = operation_id("contoso", COPY.name, "key")
RECOVERY, OTHER = "5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a31", "5d0b6a52-7c1e-4f7e-9a55-0c8e6d1f2a32"
POINT = f"/subscriptions/{RECOVERY}/resourceGroups/g/providers/Microsoft.Compute/restorePointCollections/c/restorePoints/{COPY_ID}"
VM = f"/subscriptions/{OTHER}/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


class Owners:
    """A registry in which subscriptions have owners, and nothing else."""

    def __init__(self, owners: dict[str, str]) -> None:
        self._owners = owners

    def uncached(self) -> Self:
        return self

    async def owner_of_cloud(self, _id: str) -> None:
        return None

    async def owner_of_subscription(self, subscription: str) -> Any:
        return SimpleNamespace(name=self._owners[subscription]) if subscription in self._owners else None

    async def shares(self, _tenant: str, _id: str) -> bool:
        return False


class OneCopy:
    """A store with a copy of contoso's."""

    async def get(self, id_: str) -> Operation | None:
        detail: dict[str, Any] = {"source": {"virtualMachineId": VM}, "target": {"restorePointId": POINT}}
        body: dict[str, Any] = {"source": {"virtualMachineId": VM}, "target": {"region": "northeurope", "resourceGroup": "g"}}
        copy = Operation(
            COPY_ID, COPY.name, "contoso", Status.SUCCEEDED, "finished", 100, None, False, NOW, NOW, NOW, Actor("user", "a"), body, detail,
            {}, None,
        )  # fmt: skip
        return copy if id_ == COPY_ID else None


@pytest.mark.parametrize(
    ("owner", "vm", "refused"),
    [("contoso", VM, None), (None, None, None), ("fabrikam", VM, "OwnerChanged")],
    ids=["its own", "left", "handed over"],
)
async def test_a_restore_point_may_be_of_a_vm_that_has_left_but_not_of_another_tenants(
    owner: str | None, vm: str | None, refused: str | None
) -> None:
    registry = cast("Registry", Owners({RECOVERY: "contoso"} | ({OTHER: owner} if owner is not None else {})))
    sources = Sources(cast("Store", OneCopy()), cast("Places", None), registry)
    body = {"kind": "disks", "machines": [{"source": {"restorePointId": POINT.upper()}}], "resourceGroup": "g", "reason": "r"}
    (found,) = await sources.resolve("contoso", RestoreRequest.model_validate(body))
    assert (found.copy_id, found.restore_point_id, found.virtual_machine_id) == (COPY_ID, POINT, vm)
    with pytest.raises(Refused) if refused else nullcontext() as error:
        await require_still_owned(registry, "contoso", named_sources([found]))
    assert refused is None or (error is not None and str(error.value.problem.code) == refused)
