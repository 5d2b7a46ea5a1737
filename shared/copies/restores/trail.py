"""The audit trail of a restore: who asked for it and with what, who had a drill cleaned up, how it ended."""

from dataclasses import dataclass

from shared.audit.answers import AuditDetail, AuditTrail
from shared.audit.trails import AuditTrails
from shared.operations.model.models import Actor, Operation
from shared.values.sent import SentBody

_SYSTEM = Actor("system", "restores", "")


@dataclass(frozen=True, slots=True)
class RestoreTrail:
    """Appends to and reads the trails of restores."""

    trails: AuditTrails

    async def requested(self, operation: Operation, by: Actor, sent: SentBody, *, reason: str | None, policy: str | None) -> None:
        """Record the request as sent; once, however often it is repeated. `policy` is that of a drill by timer."""
        detail = AuditDetail(tenant=operation.tenant, policy=policy, reason=reason, after=dict(sent.members))
        await self.trails.append(operation.id, "requested", by, "requested", detail)

    async def clean_up(self, operation: Operation, by: Actor) -> None:
        """Record that a person had a drill cleaned up."""
        await self.trails.append(operation.id, f"cleanUp/{by.kind}/{by.id}", by, "cleanUp", AuditDetail(tenant=operation.tenant))

    async def ended(self, operation: str, status: str) -> None:
        """Record how a restore ended; once, however often its end is announced."""
        await self.trails.append(operation, "ended", _SYSTEM, "ended", AuditDetail(status=status))

    async def of(self, operation: Operation) -> AuditTrail:
        """Return the trail of a restore."""
        return await self.trails.trail(operation.id)
