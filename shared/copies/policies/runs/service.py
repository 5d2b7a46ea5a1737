"""Starts runs by hand, and reads runs, for HTTP and queue alike."""

import asyncio
from dataclasses import dataclass

from shared.access.principal import not_found
from shared.audit.answers import AuditDetail
from shared.copies.kinds import RUN
from shared.copies.policies.management.trail import PolicyTrail
from shared.copies.policies.records.store import PolicyStore, StoredPolicy
from shared.copies.policies.runs.claim import policy_lock
from shared.copies.policies.runs.items import ItemFilter, RunItem, RunItems
from shared.copies.policies.runs.reading import Deciding
from shared.copies.policies.runs.request import RunRequest, RunTrigger, body_by_hand
from shared.copies.policies.runs.slots import filters_of_run
from shared.copies.policies.runs.workflow import not_covered
from shared.errors import CallFailure, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.identity import is_operation_id
from shared.operations.model.lists import Lists, Query
from shared.operations.model.models import Accepted, Actor, Listed, NewOperation, Operation
from shared.operations.model.store import Store
from shared.storage.tables import Conflict
from shared.values.sent import SentBody
from shared.web.documents import wrong
from shared.web.lists import Page

READS_SECONDS = 4.5
"""Within the five seconds of docs/design/http.md."""


@dataclass(frozen=True, slots=True)
class StartRun:
    """A run by hand of a policy; `sent` is the body as it was sent, `key` the repeatability key."""

    policy: StoredPolicy
    request: RunRequest
    sent: SentBody
    actor: Actor
    key: str | None
    trace: str | None = None
    first_sent: str | None = None


@dataclass(frozen=True, slots=True)
class RunFilter:
    """Which runs of a policy a list shows, None for any."""

    status: str | None = None
    trigger: str | None = None


@dataclass(frozen=True, slots=True)
class Runs:
    """Runs of policies."""

    policies: PolicyStore
    items: RunItems
    deciding: Deciding
    acceptance: Acceptance
    store: Store
    trail: PolicyTrail

    async def start(self, start: StartRun) -> Accepted:
        """Accept a run by hand, or find the one that this request became earlier.

        Raises `Refused` (ScopeBusy while another run selects or accepts, NotCovered, RepeatabilityKeyReused).
        """
        record = start.policy.record
        new = NewOperation(
            kind=RUN.name,
            tenant=record.tenant,
            key=start.key,
            body=dict(body_by_hand(record.name, start.sent).members),
            actor=start.actor,
            first_step="selecting",
            data={"policyId": record.id},
            filters=filters_of_run(record, RunTrigger.MANUAL),
            locks=(policy_lock(record.id),),
            trace=start.trace,
            first_sent=start.first_sent,
        )
        known = await self.acceptance.known(new)
        if known is not None:
            return Accepted(known, created=False)
        _require_bounds(start)
        await self._require_covered(start)
        accepted = await self.acceptance.accept(new)
        await self._note(start.policy, accepted.operation.id)
        limits = start.request.limits.model_dump(mode="json", by_alias=True, exclude_none=True)
        await self.trail.run(record, accepted.operation.id, start.actor, start.request.reason, AuditDetail(after=limits))
        return accepted

    async def _require_covered(self, start: StartRun) -> None:
        """Refuse VMs that the policy does not cover; where Azure does not answer in time, the first step finds them."""
        if not start.request.virtual_machine_ids:
            return
        record = start.policy.record
        try:
            async with asyncio.timeout(READS_SECONDS):
                decided = await self.deciding.decide(record.tenant, record.name, record.document, start.request)
        except (TimeoutError, CallFailure):
            return
        if decided.not_covered and decided.inventory.complete:
            raise refusal_of(not_covered(record.name, decided.not_covered))

    async def _note(self, policy: StoredPolicy, run: str) -> None:
        try:
            await self.policies.note_run(policy, run)
        except Conflict:
            return  # the policy was changed, or a slot began, at this moment

    async def get(self, tenant: str, policy: str, run: str) -> Operation:
        """Return a run of a tenant's policy; refuses with `NotFound`. A run outlives its policy."""
        found = await self.store.get(run) if is_operation_id(run) else None
        if found is None or found.kind != RUN.name or found.tenant != tenant or _policy_of(found) != policy.lower():
            raise not_found(f"run '{run}'")
        return found

    async def page(self, tenant: str, policy: str, wanted: RunFilter, page: Page) -> Listed:
        """Return a page of the runs of a tenant's policy, newest first; refuses with `NotFound` a name that never had one."""
        filters = {"policy": policy.lower(), **({"trigger": wanted.trigger} if wanted.trigger is not None else {})}
        found = await Lists(self.store).page(Query(tenant, (RUN.name,), wanted.status, filters), page.top, page.after)
        if not found.operations and page.after is None and await self.policies.get(tenant, policy) is None:
            raise not_found(f"copy policy '{policy}'")
        return found

    async def machines(self, run: Operation, wanted: ItemFilter, page: Page) -> tuple[list[RunItem], str | None]:
        """Return a page of the VMs of a run, by name, and where the next one begins after or None."""
        found = await self.items.after(run.id, page.after, page.top + 1, wanted)
        return found[: page.top], found[page.top - 1].key if len(found) > page.top else None


def _require_bounds(start: StartRun) -> None:
    """Refuse with `InvalidRequest` limits with a minimum greater than the maximum."""
    limits = start.request.limits.over(start.policy.record.document.limits)
    least, most = limits.minimum_virtual_machines, limits.virtual_machines
    if least > most:
        raise wrong("limits.minimumVirtualMachines", f"The minimum of the run, {least}, is greater than its maximum, {most}.")


def _policy_of(run: Operation) -> str:
    return str(run.body.get("target", "")).lower()
