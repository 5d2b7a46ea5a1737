"""Acceptance: from a request found good to an operation, once (docs/design/core.md, "Accept").

Two storage calls where no lock must be taken first: one transaction of four inserts, and one message; one more for a message's own key. A
process that dies between the two leaves a row that the tick finds.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared import telemetry
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.message_keys import MessageKeys
from shared.operations.crash_points import crash_point
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Accepted, NewOperation, Operation
from shared.operations.model.store import Store
from shared.operations.outside.messages import send_step
from shared.storage.tables import Queues
from shared.telemetry import Metric

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Accepts requests."""

    store: Store
    locks: Locks
    queues: Queues
    kinds: Kinds
    message_keys: MessageKeys

    async def known(self, new: NewOperation) -> Operation | None:
        """Return the operation that a request with this key became earlier; raises `Refused` (RepeatabilityKeyReused) for another body."""
        return None if new.key is None else await self.store.find(new, self.store.id_for(new))

    async def accept(
        self,
        new: NewOperation,
        *,
        claim: Callable[[str], Awaitable[None]] | None = None,
        unclaim: Callable[[str], Awaitable[None]] | None = None,
    ) -> Accepted:
        """Create the operation of a request, or find the one that it became earlier.

        `new.locks` are taken first; `claim(id)` takes what else must be this operation's alone and raises `Refused` where it is another's;
        `unclaim(id)` gives it back when nothing was accepted under the id. Raises `Refused` (ScopeBusy, RepeatabilityKeyReused).
        """
        operation = self.store.id_for(new)
        held = await self.locks.take(new.locks, operation)
        if held is not None:
            raise Refused(
                ErrorCode.SCOPE_BUSY, f"Operation {held.owner} is working on the same resource. Wait until it has ended.", target=held.name
            )
        try:
            if claim is not None:
                await claim(operation)
            crash_point("accept.locked")
            if new.key is not None and new.actor.is_queue:
                await self.message_keys.note(new.kind, new.key, new.tenant)
            accepted = await self.store.insert(new, operation)
        except Refused:
            await self._give_back(new, operation, unclaim)
            raise
        if accepted.created:
            telemetry.count(Metric.ACCEPTED, kind=new.kind, tenant=new.tenant)
            _log.info("operation accepted", extra={"operation": operation, "tenant": new.tenant, "kind": new.kind, "step": new.first_step})
            await send_step(self.queues, self.kinds.named(new.kind).step_queue, [operation])
            crash_point("accept.queued")
        else:
            await self._give_back(new, operation, unclaim)
        return accepted

    async def _give_back(self, new: NewOperation, operation: str, unclaim: Callable[[str], Awaitable[None]] | None) -> None:
        """Release what was taken for nothing: the locks that the operation found under the id, if any, does not list."""
        row = await self.store.active(operation)
        listed = row.locks if row is not None and not row.announce else ()
        await self.locks.release([name for name in new.locks if name not in listed], operation)
        if unclaim is not None and await self.store.request(operation) is None:
            await unclaim(operation)
