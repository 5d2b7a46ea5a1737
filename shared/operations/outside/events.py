"""Events: what became of an operation, as CloudEvents 1.0 on the queue `outcomes` (docs/design/queues.md).

The id of an event is made of its content, so that a consumer recognises one that is delivered twice.
"""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared import telemetry
from shared.clock import Clock, to_text
from shared.operations.model.kinds import Kinds
from shared.operations.model.models import JsonObject, Operation
from shared.operations.outside.messages import OUTCOME_QUEUE
from shared.telemetry import Metric

if TYPE_CHECKING:
    from shared.storage.tables import Queues


PREFIX = "farshore"
_LARGEST_BODY = 24 * 1024
_BODY_START = 4 * 1024


@dataclass(frozen=True, slots=True)
class Events:
    """Sends events. `base_url` is the scheme and host under which the app is reached, without a trailing slash."""

    queues: "Queues"
    kinds: Kinds
    clock: Clock
    base_url: str

    async def publish(self, operation: Operation, what: str, trace: str = "") -> None:
        """Send one event of an operation: `what` is terminal, attention/n, suspended or awaitingApproval."""
        kind = what.partition("/")[0]
        if kind == "attention" and operation.attention is not None:
            telemetry.count(Metric.ATTENTION, kind=operation.kind, code=operation.attention.code, tenant=operation.tenant)
        name = str(operation.status).lower() if kind == "terminal" else kind
        path = f"/api{self.kinds.path_of(operation)}"
        extensions = {"tenant": operation.tenant} | ({"traceparent": trace} if trace else {})
        await self._send(
            f"{operation.id}/{what}",
            f"{PREFIX}.{operation.kind}.{name}",
            path,
            extensions,
            as_json(operation, self.kinds, self.base_url),
        )

    async def publish_rejected(self, rejected: str, tenant: str, data: JsonObject) -> None:
        """Send the event of a message that could not be accepted; of a long body only the beginning, as a queue takes 64 KiB."""
        body = str(data.get("body", ""))
        if len(json.dumps(body)) > _LARGEST_BODY:
            data = data | {"body": f"{body[:_BODY_START]}…"}
        await self._send(
            f"rejected/{rejected}", f"{PREFIX}.message.rejected", f"/api/rejected-messages/{rejected}", {"tenant": tenant}, data
        )

    async def publish_protection(self, event: str, what: str, tenant: str, data: JsonObject) -> None:
        """Send an event of the protection of a VM, which no operation has: breached, recovered, limitNear or unprotected."""
        await self._send(event, f"{PREFIX}.protection.{what}", "/api/protection", {"tenant": tenant}, data)

    async def publish_certificate(self, event: str, subject: str, tenant: str, data: JsonObject) -> None:
        """Send the event of a certificate that ends soon, which no operation has."""
        await self._send(event, f"{PREFIX}.azurePackSubscription.attention", subject, {"tenant": tenant}, data)

    async def _send(self, event: str, kind: str, subject: str, extensions: dict[str, str], data: JsonObject) -> None:
        body = {
            "specversion": "1.0",
            "id": event,
            "source": f"{self.base_url}/api",
            "type": kind,
            "subject": subject,
            "time": to_text(self.clock.now()),
            "datacontenttype": "application/json",
            **extensions,
            "data": data,
        }
        await self.queues.send(OUTCOME_QUEUE, json.dumps(body))  # ASCII: what XML cannot carry is written as JSON escapes


def as_json(operation: Operation, kinds: Kinds, base_url: str) -> JsonObject:
    """Return an operation as `GET /operations/{id}` answers it."""
    return {
        "id": operation.id,
        "kind": operation.kind,
        "tenant": operation.tenant,
        "status": str(operation.status),
        "step": operation.step,
        "percentComplete": operation.percent_complete,
        "action": operation.action,
        "result": operation.result,
        "attention": operation.attention.as_json() if operation.attention else None,
        "createdAt": to_text(operation.created_at),
        "lastUpdatedAt": to_text(operation.last_updated_at),
        "resourceLocation": f"{base_url}/api{kinds.path_of(operation)}",
        "error": operation.error.as_json() if operation.error else None,
    }
