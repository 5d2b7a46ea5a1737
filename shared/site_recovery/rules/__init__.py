"""The decisions of Site Recovery, without input, output or a clock: a table of contents.

`facts` and `job_facts` read what Azure says; `allowed` says what may be started now; `points` which recovery point is meant; `plans` makes
the plan of a `world` that was read, and `checks` what stands against it. Their words are all here. Others are used by their module's name,
which says what they are about (`legs.next_move`, `audit.verify`): `approval` is the two-person rule; `payloads` what is sent; `jobs` what a
job says and which one is ours; `legs` what comes next; `audit` the chained trail; `readiness`, `drills` and `protection` what a hoster
looks after; `views` what callers see. Azure's rules come from facts/site-recovery.md unless a docstring names another source.
"""

from shared.site_recovery.rules.allowed import (
    Subject,
    allowed_actions,
    direction_for,
    exists,
    is_allowed,
    operations_for,
    reprotecting,
    resumable,
    subject_of_item,
    subject_of_plan,
    why_not,
)
from shared.site_recovery.rules.checks import (
    MAX_MEMBERS,
    replication_lag,
    run_checks,
    verdict,
)
from shared.site_recovery.rules.facts import (
    ManagedDiskFacts,
    NetworkFacts,
    PlanActionFacts,
    PlanFacts,
    PlanGroupFacts,
    ProtectedItemFacts,
    ProviderFacts,
    RecoveryPointFacts,
    ScenarioFacts,
    TargetFacts,
    moved_item,
)
from shared.site_recovery.rules.job_facts import (
    JobFacts,
    JobMemberFacts,
    TaskFacts,
    job_state,
)
from shared.site_recovery.rules.plans import (
    Planned,
    approval_for,
    effective_options,
    for_leg,
    legs_of,
    make_plan,
    plan_hash,
)
from shared.site_recovery.rules.points import (
    Chosen,
    choose,
)
from shared.site_recovery.rules.reading import (
    id_key,
    last_segment,
    same_name,
)
from shared.site_recovery.rules.world import (
    GuardRails,
    Member,
    World,
    asked_of,
    out_of_primary,
)

__all__ = [
    "MAX_MEMBERS",
    "Chosen",
    "GuardRails",
    "JobFacts",
    "JobMemberFacts",
    "ManagedDiskFacts",
    "Member",
    "NetworkFacts",
    "PlanActionFacts",
    "PlanFacts",
    "PlanGroupFacts",
    "Planned",
    "ProtectedItemFacts",
    "ProviderFacts",
    "RecoveryPointFacts",
    "ScenarioFacts",
    "Subject",
    "TargetFacts",
    "TaskFacts",
    "World",
    "allowed_actions",
    "approval_for",
    "asked_of",
    "choose",
    "direction_for",
    "effective_options",
    "exists",
    "for_leg",
    "id_key",
    "is_allowed",
    "job_state",
    "last_segment",
    "legs_of",
    "make_plan",
    "moved_item",
    "operations_for",
    "out_of_primary",
    "plan_hash",
    "replication_lag",
    "reprotecting",
    "resumable",
    "run_checks",
    "same_name",
    "subject_of_item",
    "subject_of_plan",
    "verdict",
    "why_not",
]
