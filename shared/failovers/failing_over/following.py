"""Follows jobs: one list per vault and round, for all operations that follow a job there."""

from collections.abc import Mapping, Sequence

from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure
from shared.failovers.failing_over import views
from shared.failovers.failing_over.state import FailoverState, RunningJob
from shared.failovers.vault import jobs
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Checked, Unread
from shared.values.reading import same_text


def group_of(vault: ResourceId) -> str:
    """Return the group of a vault: its checks are batched, and draw on the budget of reads of its subscription."""
    return f"{vault.subscription_id}/read#{vault.resource_group.lower()}/{vault.name.lower()}"


async def read_job(gateway: SiteRecoveryGateway, job: ResourceId) -> JobFacts | None:
    """Read a job by its id, or find it in the list of the vault where its id is not found; None where neither shows it."""
    body = await gateway.find(job)
    if body is not None:
        return JobFacts.from_arm(body)
    listed = [JobFacts.from_arm(one) for one in await gateway.children(vault_of(job), "replicationJobs")]
    return next((one for one in listed if same_text(one.name, job.name)), None)


async def check(gateway: SiteRecoveryGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the jobs of the vault that all rows are of, and decide for each row what its job means."""
    try:
        vault = FailoverState.of(rows[0].data).vault_id
        found = [JobFacts.from_arm(job) for job in await gateway.children(vault, "replicationJobs")]
    except CallFailure as failure:
        unread = Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=failure.asks_to_wait)
        return {row.id: unread for row in rows}
    by_name = {job.name.lower(): job for job in found}
    return {row.id: judge(row, by_name, clock) for row in rows}


def judge(row: Active, by_name: Mapping[str, JobFacts], clock: Clock) -> Checked:
    """Decide what a list of jobs means for one operation; the next step reads a job by its id that the list does not show."""
    now, state = clock.now(), FailoverState.of(row.data)
    job = by_name.get((state.running_leg.job or "").lower())
    if job is None or jobs.end_of(job).is_over or jobs.end_of(job) is jobs.JobEnd.SUSPENDED:
        return Checked(step="concluding")
    running = RunningJob(leg=state.leg, job=views.job_view(job))
    return Checked(
        at=jobs.next_look(state.started_at or now, now),
        detail={"running": running.model_dump(mode="json", by_alias=True)},
        percent=max(row.percent, min(jobs.percent(job), 99)),
        attention=jobs.overdue(job.name, state.started_at, now),
    )
