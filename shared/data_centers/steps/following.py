"""What the checks of data centers look for at Azure Pack: an activation, a quota in force, a deletion that has ended. Reads only."""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

from shared.azure_pack.quotas import SERVICE
from shared.azure_pack.subscriptions import Subscription, SubscriptionState, SyncState
from shared.clock import Clock
from shared.data_centers.gateway import Gateway
from shared.data_centers.records.state import OperationDetail, OperationState, SyncMemory, SyncShown, Watch
from shared.data_centers.rules.syncing import LOOKS, InForce, LookAt, QuotaLook, Synchronize, decide
from shared.errors import CallFailure, ErrorCode, FailureKind
from shared.installations.reach.connections import Connections
from shared.installations.reach.failures import ATTENTION
from shared.installations.resources import Resource
from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Checked, Unread

_STUCK_AFTER: Final = timedelta(minutes=30)
_DELETION_STUCK_AFTER: Final = timedelta(hours=1)
_MINUTE: Final = timedelta(minutes=1)
_SIGN_IN_AGAIN: Final = timedelta(minutes=5)
RESYNCING: Final = "resyncing"


@dataclass(frozen=True, slots=True)
class Following:
    """Checks operations side by side."""

    connections: Connections
    clock: Clock

    async def check(self, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
        """Read what each row waits for."""
        for installation, count in Counter(OperationState.of(dict(row.data)).installation for row in rows).items():
            self.connections.released(installation, count)
        found = await asyncio.gather(*(self._one(row) for row in rows))
        return {row.id: result for row, result in zip(rows, found, strict=True)}

    async def _one(self, row: Active) -> Checked | Unread:
        data: JsonObject = dict(row.data)
        state = OperationState.of(data)
        try:
            connection = await self.connections.get(state.installation)
            if connection is None:
                return Unread(f"the installation '{state.installation}' was not found.")
            return await self._look(Gateway(connection), state, data)
        except CallFailure as failure:
            if failure.code in ATTENTION:
                return Checked(at=self.clock.now() + _SIGN_IN_AGAIN, attention=(failure.code, failure.message))
            throttled = failure.kind is FailureKind.THROTTLED and failure.status == 429
            return Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=throttled)

    async def _look(self, gateway: Gateway, state: OperationState, data: JsonObject) -> Checked:
        found = await gateway.subscription(UUID(state.subscription or ""))
        now, since = self.clock.now(), state.watched_since or self.clock.now()
        match state.watch:
            case Watch.GONE:
                return _gone(found, state, since, now)
            case Watch.ACTIVATION:
                return _activated(found, state, since, now)
            case _:
                return await self._sync(gateway, found, state, data)

    async def _sync(self, gateway: Gateway, found: Subscription | None, state: OperationState, data: JsonObject) -> Checked:
        if found is None:
            return Checked(step=state.then)  # what is gone is found by the next step, which knows what to do
        now, memory = self.clock.now(), state.sync or SyncMemory(began=self.clock.now())
        seen = seen_of(found)
        if seen.state is SyncState.IN_SYNC and state.cloud is not None:
            usage = await gateway.usage(found.id, state.user or "", UUID(state.cloud))
            seen = replace(seen, limits=usage.limits if usage is not None else None)
        wanted = {Resource(name): number for name, number in (state.limits or {}).items()}
        decision, waiting = decide(seen, wanted, memory.waiting, now)
        state.sync = SyncMemory.of(waiting)
        detail: JsonObject = {}
        OperationDetail.of(detail).quota_sync = SyncShown(state=str(seen.state), since=waiting.began, message=seen.message)
        match decision:
            case InForce():
                return Checked(step=state.then, data=data, detail=detail)
            case Synchronize():
                return Checked(step=RESYNCING, data=data, detail=detail)
            case LookAt():
                message = seen.message or f"The quota has been {seen.state} since {waiting.began.isoformat()}."
                attention = (str(ErrorCode.QUOTA_OUT_OF_SYNC), message) if decision.stuck else None
                return Checked(at=decision.at, data=data, detail=detail, attention=attention)


def seen_of(subscription: Subscription) -> QuotaLook:
    """Return what a subscription shows of its quota."""
    service = next((one for one in subscription.services if (one.type or "").lower() == SERVICE), None)
    of_service = service.quota_sync_state if service is not None else subscription.quota_sync_state
    return QuotaLook(subscription.quota_sync_state, of_service, None, subscription.last_error_message)


def _activated(found: Subscription | None, state: OperationState, since: datetime, now: datetime) -> Checked:
    if found is None or (found.state is SubscriptionState.ACTIVE and found.activation_sync_state is SyncState.IN_SYNC):
        return Checked(step=state.then)
    stuck = now - since >= _STUCK_AFTER
    message = found.last_error_message or f"The subscription is {found.state}, its activation {found.activation_sync_state}."
    return Checked(at=_next(since, now), attention=(str(ErrorCode.ACTIVATION_STUCK), message) if stuck else None)


def _gone(found: Subscription | None, state: OperationState, since: datetime, now: datetime) -> Checked:
    if found is None:
        return Checked(step=state.then)
    stuck = now - since >= _DELETION_STUCK_AFTER or found.state is SubscriptionState.ACTIVE
    message = found.last_error_message or f"The deletion of the subscription has not ended; it is {found.state}."
    return Checked(at=_next(since, now), attention=(str(ErrorCode.DELETION_STUCK), message) if stuck else None)


def _next(since: datetime, now: datetime) -> datetime:
    """Return when to look next: after 5, 10, 20, 40 s, then each minute."""
    passed = timedelta(0)
    for look in LOOKS:
        passed += look
        if since + passed > now:
            return since + passed
    return now + _MINUTE
