"""What Azure reports of a tenant's subscriptions while its document is written: their locations, and whether they can be read at all."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared.errors import CallFailure
from shared.values.reading import Json, text

_SECONDS = 5.0


class LocationReads(Protocol):
    """Reads the locations of a subscription as Azure answers them; raises `CallFailure`."""

    async def __call__(self, subscription_id: str) -> Sequence[Json]:
        """Return the locations."""
        ...


@dataclass(frozen=True, slots=True)
class SubscriptionsSeen:
    """The locations of the subscriptions that were read within five seconds, and the subscriptions that Azure refused to show."""

    locations: frozenset[str]
    refused: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Locations:
    """Reads the locations of subscriptions, side by side."""

    read: LocationReads

    async def of(self, subscriptions: Sequence[str]) -> SubscriptionsSeen:
        """Return what can be read of some subscriptions within five seconds."""
        calls = {subscription: asyncio.ensure_future(self._of(subscription)) for subscription in subscriptions}
        if calls:
            _, late = await asyncio.wait(calls.values(), timeout=_SECONDS)
            for call in late:
                call.cancel()
        done = {subscription: call.result() for subscription, call in calls.items() if call.done() and not call.cancelled()}
        known = frozenset[str]().union(*(found for found in done.values() if found is not None))
        return SubscriptionsSeen(known, tuple(subscription for subscription, found in done.items() if found is None))

    async def _of(self, subscription: str) -> frozenset[str] | None:
        """Return the names of a subscription's locations, none where there was no answer, None where Azure refused."""
        try:
            found = await self.read(subscription)
        except CallFailure as failure:
            return None if failure.status in {401, 403, 404} else frozenset()
        return frozenset(name.lower() for item in found if (name := text(item, "name")) is not None)
