"""Which shape a tenant's vault shows while its document is written: by the fabrics that machines go through."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from shared.access.records.tenant import Shape, Tenant
from shared.errors import CallFailure
from shared.values.reading import Json, an_object, text

_SECONDS = 5.0
_AZURE = "azure"
_VMM = "vmm"


@dataclass(frozen=True, slots=True)
class VaultShapes:
    """Reads shapes; `read` returns the fabrics of a vault, and raises `CallFailure`."""

    read: Callable[[str], Awaitable[Sequence[Json]]]

    async def of(self, tenant: Tenant) -> Shape | None:
        """Return the shape that the tenant's vault shows, None where it has none, or that was not read within five seconds."""
        vault = tenant.default_vault
        if vault is None:
            return None
        try:
            fabrics = await asyncio.wait_for(self.read(vault), _SECONDS)
        except (CallFailure, TimeoutError):
            return None
        return shape_of(fabrics, shared=tenant.vault_id is None)


def shape_of(fabrics: Sequence[Json], *, shared: bool) -> Shape | None:
    """Return the shape that fabrics show; `shared` where the vault is another's."""
    details = (an_object(an_object(fabric, "properties"), "customDetails") for fabric in fabrics)
    kinds = {(text(one, "instanceType") or "").lower() for one in details}
    if _VMM in kinds:
        return Shape.SHARED if shared else Shape.DEDICATED
    if kinds - {_AZURE, ""}:
        return Shape.SITE
    return Shape.AZURE if _AZURE in kinds else None
