"""Following jobs: one list per vault and round, for all operations that follow a job there."""

from collections.abc import Mapping, Sequence

from shared.arm.ids import ResourceId
from shared.clock import Clock, from_text
from shared.errors import CallFailure
from shared.failovers.failing_over import state as record
from shared.failovers.failing_over import views
from shared.failovers.vault import jobs
from shared.failovers.vault.gateway import SiteRecoveryGateway, vault_of
from shared.failovers.vault.job_facts import JobFacts
from shared.operations.model.models import JsonObject
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import Checked, Unread
from shared.values.reading import same_text


def group_of(vault: ResourceId) -> str:
    """Return what checks of a vault are batched by; they draw on the budget of its subscription."""
    return f"{vault.subscription_id}/read#{vault.resource_group.lower()}/{vault.name.lower()}"


async def read_job(gateway: SiteRecoveryGateway, job: ResourceId) -> JobFacts | None:
    """Read a job by its id, or find it in the list of the vault where its id is not found; None where neither shows it."""
    body = await gateway.find(job)
    if body is not None:
        return JobFacts.from_arm(body)
    listed = [JobFacts.from_arm(one) for one in await gateway.children(vault_of(job), "replicationJobs")]
    return next((one for one in listed if same_text(one.name, job.name)), None)


async def check(gateway: SiteRecoveryGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the jobs of the vault that all rows are of, and say of each row what its job says."""
    vault = ResourceId.parse(str(rows[0].data["vault"]))
    try:
        found = [JobFacts.from_arm(job) for job in await gateway.children(vault, "replicationJobs")]
    except CallFailure as failure:
        unread = Unread(f"{failure.code}: {failure.message}", failure.retry_after, throttled=failure.asks_to_wait)
        return {row.id: unread for row in rows}
    by_name = {job.name.lower(): job for job in found}
    return {row.id: judge(row, by_name, clock) for row in rows}


def judge(row: Active, by_name: Mapping[str, JobFacts], clock: Clock) -> Checked:
    """Decide what a list of jobs means for one operation; a job that is not in it is read by itself, by the next step."""
    now = clock.now()
    index = record.running_leg(row.data)
    leg = record.legs_of(row.data)[index]
    job = by_name.get((leg.job or "").lower())
    if job is None or jobs.end_of(job).is_over or jobs.end_of(job) is jobs.JobEnd.SUSPENDED:
        return Checked(step="concluding")
    started = from_text(str(row.data["startedAt"]))
    detail: JsonObject = {"running": {"leg": index, "job": views.job_view(job).as_json()}}
    return Checked(at=jobs.next_look(started, now), detail=detail, percent=max(row.percent, min(jobs.percent(job), 99)))
