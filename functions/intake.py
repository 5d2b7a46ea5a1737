"""How the platform's queue message becomes a delivery."""

from datetime import UTC, datetime

import azure.functions as func

from shared.operations.outside.receiving import Delivery


def delivery(msg: func.QueueMessage, queue: str) -> Delivery:
    """Return a message as the core takes it."""
    inserted = msg.insertion_time or datetime.now(UTC)
    return Delivery(
        queue=queue,
        message_id=str(msg.id or ""),
        raw=msg.get_body(),
        inserted_at=inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC),
        count=int(msg.dequeue_count or 1),
    )
