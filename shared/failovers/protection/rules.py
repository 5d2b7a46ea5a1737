"""Protection policies: which machines of a cloud are protected automatically, the reasons for the others, and when a failure is retried.

A machine is protected once. One that was protected and no longer is was released on purpose: it is protected again only on request.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from fnmatch import fnmatchcase

from shared.arm.reading import id_key, own_id, resource_id
from shared.clock import to_text
from shared.failovers.vault.limits import machine_faults, machine_of
from shared.failovers.vault.names import ProtectionReason as Reason
from shared.failovers.vault.names import ProtectionState as State
from shared.failovers.vault.names import Provider
from shared.operations.model.identity import short_hash
from shared.values.reading import Json, an_object, text, texts

FIRST_WAIT, LONGEST_WAIT = timedelta(minutes=15), timedelta(days=1)
"""A failed protection is retried after the first of these, then with doubled delays up to the second."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A machine that Azure lists: `errors` are Azure's reasons against its protection, `faults` the limits that it exceeds."""

    id: str
    name: str
    protected: bool = False
    errors: tuple[str, ...] = ()
    faults: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    """The earlier state of a machine: since when, after how many attempts, and when a failed one is retried."""

    state: State
    since: datetime
    attempts: int = 0
    next_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Choice:
    """The machines that a policy chooses, by patterns of names, and since when."""

    include: tuple[str, ...]
    exclude: tuple[str, ...]
    since: datetime


@dataclass(frozen=True, slots=True)
class Decision:
    """The decision on a machine, with its reason."""

    machine: Candidate
    reason: Reason
    message: str

    @property
    def protects(self) -> bool:
        """Whether it is to be protected now."""
        return self.reason in {Reason.NEW, Reason.RETRY}


def candidate(item: Json) -> Candidate:
    """Read a replicationProtectableItem."""
    properties, machine = an_object(item, "properties"), machine_of(item)
    offered = texts(properties, "supportedReplicationProviders") or ()
    fits = not offered or Provider.HYPER_V_REPLICA_AZURE in offered
    unfit = () if fits else (f"Azure offers {', '.join(offered)} for it, not {Provider.HYPER_V_REPLICA_AZURE}",)
    protected = (text(properties, "protectionStatus") or "").lower() == "protected"
    return Candidate(
        id=own_id(item),
        name=machine.name,
        protected=protected or resource_id(properties, "replicationProtectedItemId") is not None,
        errors=(*(texts(properties, "protectionReadinessErrors") or ()), *unfit),
        faults=machine_faults(machine),
    )


def chosen(choice: Choice, name: str) -> bool:
    """Return whether a policy chooses a machine of that name, without regard to case; an exclusion wins."""
    return _matches(choice.include, name) and not _matches(choice.exclude, name)


def decide(machine: Candidate, choice: Choice, note: Note | None, now: datetime) -> Decision:
    """Decide on a machine; its earlier state counts before Azure's reasons against it."""
    if not chosen(choice, machine.name):
        return Decision(machine, Reason.NOT_CHOSEN, "Its name is not among those that the policy chooses.")
    if machine.protected:
        return Decision(machine, Reason.PROTECTED, "It is protected.")
    held = _held_back(note)
    if held is not None:
        return Decision(machine, *held)
    if machine.errors:
        return Decision(machine, Reason.NOT_READY, f"Azure reports that it cannot be protected: {'; '.join(machine.errors)}.")
    if machine.faults:
        return Decision(machine, Reason.BEYOND_LIMITS, f"It exceeds Azure's limits: {'; '.join(machine.faults)}.")
    if note is None:
        return Decision(machine, Reason.NEW, "It is new.")
    until = _waits_until(note, choice, now)
    if until is not None:
        return Decision(machine, Reason.FAILED_LATELY, f"Attempt {note.attempts} failed; the next is not before {to_text(until)}.")
    return Decision(machine, Reason.RETRY, f"Attempt {note.attempts} failed; it is retried.")


def decide_all(machines: Iterable[Candidate], choice: Choice, notes: dict[str, Note], now: datetime) -> list[Decision]:
    """Decide on every machine of a cloud, by name; `notes` are by the key of a machine's id."""
    ordered = sorted(machines, key=lambda machine: (machine.name.lower(), machine.id))
    return [decide(machine, choice, notes.get(id_key(machine.id) or machine.id), now) for machine in ordered]


def seen_protected(machine: Candidate, note: Note | None) -> bool:
    """Return whether to note that a machine is protected; one that is being protected is noted when that ends."""
    return machine.protected and (note is None or note.state in {State.FAILED, State.CANCELED})


def wait_after(attempts: int) -> timedelta:
    """Return the delay after a number of failed attempts."""
    doublings = min(max(attempts - 1, 0), 16)  # the longest is reached by then
    return min(FIRST_WAIT * (1 << doublings), LONGEST_WAIT)


def attempt_key(policy: str, machine: str, attempt: int) -> str:
    """Return the repeatability key of an attempt to protect a machine by a policy: started twice, it is one operation."""
    return f"protection@{policy}@{short_hash(id_key(machine) or machine)}@{attempt}"


def _held_back(note: Note | None) -> tuple[Reason, str] | None:
    match note.state if note is not None else None:
        case State.RUNNING:
            return Reason.BEING_PROTECTED, "An operation protects it."
        case State.PROTECTED:
            return Reason.LET_GO, "It was protected and no longer is. It is protected again only by POST /protected-items."
        case State.CANCELED:
            return Reason.CANCELED, "Its protection was canceled. It is protected only by POST /protected-items."
        case _:
            return None


def _waits_until(note: Note, choice: Choice, now: datetime) -> datetime | None:
    # a policy that was changed since may be correct now
    return note.next_at if note.next_at is not None and note.next_at > now and choice.since <= note.since else None


def _matches(patterns: Sequence[str], name: str) -> bool:
    return any(fnmatchcase(name.lower(), pattern.lower()) for pattern in patterns)
