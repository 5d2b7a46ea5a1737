"""What a run decided of each VM, and what became of it: one row per VM in the table of runs.

The rows of a run are in one partition, by the name of the VM. They are written before the first copy is accepted; the ids of the copies
follow from the run, so that nothing is written while copies are accepted.
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from pydantic import ConfigDict

from shared.arm.ids import ResourceId
from shared.copies.copying.models import DiskId
from shared.copies.policies.document import PolicyDocument
from shared.operations.model.identity import short_hash
from shared.operations.model.models import Status
from shared.storage.documents import key_of
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import MAX_BATCH, Change, Conflict, Entity, Found, Table
from shared.values.documents import Document

_FIRST, _LAST = "i|", "i}"
_POLICY = "policy"


class Decision(StrEnum):
    """What a run does with a VM, or with a target of it."""

    COPIED = "copied"
    SKIPPED = "skipped"


class Outcome(StrEnum):
    """How a copy of a run ended."""

    USABLE = "usable"
    FAILED = "failed"
    CANCELED = "canceled"
    SUPERSEDED = "superseded"


class DeletionOutcome(StrEnum):
    """How a deletion of a run ended."""

    DONE = "done"
    REFUSED = "refused"
    CANCELED = "canceled"


OUTCOMES: Final = {
    Status.SUCCEEDED: DeletionOutcome.DONE,
    Status.FAILED: DeletionOutcome.REFUSED,
    Status.CANCELED: DeletionOutcome.CANCELED,
}
"""The outcome of a deletion by the status with which its operation ended."""


class DeletionItem(Document):
    """A deletion that a run accepts: its operation's id and key, the copy or the restore point of the VM, and the rule.

    `copy_id` is empty for a restore point of the VM, `restore_point_id` for a copy. `outcome` is None while the deletion is under way.
    """

    model_config = ConfigDict(extra="ignore")

    id: str
    key: str
    copy_id: str = ""
    restore_point_id: str = ""
    rule: str
    outcome: DeletionOutcome | None = None


class TargetItem(Document):
    """A target of a VM: `code` and `message` are why it is skipped, or why its copy failed; `copy_id` is the last copy of it.

    `outcome` is None while the copy is under way; `redone` is true once the run has redone it. `deletions` are those that retention asks
    for in its place, `held` how many it would ask for, but may not.
    """

    model_config = ConfigDict(extra="ignore")

    region: str
    decision: Decision
    code: str | None = None
    message: str | None = None
    copy_id: str | None = None
    outcome: Outcome | None = None
    redone: bool = False
    deletions: tuple[DeletionItem, ...] = ()
    held: int = 0

    @property
    def is_open(self) -> bool:
        """Whether its copy has not ended."""
        return self.decision is Decision.COPIED and self.outcome is None


class InterfaceItem(Document):
    """A network interface that a VM had when a run began; a restore shows it once the source is gone."""

    model_config = ConfigDict(extra="ignore")

    id: str
    subnet_id: str | None = None
    private_ip_address: str | None = None
    network_security_group_id: str | None = None
    accelerated_networking: bool | None = None


class RunItem(Document):
    """A VM of a run: what was decided, and its targets. `vm_id` is the VM's own id, `excluded_disks` what its restore point leaves out.

    `disks` are those that it has, ids in lower case. `prunes_source` is whether the policy is in charge of the VM's restore points;
    `deletions` and `held` are those of them, as of a target.
    """

    model_config = ConfigDict(extra="ignore")

    virtual_machine_id: str
    vm_id: str = ""
    decision: Decision
    code: str | None = None
    message: str | None = None
    excluded_disks: tuple[DiskId, ...] = ()
    targets: tuple[TargetItem, ...] = ()
    disks: tuple[str, ...] = ()
    prunes_source: bool = False
    interfaces: tuple[InterfaceItem, ...] = ()
    deletions: tuple[DeletionItem, ...] = ()
    held: int = 0

    @property
    def all_deletions(self) -> tuple[DeletionItem, ...]:
        """The deletions of its places, and of its restore points."""
        return (*self.deletions, *(deletion for target in self.targets for deletion in target.deletions))

    @property
    def all_held(self) -> int:
        """How many deletions retention would ask for, but may not."""
        return self.held + sum(target.held for target in self.targets)

    @property
    def is_open(self) -> bool:
        """Whether a copy or a deletion of it has not ended."""
        return any(target.is_open for target in self.targets) or any(deletion.outcome is None for deletion in self.all_deletions)

    @property
    def vm(self) -> ResourceId:
        """The VM."""
        return ResourceId.parse(self.virtual_machine_id)

    @property
    def key(self) -> str:
        """The key of its row: by name, and equal only for one VM."""
        return item_key(self.vm)


class RunPolicy(Document):
    """The policy that a run works by, as it was when the run began."""

    model_config = ConfigDict(extra="ignore")

    policy_id: str
    name: str
    revision: int
    document: PolicyDocument


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which items a list shows: with this decision and this code, None for any."""

    decision: str | None = None
    code: str | None = None


