"""Policies that callers manage for a vault, such as drill policies: rows of a table that also holds their runs.

A policy: PartitionKey `policies`, RowKey a hash of its vault and its name.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from shared.access.principal import not_found
from shared.arm.ids import ResourceId
from shared.failovers.vault.listing import Vault
from shared.operations.model.identity import short_hash
from shared.storage.pieces import from_pieces, pieces
from shared.values.documents import Document

if TYPE_CHECKING:
    from shared.storage.tables import Table


_PARTITION = "policies"
_log = logging.getLogger(__name__)


class Policy(Document):
    """A policy in storage: its name, without regard to case, its tenant, and the ARM id of its vault."""

    name: str
    tenant: str
    vault_id: str


P = TypeVar("P", bound=Policy)


@dataclass(frozen=True, slots=True)
class PolicyStore(Generic[P]):
    """Reads and writes policies of one kind; errors of storage are raised as the SDK raises them."""

    table: "Table"
    kind: type[P]

    async def get(self, vault: str, name: str) -> P | None:
        """Return a vault's policy of a name, or None."""
        found = await self.table.get(_PARTITION, policy_key(vault, name))
        return self.kind.model_validate(from_pieces("document", found.entity)) if found is not None else None

    async def all(self) -> list[P]:
        """Return every policy of every vault."""
        rows = self.table.range("PartitionKey eq @partition", parameters={"partition": _PARTITION})
        return [self.kind.model_validate(from_pieces("document", row.entity)) async for row in rows]

    async def of_vault(self, vault: ResourceId) -> list[P]:
        """Return the policies of a vault, by name."""
        own = [policy for policy in await self.all() if ResourceId.parse(policy.vault_id).key == vault.key]
        return sorted(own, key=lambda policy: policy.name.lower())

    async def keep(self, policy: P) -> None:
        """Write a policy."""
        row = {"PartitionKey": _PARTITION, "RowKey": policy_key(policy.vault_id, policy.name), "v": 1}
        await self.table.upsert({**row, **pieces("document", policy.as_json())})

    async def forget(self, policy: P) -> None:
        """Remove a policy; its runs remain."""
        await self.table.delete(_PARTITION, policy_key(policy.vault_id, policy.name))


async def run_each(policies: PolicyStore[P], run: Callable[[P], Awaitable[None]], noun: str) -> None:
    """Run something for every policy; one that fails does not stop the others, and the next round retries it."""
    for policy in await policies.all():
        try:
            await run(policy)
        except Exception:
            where = {"tenant": policy.tenant}
            _log.exception("%s %s of %s failed; the next round retries it", noun, policy.name, policy.vault_id, extra=where)


def policy_key(vault: str, name: str) -> str:
    """Return the row key of a policy."""
    return short_hash(ResourceId.parse(vault).key, name.lower())


def stored_name(before: Policy | None, name: str, tenant: str, noun: str) -> str:
    """Return the name under which a tenant's policy is stored: that of an existing one, which may differ in case.

    Raises `Refused` (NotFound) where the existing policy is another tenant's.
    """
    if before is not None and before.tenant != tenant:
        raise not_found(f"{noun} '{name}'")
    return before.name if before is not None else name


def require_visible(found: P | None, vault: Vault, name: str, noun: str) -> P:
    """Return a policy that the caller of a vault may see; raises `Refused` (NotFound) where there is none."""
    if found is None or not vault.sees(found.tenant):
        raise not_found(f"{noun} '{name}'")
    return found
