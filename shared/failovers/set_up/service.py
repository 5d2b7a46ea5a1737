"""The set-up as entry points call it: accept a change once, after the checks that are possible now (docs/design/http.md)."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass, replace
from typing import TypeVar

from shared.errors import CallFailure, ErrorCode, FailureKind, Refused, azure_code
from shared.failovers.scopes import lock_names
from shared.failovers.set_up.ownership import Ownership
from shared.failovers.set_up.planning import Planner, SetUpChange
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Accepted, Actor, NewOperation

T = TypeVar("T")
_READS_SECONDS = 2.5


@dataclass(frozen=True, slots=True)
class StartSetUp:
    """A change with its caller: `owner` is the tenant for which it is requested, `key` the repeatability key.

    `everything` is true for a caller that reaches every tenant's resources in the vault. `compare_body` is false where the key alone
    identifies the change, such as the key of a policy and a machine.
    """

    wanted: SetUpChange
    owner: str
    actor: Actor
    key: str | None
    trace: str | None = None
    everything: bool = False
    compare_body: bool = True
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class SetUp:
    """Accepts changes of a vault's set-up."""

    acceptance: Acceptance
    planner: Planner
    ownership: Ownership
    locks: Locks

    async def start(self, asked: StartSetUp) -> Accepted:
        """Accept a change, or find the operation that this request became earlier.

        Raises `Refused` for what is known to be impossible (ScopeBusy, NotFound, ActionNotAllowed, InvalidRequest with the field …); the
        first step checks what Azure does not answer within five seconds. Raises `CallFailure` where the owner cannot be read.
        """
        wanted, owner = await self.ownership.confine(asked.wanted, asked.owner, everything=asked.everything)
        asked = replace(asked, wanted=wanted, owner=owner)
        new = NewOperation(
            kind=asked.wanted.kind.value,
            tenant=asked.owner,
            key=asked.key,
            body=asked.wanted.as_json(),
            actor=asked.actor,
            first_step="preparing",
            trace=asked.trace,
            compare_body=asked.compare_body,
            first_sent=asked.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        scopes = await self._in_time(self.planner.scopes(asked.wanted)) or asked.wanted.known_scopes()
        # locks with the same id are left by an earlier attempt that ended before it was accepted
        busy = await self.locks.holder(lock_names(*scopes), self.acceptance.store.id_for(new))
        if busy is not None:
            raise Refused(ErrorCode.SCOPE_BUSY, f"Operation {busy.owner} works on it; wait for its end.", target=busy.owner)
        writes = await self._in_time(self.planner.writes(asked.wanted)) or []
        return await self.acceptance.accept(replace(new, locks=lock_names(*scopes, *(write.scope for write in writes))))

    async def _in_time(self, read: Coroutine[object, object, T]) -> T | None:
        try:
            async with asyncio.timeout(_READS_SECONDS):
                return await read
        except TimeoutError:
            return None
        except CallFailure as failure:
            if failure.kind is FailureKind.REFUSED:
                words = f"Azure refused a read that the change needs: {failure.message}"
                raise Refused(azure_code(failure), words, details=(failure.problem,)) from failure
            return None
