"""What a plan is made of: the scope of the request as it was read, and the guard rails."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from shared.failovers.failing_over.rules.allowed import Subject, subject_of_item, subject_of_plan
from shared.failovers.vault.facts import NetworkFacts, PlanFacts, ProtectedItemFacts, RecoveryPointFacts
from shared.failovers.vault.job_facts import JobFacts
from shared.failovers.vault.names import Action


@dataclass(frozen=True, slots=True)
class GuardRails:
    """The limits that a provider sets, for all tenants or for one.

    `blast_radius` is how many machines may be moved within an hour; `two_person` asks for a second person's approval.
    """

    untested_after: timedelta = timedelta(days=90)
    lag_warning: timedelta = timedelta(minutes=30)
    point_age_warning: timedelta = timedelta(hours=24)
    blast_radius: int = 250
    two_person: bool = True
    approval_lasts: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Member:
    """An item of the scope. `points` are its recovery points, None where they were not read; `owned` is true where it is the tenant's."""

    item: ProtectedItemFacts
    owned: bool
    group: int | None = None
    points: tuple[RecoveryPointFacts, ...] | None = None


@dataclass(frozen=True, slots=True)
class FailoverContext:
    """What was read for a request.

    `scope_id` is the ARM id of the item or plan, `owned` whether it is the tenant's. `plan` is None for a single item. `unread` are the ids
    of members that could not be read; `strangers` is the number of members of other tenants, of which nothing is read or shown. `jobs` are
    the jobs of the vault that have not ended and those that a scenario names, None where they were not read. `recently_moved` is the number
    of machines that were moved in the last hour without those of this operation, None where it is unknown. `network` is the network of the
    request, None where it names none or it could not be read. `vault_region` is written as ARM writes regions.
    """

    now: datetime
    scope_id: str
    owned: bool
    members: tuple[Member, ...]
    plan: PlanFacts | None = None
    unread: tuple[str, ...] = ()
    strangers: int = 0
    jobs: tuple[JobFacts, ...] | None = None
    recently_moved: int | None = None
    network: NetworkFacts | None = None
    vault_region: str | None = None
    rails: GuardRails = field(default_factory=GuardRails)

    @property
    def subject(self) -> Subject:
        """The scope, as that of which actions are asked."""
        items = [member.item for member in self.members]
        if self.plan is None:
            return subject_of_item(items[0]) if items else Subject(self.scope_id, None, ())
        return subject_of_plan(self.plan, items)


def asked_of(action: Action, item: ProtectedItemFacts) -> bool:
    """Return whether health, lag and recovery point matter: for tests, and for failovers out of the primary (docs/design/failovers.md)."""
    return action is Action.TEST_FAILOVER or out_of_primary(action, item)


def out_of_primary(action: Action, item: ProtectedItemFacts) -> bool:
    """Return whether an action moves an item out of its primary."""
    return action.leaves_primary and (item.active_location or "").lower() != "recovery"
