"""Drains the poison queues: one timer for all of them (docs/design/core.md, "Host settings").

What other systems sent becomes a rejected message, and only then is taken off its poison queue. Internal hints are dropped: the row is the
truth, and the tick finds what is due.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import telemetry
from shared.operations.outside.receiving import Delivery, Receiver
from shared.storage.tables import Queues
from shared.telemetry import Metric

_log = logging.getLogger(__name__)
_BATCH = 32
_BATCHES = 20
_HIDDEN_SECONDS = 120


@dataclass(frozen=True, slots=True)
class PoisonQueues:
    """The poison queues of the intake queues and of the app itself."""

    queues: Queues
    receiver: Receiver
    intake: Sequence[str]
    own: Sequence[str]

    async def drain(self) -> int:
        """Drain what is there, at most some hundreds at a time, and return how many messages it was."""
        drained = 0
        for queue in (*self.intake, *self.own):
            drained += await self._drain_one(queue)
        return drained

    async def _drain_one(self, queue: str) -> int:
        from azure.core.exceptions import ResourceNotFoundError

        client, drained = self.queues.client(f"{queue}-poison"), 0
        try:
            async for message in client.receive_messages(
                messages_per_page=_BATCH, visibility_timeout=_HIDDEN_SECONDS, max_messages=_BATCH * _BATCHES
            ):
                if queue in self.intake:
                    raw = str(message.content).encode("utf-8", "surrogatepass")
                    inserted = message.inserted_on or datetime.now(UTC)
                    await self.receiver.reject_poisoned(Delivery(queue, str(message.id), raw, inserted, 5))
                await client.delete_message(message)
                telemetry.count(Metric.POISON, queue=queue)
                _log.warning("poison message drained", extra={"queue": queue, "messageId": message.id})
                drained += 1
        except ResourceNotFoundError:
            return drained  # the platform makes a poison queue when it first needs one
        return drained
