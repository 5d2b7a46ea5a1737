"""Takes the turn in a chain: carries out what `rules.chain` decides, on the table and the target collection.

Of a policy at most one copy waits in a chain: a newer one takes the place of an older that has not started, so that a chain whose copies
take longer than its slots are apart copies the newest restore point next.
"""

import asyncio
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key
from shared.clock import Clock
from shared.copies.copying.claim import SUPERSEDED_BY
from shared.copies.copying.models import CopyOrigin, origin_of
from shared.copies.copying.rules.chain import (
    GiveWay,
    Look,
    MovedOn,
    ObservedPoint,
    StartNow,
    TakeTurn,
    Waiter,
    WaitUntil,
    decide,
    merge_observed,
    next_allowed,
    to_read,
)
from shared.copies.copying.rules.replication import still_running
from shared.copies.copying.waiting.chains import Chain, Chains
from shared.copies.gateway import Collection, RestorePointGateway
from shared.errors import CallFailure, ErrorCode, FailureKind, Refused
from shared.operations.accepting.commands import Commands
from shared.operations.model.rows import Active
from shared.operations.model.store import Store

_ROUNDS = 12
_UNDATED = timedelta(minutes=1)
"""The interval of looks while the time at which an earlier restore point was taken is unknown."""


@dataclass(frozen=True, slots=True)
class Turns:
    """Takes turns for copies."""

    chains: Chains
    gateway: RestorePointGateway
    clock: Clock

    async def take(self, key: str, me: Waiter, target: ResourceId, source_point: ResourceId) -> StartNow | WaitUntil | MovedOn:
        """Do what the chain lets a waiting copy do now, and return the result: start, wait, or never.

        Raises `CallFailure` where the target collection cannot be read.
        """
        looked = False
        for _ in range(_ROUNDS):
            chain = await self.chains.read(key)
            live = chain.head.current is not None and (
                chain.head.current == me.operation_id or await self.chains.is_live(chain.head.current)
            )
            decision = decide(chain.head, chain.waiters, me, self.clock.now(), current_is_live=live, looked=looked)
            if isinstance(decision, StartNow | TakeTurn) and (undated := await self._undated(chain, me)) is not None:
                reason = "it is unknown yet when the restore point of another copy of the chain was taken; the older one is copied first"
                return WaitUntil(self.clock.now() + _UNDATED, reason, undated)
            match decision:
                case StartNow() | MovedOn():
                    return decision
                case TakeTurn():
                    await self.chains.take_turn(chain, me)
                case Look():
                    looked = await self._look(chain, me, target, source_point)
                case GiveWay():
                    await self._give_way(chain, me, decision.to)
                case WaitUntil():
                    if not await self._remove_ended(chain, decision):
                        return decision
        return WaitUntil(self.clock.now(), "other copies of the chain are taking their turn at this moment")

    async def _look(self, chain: Chain, me: Waiter, target: ResourceId, source_point: ResourceId) -> bool:
        """Read the target collection and merge it into the head; False if the head changed meanwhile."""
        collection = target.parent
        source_collection = source_point.parent
        if collection is None or source_collection is None:
            raise ValueError(f"{target} lies in no collection")
        there, source = await asyncio.gather(
            self.gateway.collection(collection, with_points=True), self.gateway.collection(source_collection, with_points=True)
        )
        points = _observed(_found(there, collection), _found(source, source_collection))
        unread = to_read(chain.head, points, me.operation_id)
        views = await asyncio.gather(*(self.gateway.instance_view(collection.child("restorePoints", name)) for name in unread))
        running = {name: still_running(view) for name, view in zip(unread, views, strict=True)}
        points = [replace(point, replicating=running.get(point.name, point.replicating)) for point in points]
        head = merge_observed(chain.head, points, me.operation_id, self.clock.now())
        return head == chain.head or await self.chains.write_head(chain, head) is not None

    async def _undated(self, chain: Chain, me: Waiter) -> str | None:
        """Return an operation that may have to go first, whose restore point has no known time yet; rows of ended ones are removed."""
        for operation in chain.undated:
            if operation == me.operation_id:
                continue
            if await self.chains.is_waiting(chain, operation):
                return operation
            await self.chains.leave(chain, operation)
        return None

    async def _give_way(self, chain: Chain, me: Waiter, to: str) -> None:
        if await self.chains.is_waiting(chain, to):
            if await self.chains.give_way(chain, me):
                await self.chains.wake(to, next_allowed(chain.head, self.clock.now()))
        else:
            await self.chains.leave(chain, to)

    async def _remove_ended(self, chain: Chain, wait: WaitUntil) -> bool:
        """Remove the row of an earlier waiter whose operation has ended; False if it is live."""
        if wait.behind is None or wait.behind == chain.head.current or await self.chains.is_waiting(chain, wait.behind):
            return False
        await self.chains.leave(chain, wait.behind)
        return True


def _found(collection: Collection | None, collection_id: ResourceId) -> Collection:
    """Return a collection that was read or created before; a 404 of it must not count as an empty one."""
    if collection is None:
        raise CallFailure(FailureKind.NOT_FOUND, code="ResourceNotFound", message=f"{collection_id} was not found", status=404)
    return collection


def _observed(target: Collection, source: Collection) -> list[ObservedPoint]:
    taken = {id_key(point.id): point.taken_at for point in source.points}
    return [ObservedPoint(point.name, taken.get(id_key(point.source_restore_point_id))) for point in target.points]


@dataclass(frozen=True, slots=True)
class Superseding:
    """Ends older copies of a policy that wait."""

    chains: Chains
    store: Store
    commands: Commands

    async def of_older(self, chain: str, newer: str, origin: CopyOrigin, taken_at: datetime) -> None:
        """Have copies of the same policy that wait in a chain before `newer` end; harmless to repeat. Callers' copies stay."""
        for waiter in (await self.chains.read(chain)).waiters:
            if waiter.operation_id == newer or waiter.taken_at >= taken_at:
                continue
            operation = await self.store.get(waiter.operation_id)
            older = origin_of(operation) if operation is not None else None
            if operation is None or older is None or older.policy_id != origin.policy_id:
                continue
            try:
                await self.commands.submit_input(operation, {SUPERSEDED_BY: newer}, _waits)
            except Refused:
                continue  # it has started, or ended


def _waits(row: Active) -> None:
    if row.started:
        raise Refused(ErrorCode.ALREADY_STARTED, "The copy has started.", target=row.id)
