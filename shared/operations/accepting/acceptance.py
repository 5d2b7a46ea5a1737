"""Acceptance: from a request found good to an operation, once (docs/design/core.md, "Accept").

Two storage calls where no lock must be taken first: one transaction of four inserts, and one message; one more for a message's own key. A
process that dies between the two leaves a row that the tick finds.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace

from shared import telemetry
from shared.errors import ErrorCode, Refused
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.message_keys import MessageKeys
from shared.operations.crash_points import crash_point
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import Accepted, NewOperation, Operation
from shared.operations.model.store import Store
from shared.operations.outside.messages import send_step
from shared.secrets.ids import SecretId
from shared.secrets.keeper import Secrets
from shared.secrets.places import Place, field_of, with_references
from shared.storage.tables import Queues
from shared.telemetry import Metric
from shared.values.sent import SentBody

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Acceptance:
    """Accepts requests."""

    store: Store
    locks: Locks
    queues: Queues
    kinds: Kinds
    message_keys: MessageKeys
    secrets: Secrets | None = None

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

        Plain secrets of the request are stored in Key Vault before that, and deleted again where nothing is accepted; then `Refused` has
        NotOffered or ServiceUnavailable too.
        """
        operation = self.store.id_for(new)
        stored = await self._store_secrets(new, operation)
        try:
            accepted = await self._accept(with_stored(new, stored), operation, claim, unclaim)
        except Refused:
            await self._delete_secrets(stored)
            raise
        if not accepted.created:
            await self._delete_secrets(stored)
        return accepted

    async def _accept(
        self,
        new: NewOperation,
        operation: str,
        claim: Callable[[str], Awaitable[None]] | None,
        unclaim: Callable[[str], Awaitable[None]] | None,
    ) -> Accepted:
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

    async def _store_secrets(self, new: NewOperation, operation: str) -> Mapping[Place, SecretId]:
        """Store the plain secrets of a request one after another; those before one that is not stored are deleted again."""
        stored: dict[Place, SecretId] = {}
        for place, value in new.secrets.items():
            if self.secrets is None:
                raise Refused(ErrorCode.NOT_OFFERED, "This app stores no secrets. Send a reference instead.", target=field_of(place))
            try:
                stored[place] = await self.secrets.store_of_request(operation, new.tenant, field_of(place), value)
            except Refused:
                await self._delete_secrets(stored)
                raise
        if stored:
            crash_point("accept.stored")
        return stored

    async def _delete_secrets(self, stored: Mapping[Place, SecretId]) -> None:
        if self.secrets is not None and stored:
            await self.secrets.delete(stored.values())

    async def _give_back(self, new: NewOperation, operation: str, unclaim: Callable[[str], Awaitable[None]] | None) -> None:
        """Release what was taken for nothing: the locks that the operation found under the id, if any, does not list."""
        row = await self.store.active(operation)
        listed = row.locks if row is not None and not row.announce else ()
        await self.locks.release([name for name in new.locks if name not in listed], operation)
        if unclaim is not None and await self.store.request(operation) is None:
            await unclaim(operation)


def with_stored(new: NewOperation, stored: Mapping[Place, SecretId]) -> NewOperation:
    """Return a request with references in the places of its plain secrets, which a repetition is not compared by."""
    if not stored:
        return new
    body = dict(with_references(SentBody(new.body), {place: str(secret) for place, secret in stored.items()}).members)
    return replace(new, body=body, compared=new.body if new.compared is None else new.compared, secrets={})