class RunItems:
    """Reads and writes what runs have decided. A lost race is `Conflict`."""

    def __init__(self, table: Table) -> None:
        self._table = table

    async def keep_policy(self, run: str, policy: RunPolicy) -> RunPolicy:
        """Write the policy that a run works by, once, and return it: a run keeps the revision that it began with."""
        row = {"PartitionKey": run, "RowKey": _POLICY, "v": 1, **pieces("policy", policy.as_json())}
        try:
            await self._table.insert(row)
        except Conflict:
            return await self.policy(run)
        return policy

    async def policy(self, run: str) -> RunPolicy:
        """Return the policy that a run works by; raises `LookupError` before it has begun."""
        found = await self._table.get(run, _POLICY)
        if found is None:
            raise LookupError(f"the run {run} has not begun")
        return RunPolicy.model_validate(from_pieces("policy", found.entity))

    async def replace_all(self, run: str, items: Sequence[RunItem]) -> None:
        """Write the items of a run, and delete others that an earlier attempt left."""
        wanted = {item.key: item for item in items}
        filters = "PartitionKey eq @run and RowKey ge @first and RowKey lt @last"
        parameters = {"run": run, "first": _FIRST, "last": _LAST}
        found = self._table.range(filters, parameters=parameters, select=["PartitionKey", "RowKey"])
        left = [str(row.entity["RowKey"]) async for row in found]
        changes = [Change("delete", {"PartitionKey": run, "RowKey": key}) for key in left if key not in wanted]
        changes += [Change("upsert", _entity(run, item)) for item in wanted.values()]
        for start in range(0, len(changes), MAX_BATCH):
            await self._table.transact(changes[start : start + MAX_BATCH])

    async def write(self, run: str, items: Sequence[RunItem]) -> None:
        """Write items that have changed; only the run's own step writes them."""
        for start in range(0, len(items), MAX_BATCH):
            await self._table.transact([Change("upsert", _entity(run, item)) for item in items[start : start + MAX_BATCH]])

    async def after(self, run: str, key: str | None, limit: int, only: ItemFilter | None = None) -> list[RunItem]:
        """Return up to `limit` items after a key, by the names of the VMs."""
        wanted = only or ItemFilter()
        filters = "PartitionKey eq @run and RowKey gt @first and RowKey lt @last"
        parameters = {"run": run, "first": key or _FIRST, "last": _LAST}
        for column, value in (("decision", wanted.decision), ("code", wanted.code)):
            if value is not None:
                filters += f" and {column} eq @{column}"
                parameters[column] = value
        return [_item(row) async for row in self._table.range(filters, parameters=parameters, limit=limit)]

    async def of_machine(self, run: str, vm: ResourceId) -> RunItem | None:
        """Return the item of a VM, None where the run has none."""
        found = await self._table.get(run, item_key(vm))
        return _item(found) if found is not None else None

    async def all(self, run: str) -> AsyncIterator[RunItem]:
        """Yield all items of a run."""
        async for item in self._range(run, ""):
            yield item

    async def open(self, run: str) -> AsyncIterator[RunItem]:
        """Yield the items of a run that have not ended; those that an earlier version wrote are left out (`RunState.marks_open`)."""
        async for item in self._range(run, " and open eq true"):
            yield item

    async def _range(self, run: str, more: str) -> AsyncIterator[RunItem]:
        filters = f"PartitionKey eq @run and RowKey ge @first and RowKey lt @last{more}"
        async for row in self._table.range(filters, parameters={"run": run, "first": _FIRST, "last": _LAST}):
            yield _item(row)


def item_key(vm: ResourceId) -> str:
    """Return the key of the row of a VM in a run."""
    return f"{_FIRST}{key_of(vm.name.lower())}|{short_hash(vm.key)}"


def _entity(run: str, item: RunItem) -> Entity:
    columns = {"decision": item.decision.value, "code": item.code or "", "open": item.is_open}
    return {"PartitionKey": run, "RowKey": item.key, "v": 1, **columns, **pieces("item", item.as_json())}


def _item(found: Found) -> RunItem:
    return RunItem.model_validate(from_pieces("item", found.entity))
