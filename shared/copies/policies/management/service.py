"""Copy policies as documents: read, written and deleted by callers, over HTTP and by queue."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from shared.access.principal import Principal, not_found
from shared.access.registry import Registry
from shared.audit.answers import AuditPage
from shared.clock import Clock, Ids
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.management.answers import LastRun, PolicyBody, etag_of, policy_body
from shared.copies.policies.management.looks import Looked, Looks, find_in_time
from shared.copies.policies.management.ownership import require_own
from shared.copies.policies.management.trail import PolicyTrail
from shared.copies.policies.plans.answers import PlanBody
from shared.copies.policies.plans.service import Plans
from shared.copies.policies.reading import policy_name, read_policy
from shared.copies.policies.records.record import PolicyRecord
from shared.copies.policies.records.store import MOST_POLICIES, PolicyStore, StoredPolicy
from shared.copies.policies.runs.request import RunRequest, stored_run
from shared.copies.policies.warnings import PolicyWarning
from shared.errors import ErrorCode, Problem, Refused
from shared.operations.model.models import Actor
from shared.operations.model.store import Store
from shared.storage.tables import Conflict
from shared.values.sent import SentBody
from shared.web.conditional import Condition, Write, check_delete, decide_put
from shared.web.documents import invalid
from shared.web.lists import Page, read_rows

_TRIES = 10
_NOUN = "copy policy"


@dataclass(frozen=True, slots=True)
class WrittenPolicy:
    """A policy that was written, and whether it was created."""

    body: PolicyBody
    created: bool


@dataclass(frozen=True, slots=True)
class Policies:
    """Copy policies of tenants. `changed` records that those of a tenant are about to change, for the protection of its VMs."""

    store: PolicyStore
    looks: Looks
    plans: Plans
    trail: PolicyTrail
    registry: Registry
    operations: Store
    clock: Clock
    ids: Ids
    changed: Callable[[str], Awaitable[None]]

    async def tenant_of(self, caller: Principal, named: str | None) -> str:
        """Return the tenant whose policies a call is about; refuses with `NotFound` another's than the caller's, but for `Admin`."""
        if named is None:
            return caller.tenant
        if not caller.reaches(named) or await self.registry.by_name(named) is None:
            raise not_found(f"tenant '{named}'", target="tenant")
        return named

    async def find(self, tenant: str, name: str) -> StoredPolicy:
        """Return a tenant's policy; refuses with `NotFound`."""
        found = await self.store.get(tenant, name) if len(name) <= 63 else None
        if found is None:
            raise not_found(f"{_NOUN} '{name}'")
        return found

    async def get(self, tenant: str, name: str) -> PolicyBody:
        """Return a tenant's policy as callers see it; refuses with `NotFound`."""
        return await self.body_of(await self.find(tenant, name))

    async def page(self, tenant: str | None, enabled: bool | None, page: Page) -> tuple[list[PolicyBody], str | None]:
        """Return a page of a tenant's policies, by name, or of every tenant's (None), by tenant and name."""
        if tenant is not None:
            found, last = await read_rows(
                lambda top, after: self.store.page(tenant, top, after), page, lambda one: _fits(one, enabled), lambda one: one.stored.name
            )
        else:
            found, last = await read_rows(self._page_of_all, page, lambda one: _fits(one, enabled), _place)
        return [await self.body_of(one) for one in found], last

    async def _page_of_all(self, top: int, after: str | None) -> tuple[list[StoredPolicy], str | None]:
        tenant, _, name = (after or "").partition("/")
        found = await self.store.page_of_all(top + 1, (tenant, name) if after else None)
        return found[:top], _place(found[top - 1]) if len(found) > top else None

    async def put(self, tenant: str, name: str, sent: SentBody, condition: Condition, actor: Actor) -> WrittenPolicy:
        """Write a policy whole.

        Refuses in this order: 400 with a detail for each field, 404 for what is another tenant's, 412 and 428, 400 for what Azure shows
        to be wrong, 409 TooManyPolicies.
        """
        document = await self.read(tenant, name, sent)
        for _ in range(_TRIES):
            found = await self.store.get(tenant, name)
            standing = etag_of(found.record.document) if found is not None else None
            write = decide_put(condition, standing, etag_of(document))
            if found is not None and write is Write.NOTHING:
                await self.trail.written(None, found.record)  # where a crash came between the two writes
                return WrittenPolicy(await self.body_of(found), created=False)
            looked = await self.looks.look(tenant, found.record.name if found is not None else name, document)
            if looked.problems:
                raise refused_by_azure(looked.problems)
            if found is None:
                await self._require_room(tenant)
            warnings = (*looked.warnings, *await self._of_ledger(tenant, found, document, looked))
            record = self._record(found, tenant, name, document, warnings, actor)
            try:
                written = await self._write(found, record)
            except Conflict:
                continue
            await self.trail.written(found.record if found is not None else None, record)
            return WrittenPolicy(await self.body_of(written), created=found is None)
        raise _changing()

    async def _of_ledger(
        self, tenant: str, found: StoredPolicy | None, document: PolicyDocument, looked: Looked
    ) -> tuple[PolicyWarning, ...]:
        """Return the warnings that follow from the ledger, where an inventory was read in time."""
        if looked.decided is None:
            return ()
        policy_id = found.record.id if found is not None else ""
        return await find_in_time(self.plans.warnings(tenant, policy_id, document, looked.decided)) or ()

    async def dry_run(self, tenant: str, name: str, sent: SentBody) -> PlanBody:
        """Return the plan of a document, and store nothing; refuses as `put`, but for its conditions."""
        document = await self.read(tenant, name, sent)
        standing = await self.store.get(tenant, name)
        shown = standing.record.name if standing is not None else name
        looked = await self.looks.look(tenant, shown, document)
        if looked.problems:
            raise refused_by_azure(looked.problems)
        decided = looked.decided or await self.looks.deciding.decide(tenant, shown, document, RunRequest())
        return await self.plans.of_document(tenant, shown, standing, document, decided)

    async def read(self, tenant: str, name: str, sent: SentBody) -> PolicyDocument:
        """Return the document of a request; refuses with `InvalidRequest`, and `NotFound` for what is another tenant's."""
        policy_name(name)
        document = read_policy(sent, self.clock.now())
        await require_own(self.registry, tenant, document)
        return document

    async def is_written(self, tenant: str, name: str, sent: SentBody) -> bool:
        """Return whether a policy is stored as it was sent; refuses a wrong document as `put`."""
        document, found = await self.read(tenant, name, sent), await self.store.get(tenant, name)
        return found is not None and etag_of(found.record.document) == etag_of(document)

    async def delete(self, tenant: str, name: str, condition: Condition, actor: Actor) -> None:
        """Delete a policy; nothing in Azure is deleted. Refuses with `NotFound`, 428 without a condition, 412."""
        for _ in range(_TRIES):
            found = await self.find(tenant, name)
            if condition.tag is None and not condition.must_be_absent:
                message = "Send If-Match with the ETag of the policy to delete it, or If-Match: * to delete any."
                standing = etag_of(found.record.document)
                raise Refused(ErrorCode.PRECONDITION_REQUIRED, message, target="If-Match", beside={"etag": standing})
            check_delete(condition, etag_of(found.record.document))
            await self.trail.deleted(found.record, actor)
            await self.changed(tenant)
            try:
                await self.store.delete(found)
            except Conflict:
                continue
            return
        raise _changing()

    async def audit(self, tenant: str, name: str, policy_id: str | None, page: Page) -> tuple[AuditPage, str | None]:
        """Return a page of the trail of a policy, by its id also of one that was deleted; refuses with `NotFound`."""
        return await self.trail.of(tenant, name, policy_id or (await self.find(tenant, name)).record.id, page)

    async def body_of(self, policy: StoredPolicy) -> PolicyBody:
        """Return a policy as callers see it, with its next slot and its last run."""
        run = await self.operations.get(policy.last_run) if policy.last_run is not None else None
        slot = stored_run(run).slot if run is not None else None
        last = LastRun(id=run.id, slot=slot.slot if slot is not None else None, status=run.status) if run is not None else None
        now = self.clock.now()
        return policy_body(policy.record, policy.record.next_slot(now, policy.deciding), policy.record.next_drill(now), last)

    async def _write(self, found: StoredPolicy | None, record: PolicyRecord) -> StoredPolicy:
        """Write when a policy is due, then the policy: an entry of the index without a policy does no harm, the opposite loses a slot."""
        await self.changed(record.tenant)
        for following in (record.next_slot(record.changed_at), record.next_drill(record.changed_at)):
            if following is not None:
                await self.store.note_due(record, following)
        return await (self.store.insert(record) if found is None else self.store.replace(found, record))

    def _record(
        self,
        found: StoredPolicy | None,
        tenant: str,
        name: str,
        document: PolicyDocument,
        warnings: tuple[PolicyWarning, ...],
        actor: Actor,
    ) -> PolicyRecord:
        now = self.clock.now()
        if found is not None:
            changed = {"document": document, "revision": found.record.revision + 1, "warnings": warnings}
            return found.record.model_copy(update={**changed, "changed_at": now, "changed_by": actor})
        return PolicyRecord(
            id=self.ids.new(),
            name=name,
            tenant=tenant,
            revision=1,
            document=document,
            warnings=warnings,
            created_at=now,
            created_by=actor,
            changed_at=now,
            changed_by=actor,
        )

    async def _require_room(self, tenant: str) -> None:
        if len(await self.store.of_tenant(tenant)) >= MOST_POLICIES:
            message = f"The tenant '{tenant}' has {MOST_POLICIES} copy policies, the most that are possible. Delete one first."
            raise Refused(ErrorCode.TOO_MANY_POLICIES, message)


def refused_by_azure(problems: tuple[Problem, ...]) -> Refused:
    """Return the refusal of a document for what Azure shows."""
    first = problems[0]
    if first.code == ErrorCode.UNKNOWN_REGION:
        return Refused(ErrorCode.UNKNOWN_REGION, first.message, target=first.target, details=problems)
    return invalid(problems)


def _fits(policy: StoredPolicy, enabled: bool | None) -> bool:
    return enabled is None or policy.record.document.enabled is enabled


def _place(policy: StoredPolicy) -> str:
    return f"{policy.record.tenant}/{policy.stored.name}"


def _changing() -> Refused:
    return Refused(ErrorCode.SERVICE_UNAVAILABLE, "The copy policy is being changed by others. Send the request again.", retry_after=1)
