"""What is seen of one data center at Azure Pack now: its subscription, the quota's synchronisation, what differs, what is used."""

import asyncio
from dataclasses import dataclass
from typing import Final
from uuid import UUID

from shared.azure_pack.quotas import SERVICE
from shared.clock import Clock, to_text
from shared.data_centers.gateway import Gateway, Usage
from shared.data_centers.records.record import DataCenter, Observed
from shared.data_centers.rules.drift import drift_of
from shared.data_centers.rules.quotas import Rules, holds, service_quota
from shared.data_centers.steps.following import seen_of
from shared.errors import CallFailure
from shared.installations.reach.connections import Connections
from shared.installations.resources import Resource
from shared.reads.cache import ReadCache

_SECONDS: Final = 5.0
_KEPT_SECONDS: Final = 15.0
"""A billing system polls: one look in so many seconds is enough for all who ask."""


@dataclass(frozen=True, slots=True)
class Look:
    """One look: what was observed, how far the quota's synchronisation is, and what is used where that was asked for."""

    observed: Observed
    sync_state: str
    sync_message: str | None
    usage: Usage | None = None


class Observer:
    """Looks at data centers; None where Azure Pack did not answer in time."""

    def __init__(self, connections: Connections, clock: Clock) -> None:
        self._connections = connections
        self._clock = clock
        self._kept: ReadCache[Look | None] = ReadCache(clock, _KEPT_SECONDS)

    async def look(self, record: DataCenter, *, usage: bool = False) -> Look | None:
        """Look at a data center, at most every 15 s, for at most 5 s."""
        if record.subscription_id is None or record.state.gone:
            return None
        key = f"{record.tenant}/{record.id}/{record.last_updated_at}/{usage}"
        return await self._kept.get(key, lambda: self._look(record, usage=usage))

    async def _look(self, record: DataCenter, *, usage: bool) -> Look | None:
        try:
            async with asyncio.timeout(_SECONDS):
                connection = await self._connections.get(record.installation)
                return await self._read(Gateway(connection), record, usage=usage) if connection is not None else None
        except (CallFailure, TimeoutError):
            return None

    async def _read(self, gateway: Gateway, record: DataCenter, *, usage: bool) -> Look:
        subscription = UUID(record.subscription_id or "")
        found = await gateway.subscription(subscription)
        plan = await gateway.plan(record.plan.id) if record.plan is not None else None
        personal, quota_holds = record.personal_add_on, None
        settings = gateway.connection.settings
        if personal is not None and plan is not None and plan.cloud is not None and not record.pending:
            add_on = await gateway.add_on(personal.id)
            wanted = {Resource(name): number for name, number in record.resources.items()}
            quota = next((one for one in add_on.service_quotas if one.service_name.lower() == SERVICE), None) if add_on else None
            quota_holds = holds(quota, service_quota(wanted, plan, Rules(settings.add_on_quota, settings.network_limits)))
        used = None
        if usage and found is not None and plan is not None and plan.cloud is not None and record.user is not None:
            used = await gateway.usage(subscription, record.user.name, plan.cloud)
        seen = seen_of(found) if found is not None else None
        observed = Observed(
            at=to_text(self._clock.now()),
            subscription_state=str(found.state) if found is not None else "Missing",
            activation_sync=str(found.activation_sync_state) if found is not None else "Unknown",
            drift=drift_of(record, found, quota_holds=quota_holds),
        )
        return Look(observed, str(seen.state) if seen is not None else "Unknown", seen.message if seen is not None else None, used)
