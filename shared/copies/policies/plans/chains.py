"""What a run adds to each chain: how long its copy takes, whether it is full, when the chain is done."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.copies.copying.models import origin_of
from shared.copies.copying.rules.naming import chain_key, source_collection_id, target_collection_id
from shared.copies.copying.waiting.chains import Chains
from shared.copies.facts import DiskFacts
from shared.copies.inventory.facts import InventoryMachine
from shared.copies.ledger import Ledger, UsableCopy
from shared.copies.points.records import MadePoint
from shared.copies.policies.document import Target
from shared.copies.policies.forecast import ChainLoad, FullBecause, PastCopy, added_time, chain_end, expected_duration, left_of
from shared.copies.policies.plans.whole_disks import whole_disks
from shared.operations.model.store import Store

_SIDE_BY_SIDE = 16


@dataclass(frozen=True, slots=True)
class CopiedMachine:
    """A VM that a run copies: to which targets, and the disks, in lower case, that its restore point leaves out."""

    machine: InventoryMachine
    targets: Sequence[Target]
    excluded: frozenset[str] = frozenset()

    @property
    def disks(self) -> tuple[DiskFacts, ...]:
        """The disks of its restore point."""
        return tuple(disk for disk in self.machine.facts.disks if not disk.key or disk.key not in self.excluded)


@dataclass(frozen=True, slots=True)
class ChainForecast:
    """A chain that gets a copy of `disks`; `whole` are those that are copied whole, and why. `adds` is the time that the copy adds to it.

    `usual` is true where earlier copies of the chain, and not the size, give the expected duration.
    """

    machine: InventoryMachine
    target: Target
    collection: ResourceId
    disks: tuple[DiskFacts, ...]
    whole: Mapping[str, FullBecause]
    expected: timedelta
    adds: timedelta
    done_at: datetime
    supersedes: str | None
    usual: bool = False

    @property
    def full(self) -> bool:
        """Whether a disk is copied whole."""
        return bool(self.whole)

    @property
    def size_gb(self) -> int | None:
        """The size of its disks, None where one is not known."""
        return _size_of(self.disks)


@dataclass(frozen=True, slots=True)
class ChainForecasts:
    """Reads the ledger and the chains; nothing of Azure."""

    ledger: Ledger
    chains: Chains
    store: Store
    clock: Clock

    async def of(self, copied: Sequence[CopiedMachine], policy_id: str) -> list[ChainForecast]:
        """Return the forecast of each chain of these VMs and targets."""
        room = asyncio.Semaphore(_SIDE_BY_SIDE)

        async def one(copied: CopiedMachine) -> list[ChainForecast]:
            async with room:
                vm = copied.machine.machine.id
                finished, known = await asyncio.gather(self.ledger.finished_of(vm), self.ledger.points.of_machine(vm))
                points = (*known.points, *known.gone)
                return [await self._one(copied, target, finished, points, policy_id) for target in copied.targets]

        found = await asyncio.gather(*(one(machine) for machine in copied))
        return [forecast for forecasts in found for forecast in forecasts]

    async def _one(
        self, copied: CopiedMachine, target: Target, finished: Sequence[UsableCopy], points: Sequence[MadePoint], policy_id: str
    ) -> ChainForecast:
        machine, now = copied.machine, self.clock.now()
        source = source_collection_id(machine.machine.id)
        collection = target_collection_id(source, target.region, target.resource_group, subscription_id=target.subscription_id)
        of_region = [copy for copy in finished if copy.region == target.region]
        own = [copy for copy in of_region if copy.is_there]
        whole = whole_disks(copied.disks, of_region, points)
        full = bool(whole) and len(whole) == len(copied.disks)
        history = [PastCopy(number == len(own) - 1, copy.duration) for number, copy in enumerate(own) if copy.duration is not None]
        expected = expected_duration(history, full=full, size_gb=_size_of(copied.disks))
        usual = any(past.full is full for past in history)
        load, superseded = await self._load(chain_key(source, collection), expected, policy_id)
        done_at = chain_end(ChainLoad(load.left, (*load.waiting, expected), load.starts), now)
        adds = added_time(load, expected, now)
        return ChainForecast(machine, target, collection, copied.disks, whole, expected, adds, done_at, superseded, usual)

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


def _size_of(disks: Sequence[DiskFacts]) -> int | None:
    sizes = [disk.size_gb for disk in disks]
    return None if None in sizes else sum(size or 0 for size in sizes)


def by_place(forecasts: Sequence[ChainForecast]) -> Mapping[tuple[str, str], ChainForecast]:
    """Return forecasts by the VM's id in lower case and the region."""
    return {(one.machine.key, one.target.region): one for one in forecasts}
