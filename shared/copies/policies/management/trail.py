"""The audit trail of a policy, by the policy's id: it outlives the policy."""

from dataclasses import dataclass

from shared.access.principal import not_found
from shared.audit.answers import AuditDetail, AuditPage
from shared.audit.trails import AuditTrails
from shared.copies.copying.models import CopyOrigin
from shared.copies.deletions.request import Retained
from shared.copies.policies.records.record import PolicyRecord
from shared.copies.policies.runs.items import DeletionOutcome
from shared.operations.model.models import Actor
from shared.values.documents import Document
from shared.web.lists import Page


class AuditedDeletion(Document):
    """A deletion in the trail of its policy: of a copy, or of a restore point of the VM where `copy_id` is None.

    `rule` is that of retention, None where a caller asked; `outcome` how it ended, `code` why it was not done. `newest_other` is what Azure
    showed beside it (`DeletionState`).
    """

    virtual_machine_id: str | None
    copy_id: str | None
    restore_point_id: str | None
    rule: str | None = None
    outcome: DeletionOutcome | None
    code: str | None = None
    newest_other: str | None


@dataclass(frozen=True, slots=True)
class PolicyTrail:
    """Appends to and reads the trails of policies."""

    trails: AuditTrails

    async def written(self, before: PolicyRecord | None, after: PolicyRecord) -> None:
        """Record a change, once for each revision."""
        detail = AuditDetail(
            policy=after.name,
            tenant=after.tenant,
            revision=after.revision,
            before=before.document.as_json() if before is not None else None,
            after=after.document.as_json(),
        )
        event = "created" if after.revision == 1 else "changed"
        await self.trails.append(after.id, f"revision/{after.revision}", after.changed_by, event, detail)

    async def deleted(self, record: PolicyRecord, by: Actor) -> None:
        """Record a deletion, before it takes effect."""
        detail = AuditDetail(policy=record.name, tenant=record.tenant, revision=record.revision, before=record.document.as_json())
        await self.trails.append(record.id, f"deleted/{record.revision}", by, "deleted", detail)

    async def run(self, record: PolicyRecord, run: str, by: Actor, reason: str | None, sent: AuditDetail) -> None:
        """Record a run that a person started, with its limits."""
        detail = sent.model_copy(update={"policy": record.name, "tenant": record.tenant, "revision": record.revision, "reason": reason})
        await self.trails.append(record.id, f"run/{run}", by, "run", detail)

    async def retained(self, retained: Retained, tenant: str, operation: str, by: Actor, deletion: AuditedDeletion) -> None:
        """Record a deletion that retention asked for, once it has ended; `operation` is the deletion's."""
        detail = AuditDetail(
            policy=retained.policy, tenant=tenant, revision=retained.revision, run=retained.run, deletions=[deletion.as_json()]
        )
        await self.trails.append(retained.policy_id, f"retention/{operation}", by, "retention", detail)

    async def copy_deleted(self, origin: CopyOrigin, tenant: str, copy: str, by: Actor, deletion: AuditedDeletion) -> None:
        """Record that a caller has deleted a copy of the policy."""
        detail = AuditDetail(policy=origin.policy, tenant=tenant, run=origin.run, deletions=[deletion.as_json()])
        await self.trails.append(origin.policy_id, f"copyDeleted/{copy}", by, "copyDeleted", detail)

    async def of(self, tenant: str, name: str, policy_id: str, page: Page) -> tuple[AuditPage, str | None]:
        """Return a page of the trail of a policy, also of one that was deleted, and where the next one begins after or None.

        Refuses with `NotFound` a trail of another tenant, or of another name.
        """
        trail, last = await self.trails.page(policy_id, page.after, page.top)
        start = trail if page.after is None else (await self.trails.page(policy_id, None, 1))[0]
        first = start.value[0].detail if start.value else None
        if first is None or first.tenant != tenant or (first.policy or "").lower() != name.lower():
            raise not_found(f"copy policy '{name}'")
        return trail, last
