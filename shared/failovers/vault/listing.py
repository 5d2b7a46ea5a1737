"""Lists of a vault's things: which vault, what is wanted, and the page of it. Light, for entry points import it at their start."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from shared.access.principal import Principal, not_found
from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.failovers.vault.names import JobState
from shared.values.documents import Document

if TYPE_CHECKING:
    from shared.failovers.vault.facts import ProtectedItemFacts
    from shared.failovers.vault.job_facts import JobFacts

VAULT_TYPE = "Microsoft.RecoveryServices/vaults"


@dataclass(frozen=True, slots=True)
class Vault:
    """A vault as a caller reaches it: `owner` is the tenant whose things in it are meant, `everything` (the provider's Admin) all in it."""

    id: ResourceId
    owner: str
    everything: bool = False

    def sees(self, owner: str | None) -> bool:
        """Return whether a thing of that owner is visible."""
        return owner is not None and (self.everything or owner == self.owner)


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing of a list: `key` is what it is listed by, `name` the last segment of its id, `owner` its tenant, `id` its ARM id."""

    key: str
    name: str
    owner: str | None
    answer: Document
    id: str = ""


@dataclass(frozen=True, slots=True)
class ItemFilter:
    """Which protected items are wanted; None leaves a question open."""

    tenant: str | None = None
    provider: str | None = None
    health: str | None = None
    state: str | None = None
    never_tested: bool | None = None

    def takes(self, item: "ProtectedItemFacts", owner: str | None) -> bool:
        """Return whether an item of that owner passes the filter; names are compared without regard to case."""
        return (
            self.tenant in {None, owner}
            and _fits(self.provider, item.instance_type)
            and _fits(self.health, item.health)
            and _fits(self.state, item.protection_state)
            and self.never_tested in {None, item.last_test_failover_at is None}
        )


@dataclass(frozen=True, slots=True)
class JobFilter:
    """Which jobs are wanted: `target` is a name or an ARM id, `since` the earliest start."""

    state: JobState | None = None
    target: str | None = None
    since: datetime | None = None

    def takes(self, job: "JobFacts") -> bool:
        """Return whether a job passes the filter."""
        names = {_last(known).lower() for known in (job.target_id, job.target_name) if known}
        return (
            self.state in {None, job.state}
            and (self.target is None or _last(self.target).lower() in names)
            and (self.since is None or (job.started_at is not None and job.started_at >= self.since))
        )


def visible(entries: Sequence[Entry], caller: Principal) -> list[Entry]:
    """Return what the caller reaches of a list, in its order."""
    return sorted((entry for entry in entries if caller.reaches(entry.owner)), key=lambda entry: entry.key)


def page(entries: Sequence[Entry], top: int, after: str | None) -> tuple[list[Entry], str | None]:
    """Return the entries of a page, and where the next one begins after; None at the end."""
    rest = [entry for entry in entries if after is None or entry.key > after]
    return rest[:top], rest[top - 1].key if len(rest) > top else None


def one(entries: Sequence[Entry], caller: Principal, name: str, what: str) -> Entry:
    """Return the thing of a name, the last segment of its id; raises `Refused` (NotFound)."""
    found = next((entry for entry in visible(entries, caller) if entry.name.lower() == name.lower()), None)
    if found is None:
        raise not_found(f"{what} '{name}'")
    return found


def vault_id(text: str) -> str:
    """Return a vault's id as ARM writes it; raises `ValueError` for anything else."""
    found = ResourceId.parse(text)
    if found.type.lower() != VAULT_TYPE.lower():
        raise ValueError(f"this is the id of a {found.type}; the id of a {VAULT_TYPE} is expected")
    return str(found)


def moment(text: str) -> datetime:
    """Return a time; raises `ValueError` for another text."""
    try:
        return from_text(text)
    except ValueError:
        raise ValueError("this is no time in ISO 8601, such as 2026-03-01T12:00:00Z") from None


def _fits(wanted: str | None, found: str | None) -> bool:
    return wanted is None or (found is not None and wanted.lower() == found.lower())


def _last(id_or_name: str) -> str:
    return id_or_name.rstrip("/").rpartition("/")[2]
