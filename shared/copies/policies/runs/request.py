"""The request of a run, by hand or for a slot, and its stored form."""

from datetime import datetime
from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, StrictBool

from shared.copies.copying.models import VirtualMachineId
from shared.copies.policies.document import Limits
from shared.copies.policies.fields import Part, SentMoment, lowered, once, whole
from shared.operations.model.models import Operation
from shared.schedules.catching_up import Missed, Skipped, Trigger
from shared.values.documents import Document, Request
from shared.values.sent import SentBody

_ACTION, _TARGET, _BODY = "action", "target", "body"


class RunTrigger(StrEnum):
    """The reason for which a run began."""

    SCHEDULE = Trigger.SCHEDULE.value
    CATCH_UP = Trigger.CATCH_UP.value
    MANUAL = "manual"


class RunLimits(Part):
    """Limits of one run in place of the policy's; a member that is left out is the policy's."""

    virtual_machines: Annotated[int, whole(1, 20000)] | None = None
    minimum_virtual_machines: Annotated[int, whole(0, 20000)] | None = None
    deletions_per_place: Annotated[int, whole(1, 100)] | None = None

    def over(self, limits: Limits) -> Limits:
        """Return the limits of a run."""
        given = {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}
        return limits.model_copy(update=given)


class RunRequest(Request):
    """A run by hand: of some of the VMs that the policy covers, without deletions, or with other limits."""

    reason: Annotated[str, Field(max_length=1000)] | None = None
    virtual_machine_ids: Annotated[tuple[VirtualMachineId, ...], Field(max_length=500), once(lowered)] = ()
    prune: StrictBool = True
    limits: RunLimits = Field(default_factory=RunLimits)


class MissedSlots(Document):
    """The slots of a gap, which are recorded with one run."""

    count: int
    first: SentMoment
    last: SentMoment


class SlotRequest(Document):
    """A run for a slot, as the timer requests it; `skipped` is why it only is recorded."""

    model_config = ConfigDict(extra="ignore")

    policy_id: str
    slot: SentMoment
    trigger: RunTrigger
    skipped: Skipped | None = None
    missed: MissedSlots | None = None


class StoredRun(Document):
    """What the stored request of a run is: of which policy, by hand or for a slot."""

    policy: str
    slot: SlotRequest | None = None
    by_hand: RunRequest = Field(default_factory=RunRequest)

    @property
    def trigger(self) -> RunTrigger:
        """The reason for which it began."""
        return self.slot.trigger if self.slot is not None else RunTrigger.MANUAL


def missed_slots(missed: Missed | None) -> MissedSlots | None:
    """Return a gap as it is stored."""
    return MissedSlots(count=missed.count, first=missed.first, last=missed.last) if missed is not None else None


def body_by_hand(policy: str, sent: SentBody) -> SentBody:
    """Return the stored request of a run by hand: the action, the policy, and the body as it was sent."""
    return SentBody({_ACTION: "run", _TARGET: policy, _BODY: dict(sent.members)})


def body_of_slot(policy: str, slot: SlotRequest) -> SentBody:
    """Return the stored request of a run for a slot."""
    return SentBody({_ACTION: "slot", _TARGET: policy, _BODY: slot.as_json()})


def stored_run(operation: Operation) -> StoredRun:
    """Read the stored request of a run."""
    policy, body = str(operation.body.get(_TARGET, "")), operation.body.get(_BODY)
    if operation.body.get(_ACTION) == "slot":
        return StoredRun(policy=policy, slot=SlotRequest.model_validate(body))
    return StoredRun(policy=policy, by_hand=RunRequest.model_validate(body or {}))


def slot_key(policy_id: str, slot: datetime) -> str:
    """Return the key of the run of a slot: the policy and the instant, in UTC and whole seconds."""
    return f"{policy_id}@{slot:%Y-%m-%dT%H:%M:%SZ}"
