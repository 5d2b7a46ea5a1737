"""The record of a suspension: which machines ran, so that a resume starts exactly those. Pure.

A machine that was seen running once while the record is open has `ran`; nothing takes it back. So neither a second suspension nor a crash
after the first stop concludes that nothing ran, and a machine that was never seen running is never started.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from shared.data_centers.records.record import RecordedMachine, Suspension
from shared.installations.machine_states import PowerState, power_state

MOST_MACHINES = 5000
KEPT_AFTER_CLOSING = timedelta(days=90)


@dataclass(frozen=True, slots=True)
class SeenMachine:
    """A machine as VMM shows it."""

    id: str
    stamp_id: str
    name: str
    status: str

    @property
    def state(self) -> PowerState:
        """Its state."""
        return power_state(self.status)


def with_seen(record: Suspension, seen: Iterable[SeenMachine]) -> Suspension:
    """Return the record with the machines that a look showed: new ones are added, one that runs now has `ran` from then on.

    A machine that was made after the data center was suspended is the provider's doing: no resume starts it.
    """
    known = {one.id: one for one in record.machines}
    for machine in seen:
        runs, before = machine.state is PowerState.RUNNING, known.get(machine.id)
        if before is None:
            known[machine.id] = RecordedMachine(
                id=machine.id, stamp_id=machine.stamp_id, name=machine.name, before=machine.status, ran=runs and record.suspended_at is None
            )
        elif runs and (not before.ran or before.started):
            known[machine.id] = before.model_copy(update={"ran": True, "started": False, "error": None})
    return record.model_copy(update={"machines": tuple(known.values())[:MOST_MACHINES]})


def to_stop(seen: Sequence[SeenMachine]) -> tuple[SeenMachine, ...]:
    """Return the machines that a suspension stops: those that run."""
    return tuple(machine for machine in seen if machine.state is PowerState.RUNNING)


def to_start(record: Suspension) -> tuple[RecordedMachine, ...]:
    """Return the machines that a resume starts: those that ran, and with which no resume is done."""
    return tuple(machine for machine in record.machines if machine.ran and not machine.started)


def with_started(record: Suspension, ids: Iterable[str]) -> Suspension:
    """Return the record with these machines done."""
    done = frozenset(ids)
    machines = tuple(one.model_copy(update={"started": True, "error": None}) if one.id in done else one for one in record.machines)
    return record.model_copy(update={"machines": machines})


def is_complete(record: Suspension) -> bool:
    """Return whether nothing is left to start."""
    return not to_start(record)
