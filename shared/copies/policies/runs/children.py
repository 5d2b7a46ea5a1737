"""The copies of a run: accepted once each, followed, redone once where they fail in Azure."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass

from shared.copies.copying.models import ConsistencyMode, CopyOrigin, CopyRequest
from shared.copies.copying.service import Copies, new_of_run
from shared.copies.kinds import COPY
from shared.copies.policies.document import Fallback, Target
from shared.copies.policies.runs.items import Decision, Outcome, RunItem, RunPolicy, TargetItem
from shared.errors import ErrorCode, Refused
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import operation_id, short_hash
from shared.operations.model.models import Actor, NewOperation, Operation, Status
from shared.operations.model.rows import Active
from shared.operations.model.store import Store

_SIDE_BY_SIDE = 8


@dataclass(frozen=True, slots=True)
class RunOf:
    """A run, and the policy that it works by; `slot` as text within `origin` of its copies."""

    id: str
    tenant: str
    policy: RunPolicy
    origin: CopyOrigin

    @property
    def actor(self) -> Actor:
        """Who acts for the copies of the run: the policy."""
        return Actor("system", f"copy policy {self.policy.name}", self.policy.name)


@dataclass(frozen=True, slots=True)
class Children:
    """Accepts and follows the copies of runs."""

    copies: Copies
    store: Store

    async def accept_all(self, run: RunOf, items: Sequence[RunItem]) -> None:
        """Accept the copies of VMs, a few side by side; harmless to repeat."""
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(item: RunItem) -> None:
            async with room:
                await self.accept(run, item)

        await asyncio.gather(*(one(item) for item in items))

    async def accept(self, run: RunOf, item: RunItem) -> None:
        """Accept the copies of a VM; harmless to repeat."""
        for target in item.targets:
            if target.decision is Decision.COPIED:
                await self._accept(run, item, target)

    async def _accept(self, run: RunOf, item: RunItem, target: TargetItem) -> Operation:
        new = _new(run, item, target)
        accepted = await self.copies.acceptance.accept(new)
        crash_point("run.childAccepted")
        return accepted.operation

    async def follow(self, run: RunOf, items: Sequence[RunItem]) -> tuple[list[RunItem], Mapping[str, Active]]:
        """Return the items with what has become of their copies, and the active rows of those that go on, by their ids."""
        ids = [target.copy_id for item in items for target in item.targets if target.is_open and target.copy_id is not None]
        active = {row.id: row for row in await self.store.batch(ids) if not row.announce} if ids else {}
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(item: RunItem) -> RunItem:
            async with room:
                targets = [await self._followed(run, item, target, active) for target in item.targets]
            return item.model_copy(update={"targets": tuple(targets)})

        return list(await asyncio.gather(*(one(item) for item in items))), active

    async def _followed(self, run: RunOf, item: RunItem, target: TargetItem, active: Mapping[str, Active]) -> TargetItem:
        if not target.is_open or target.copy_id is None or target.copy_id in active:
            return target
        operation = await self.store.get(target.copy_id) or await self._accept(run, item, target)
        if not operation.status.ended:
            return target
        return await self._ended(run, item, target, operation)

    async def _ended(self, run: RunOf, item: RunItem, target: TargetItem, operation: Operation) -> TargetItem:
        error = operation.error
        code, message = (error.code, error.message) if error is not None else (None, None)
        match operation.status:
            case Status.SUCCEEDED:
                outcome = Outcome.USABLE
            case Status.CANCELED:
                outcome = Outcome.SUPERSEDED if code == ErrorCode.SUPERSEDED else Outcome.CANCELED
            case _:
                redone = await self._redo(run, item, target, operation)
                if redone is not None:
                    return target.model_copy(update={"copy_id": redone, "redone": True})
                outcome = Outcome.FAILED
        return target.model_copy(update={"outcome": outcome, "code": code, "message": message})

    async def _redo(self, run: RunOf, item: RunItem, target: TargetItem, operation: Operation) -> str | None:
        """Redo a copy that has failed in Azure, once; None where it is not redone: before, or because its chain has moved on."""
        if target.redone or operation.error is None or operation.error.code != ErrorCode.COPY_FAILED:
            return None
        try:
            accepted = await self.copies.redo(operation, run.actor, f"{_key(run.id, item, target.region)}/redo")
        except Refused:
            return None
        return accepted.operation.id

    async def cancel_waiting(self, items: AsyncIterator[RunItem], by: Actor) -> None:
        """Cancel the copies that have not started; those that copy go on. Harmless to repeat."""
        async for item in items:
            for target in item.targets:
                operation = await self.store.get(target.copy_id) if target.is_open and target.copy_id is not None else None
                if operation is None or operation.status.ended:
                    continue
                try:
                    await self.copies.cancel(operation, by)
                except Refused:
                    continue  # it has started, or ended


def with_copy_ids(run: str, tenant: str, item: RunItem) -> RunItem:
    """Return an item with the ids of its copies, which follow from the run, the VM and the region."""
    targets = [
        target.model_copy(update={"copy_id": operation_id(tenant, COPY.name, _key(run, item, target.region))})
        if target.decision is Decision.COPIED
        else target
        for target in item.targets
    ]
    return item.model_copy(update={"targets": tuple(targets)})


def _key(run: str, item: RunItem, region: str) -> str:
    return f"{run}/{short_hash(item.vm.key)}/{region}"


def _new(run: RunOf, item: RunItem, target: TargetItem) -> NewOperation:
    document = run.policy.document
    into = next(one for one in document.targets if one.region == target.region)
    point = f"r{short_hash(run.id, item.vm.key)}"
    fallback = document.consistency.fallback is Fallback.CRASH_CONSISTENT
    origin = run.origin.model_copy(update={"vm_id": item.vm_id, "point": point, "fallback": fallback})
    return new_of_run(_request(run, item, into), origin, run.tenant, run.actor, _key(run.id, item, target.region))


def _request(run: RunOf, item: RunItem, into: Target) -> CopyRequest:
    document = run.policy.document
    source = {
        "virtualMachineId": item.virtual_machine_id,
        "consistencyMode": ConsistencyMode(document.consistency.mode.value),
        "excludeDisks": item.excluded_disks,
    }
    target = {"region": into.region, "resourceGroup": into.resource_group, "subscriptionId": into.subscription_id}
    return CopyRequest.model_validate({"source": source, "target": target, "tags": document.tags})
