"""What a run adds to each chain: how long its copy takes, whether it is full, when the chain is done."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying.chains import Chains
from shared.copies.copying.models import origin_of
from shared.copies.copying.rules.naming import chain_key, source_collection_id, target_collection_id
from shared.copies.inventory.facts import InventoryMachine
from shared.copies.ledger import Ledger, UsableCopy
from shared.copies.policies.document import Target
from shared.copies.policies.forecast import ChainLoad, PastCopy, added_time, chain_end, expected_duration, left_of
from shared.operations.model.store import Store

_SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class ChainForecast:
    """A chain that gets a copy: `full` where the target has no usable copy of the VM yet; `adds` is the time that the copy adds to it.
    `usual` is true where earlier copies of the chain, and not the size, give the expected duration."""

    machine: InventoryMachine
    target: Target
    collection: ResourceId
    full: bool
    expected: timedelta
    adds: timedelta
    done_at: datetime
    supersedes: str | None
    usual: bool = False


@dataclass(frozen=True, slots=True)
class ChainForecasts:
    """Reads the ledger and the chains; nothing of Azure."""

    ledger: Ledger
    chains: Chains
    store: Store
    clock: Clock

    async def of(self, copied: Sequence[tuple[InventoryMachine, Sequence[Target]]], policy_id: str) -> list[ChainForecast]:
        """Return the forecast of each chain of these VMs and targets."""
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(machine: InventoryMachine, targets: Sequence[Target]) -> list[ChainForecast]:
            async with room:
                usable = await self.ledger.usable_of(machine.machine.id)
                return [await self._one(machine, target, usable, policy_id) for target in targets]

        found = await asyncio.gather(*(one(machine, targets) for machine, targets in copied))
        return [forecast for forecasts in found for forecast in forecasts]

    async def _one(self, machine: InventoryMachine, target: Target, usable: Sequence[UsableCopy], policy_id: str) -> ChainForecast:
        source = source_collection_id(machine.machine.id)
        collection = target_collection_id(source, target.region, target.resource_group, subscription_id=target.subscription_id)
        own = [copy for copy in usable if copy.region == target.region]
        full, now = not own, self.clock.now()
        history = [PastCopy(number == len(own) - 1, copy.duration) for number, copy in enumerate(own) if copy.duration is not None]
        expected = expected_duration(history, full=full, size_gb=machine.facts.size_gb)
        usual = any(past.full is full for past in history)
        load, superseded = await self._load(chain_key(source, collection), expected, policy_id)
        done_at = chain_end(ChainLoad(load.left, (*load.waiting, expected), load.starts), now)
        return ChainForecast(machine, target, collection, full, expected, added_time(load, expected, now), done_at, superseded, usual)

    async def _load(self, key: str, expected: timedelta, policy_id: str) -> tuple[ChainLoad, str | None]:
        """Return what a chain has to do, and the waiting copy of the same policy whose place a new one would take."""
        chain = await self.chains.read(key)
        current = await self.store.active(chain.head.current) if chain.head.current is not None else None
        left = left_of(expected, current.percent) if current is not None and not current.announce else timedelta()
        waiting = [waiter.operation_id for waiter in chain.waiters]
        superseded = await self._superseded(waiting, policy_id)
        stays = len([one for one in waiting if one != superseded])
        return ChainLoad(left, (expected,) * stays, tuple(start.at for start in chain.head.started)), superseded

    async def _superseded(self, waiting: Sequence[str], policy_id: str) -> str | None:
        for one in waiting:
            operation = await self.store.get(one)
            origin = origin_of(operation) if operation is not None else None
            if operation is not None and origin is not None and origin.policy_id == policy_id and not operation.status.ended:
                return one
        return None


def by_place(forecasts: Sequence[ChainForecast]) -> Mapping[tuple[str, str], ChainForecast]:
    """Return forecasts by the VM's id in lower case and the region."""
    return {(one.machine.key, one.target.region): one for one in forecasts}
