"""The timer's round: each policy that is due begins its slot, once.

    instance 1                       storage                 instance 2 (fired twice)
    read policy (version 4)          version 4               read policy (version 4)
    write deciding = slot, If 4  ->  version 5
                                     conflict            <-  write deciding = slot, If 4; leaves it to the next minute
    accept the run of the slot
    write the next entry of the index, delete this one

What was done for a slot is the existence of its run, whose key is the policy and the slot. After a crash between the lines the entry of the
index is still there: the next round finds whether the run of `deciding` was accepted, and decides anew where it was not.
"""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.access.registry import Registry
from shared.clock import Clock
from shared.copies.kinds import RUN
from shared.copies.policies.records.record import PolicyRecord
from shared.copies.policies.records.store import DueEntry, PolicyStore, StoredPolicy
from shared.copies.policies.runs.request import RunTrigger, SlotRequest, body_of_slot, missed_slots, slot_key
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.crash_points import crash_point
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor, NewOperation
from shared.schedules.catching_up import Due, Trigger, counted_after, due_now
from shared.storage.tables import Conflict

_log = logging.getLogger(__name__)
_MOST_DUE = 1000
_UNTIL_WINDOW = timedelta(minutes=5)
"""How often a catch-up looks whether its window is open."""
_FAR = timedelta(days=300)
"""When a policy without a slot in the next 366 days is looked at again."""


BeginDrill = Callable[[PolicyRecord], Awaitable[datetime | None]]
"""Begins the drill of a policy that is due, and returns when the next one is."""


async def _no_drill(_record: PolicyRecord) -> datetime | None:
    return None


@dataclass(frozen=True, slots=True)
class Slots:
    """Begins what is due."""

    policies: PolicyStore
    acceptance: Acceptance
    registry: Registry
    clock: Clock
    begin_drill: BeginDrill = _no_drill

    async def run(self) -> None:
        """Begin the slots that are due; a policy that fails stops no other, and the next round retries it."""
        entries = [entry async for entry in self.policies.due(self.clock.now(), _MOST_DUE)]
        for entry in entries:
            try:
                await self._round(entry)
            except Conflict:
                continue  # the policy was changed at this moment, or another instance begins the slot
            except Exception:
                message = "the slot of the copy policy %s failed; the next round retries it"
                _log.exception(message, entry.name, extra={"tenant": entry.tenant})

    async def _round(self, entry: DueEntry) -> None:
        stored = await self.policies.get(entry.tenant, entry.name)
        if stored is not None and stored.record.document.enabled and await self.registry.by_name(entry.tenant) is not None:
            await self._begin(stored)
            following = await self.begin_drill(stored.record)
            if following is not None:
                await self.policies.note_due(stored.record, following)
        await self.policies.remove_due(entry)

    async def _begin(self, stored: StoredPolicy) -> None:
        """Begin the slot of a policy that is due, if one is, and write when it is due next."""
        record, now, begun = stored.record, self.clock.now(), await self._begun(stored)
        schedule = record.document.schedule
        counted = counted_after(record.changed_at, record.document.paused_until, begun)
        due = due_now(schedule.rule(), counted, now, schedule.catch_up)
        if due is not None:
            await self.policies.note_slot(stored, begun, due.slot, _run_id(record, due.slot))
            await self._accept(record, due)
            begun = due.slot
        elif counted < now and next(schedule.rule().slots(counted, now), None) is not None:
            await self.policies.note_due(record, now + _UNTIL_WINDOW)
        await self.policies.note_due(record, record.next_slot(now, begun) or now + _FAR)

    async def _begun(self, stored: StoredPolicy) -> datetime | None:
        """Return the newest slot that has a run: the one that was being decided, where its run was accepted."""
        if stored.deciding is None or stored.deciding == stored.begun:
            return stored.begun
        accepted = await self.acceptance.store.request(_run_id(stored.record, stored.deciding)) is not None
        return stored.deciding if accepted else stored.begun

    async def _accept(self, record: PolicyRecord, due: Due) -> None:
        await self.acceptance.accept(new_slot_run(record, due))
        crash_point("slot.accepted")


def new_slot_run(record: PolicyRecord, due: Due) -> NewOperation:
    """Return the run of a slot that is to be accepted; the same slot gives the same run."""
    trigger = RunTrigger(due.trigger or Trigger.CATCH_UP)
    slot = SlotRequest(policy_id=record.id, slot=due.slot, trigger=trigger, skipped=due.skipped, missed=missed_slots(due.missed))
    return NewOperation(
        kind=RUN.name,
        tenant=record.tenant,
        key=slot_key(record.id, due.slot),
        body=dict(body_of_slot(record.name, slot).members),
        actor=actor_of(record.name),
        first_step="selecting",
        filters=filters_of_run(record, trigger),
        compare_body=False,
    )


def actor_of(policy: str) -> Actor:
    """Return who acts for a policy by its schedule."""
    return Actor("system", f"copy policy {policy}", policy)


def filters_of_run(record: PolicyRecord, trigger: RunTrigger) -> dict[str, str]:
    """Return the values by which runs are listed."""
    return {"policy": record.name.lower(), "policyId": record.id, "trigger": trigger.value}


def _run_id(record: PolicyRecord, slot: datetime) -> str:
    return operation_id(record.tenant, RUN.name, slot_key(record.id, slot))
