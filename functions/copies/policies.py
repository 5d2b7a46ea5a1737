"""Copy policies over HTTP: the documents, their runs, what a run would do."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.audit.answers import AuditPage
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.management.answers import PolicyBody
from shared.copies.policies.plans.answers import PlanBody
from shared.copies.policies.runs.answers import RunBody, RunMachineBody
from shared.copies.policy_requests import (
    DRY_RUN,
    ENABLED,
    MACHINE_FILTERS,
    POLICY_ID,
    RUN_FILTERS,
    TENANT,
    item_filter_of,
    run_filter_of,
    run_of,
    tenant_of,
)
from shared.values.sent import SentBody
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.lists import PAGING
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.copies.policies.management.service import Policies
    from shared.copies.policies.runs.service import Runs

_PATH = "/copy-policies/{name}"
_read = partial(Route, "GET", needed=Role.COPIES_READ, owner=Owner.SERVICE)
_write = partial(Route, needed=Role.COPIES_WRITE, owner=Owner.SERVICE, query=(TENANT,))
LIST = Route(
    "GET", "/copy-policies", "Copy policies, by name", Role.COPIES_READ,
    owner=Owner.CALLER, response=PolicyBody, is_list=True, query=(TENANT, ENABLED), refusals=(404,),
)  # fmt: skip
GET = _read(_PATH, "One copy policy", response=PolicyBody, query=(TENANT,))
PUT = _write(
    "PUT", _PATH, "Create or replace a copy policy", request=PolicyDocument, response=PolicyBody, dry=PlanBody,
    conditional=True, refusals=(409,), query=(TENANT, DRY_RUN),
)  # fmt: skip
AUDIT = _read(
    f"{_PATH}/audit",
    "The audit trail of a copy policy, which outlives it",
    response=AuditPage,
    query=(TENANT, POLICY_ID, *PAGING.parameters),
)
DELETE = _write("DELETE", _PATH, "Delete a copy policy; nothing in Azure is deleted", conditional=True, status=204)
RUN = _write(
    "POST", f"{_PATH}/run", "Run a copy policy now", response=RunBody, optional_body=True, status=202, refusals=(409,), repeatable=True
)
PLAN = _read(f"{_PATH}/plan", "What the next run of a copy policy would do", response=PlanBody, query=(TENANT, *PAGING.parameters))
RUNS = _read(f"{_PATH}/runs", "The runs of a copy policy, newest first", response=RunBody, is_list=True, query=(TENANT, *RUN_FILTERS))
GET_RUN = _read(f"{_PATH}/runs/{{id}}", "One run of a copy policy", response=RunBody, query=(TENANT,))
MACHINES = _read(
    f"{_PATH}/runs/{{id}}/machines", "The VMs of a run, by name", response=RunMachineBody, is_list=True, query=(TENANT, *MACHINE_FILTERS)
)


@serve(LIST)
async def list_copy_policies(call: Call[None]) -> HttpAnswer:
    """List the copy policies of a tenant, by name; for `Admin` without a tenant those of all, by tenant and name."""
    tenant = None if call.caller.is_admin and "tenant" not in call.query else await tenant_of(call)
    enabled = {"true": True, "false": False}.get(call.query.get("enabled", ""))
    found, last = await _policies(call).page(tenant, enabled, call.page)
    return call.listed(found, last)


@serve(GET)
async def get_copy_policy(call: Call[None]) -> HttpAnswer:
    """Return one copy policy."""
    body = await _policies(call).get(await tenant_of(call), call.path["name"])
    return call.ok(body, body.etag)


@serve(PUT)
async def put_copy_policy(call: Call[PolicyDocument]) -> HttpAnswer:
    """Create or replace a copy policy."""
    sent, tenant = SentBody(call.document), await tenant_of(call)
    if call.query.get("dryRun") == "true":
        return call.ok(await _policies(call).dry_run(tenant, call.path["name"], sent))
    written = await _policies(call).put(tenant, call.path["name"], sent, call.condition, call.caller.actor)
    return call.ok(written.body, written.body.etag, 201 if written.created else 200)


@serve(DELETE)
async def delete_copy_policy(call: Call[None]) -> HttpAnswer:
    """Delete a copy policy; nothing in Azure is deleted."""
    await _policies(call).delete(await tenant_of(call), call.path["name"], call.condition, call.caller.actor)
    return HttpAnswer(204)


@serve(RUN)
async def run_copy_policy(call: Call[None]) -> HttpAnswer:
    """Run a copy policy now, beside its schedule."""
    from shared.copies.policies.runs.answers import run_body
    from shared.copies.policy_requests import start_of

    start = start_of(call, await _policies(call).find(await tenant_of(call), call.path["name"]))
    operation = (await _runs(call).start(start)).operation
    return call.accepted(operation, run_body(operation))


@serve(PLAN)
async def plan_copy_policy(call: Call[None]) -> HttpAnswer:
    """Return what the next run of a copy policy would do, by reads only."""
    from shared.copies.policies.plans.service import Plans

    plan = await call.of(Plans).of(await _policies(call).find(await tenant_of(call), call.path["name"]), call.page)
    return call.listed(plan.body.value, plan.last, beside=plan.body)


@serve(AUDIT)
async def get_copy_policy_audit(call: Call[None]) -> HttpAnswer:
    """Return a page of the audit trail of a copy policy, the oldest entries first."""
    trail, last = await _policies(call).audit(await tenant_of(call), call.path["name"], call.query.get("policyId"), call.page)
    return call.listed(trail.value, last, beside=trail)


@serve(RUNS)
async def list_copy_policy_runs(call: Call[None]) -> HttpAnswer:
    """List the runs of a copy policy, newest first."""
    from shared.copies.policies.runs.answers import run_body

    found = await _runs(call).page(await tenant_of(call), call.path["name"], run_filter_of(call), call.page)
    return call.listed([run_body(operation) for operation in found.operations], found.last)


@serve(GET_RUN)
async def get_copy_policy_run(call: Call[None]) -> HttpAnswer:
    """Return one run of a copy policy."""
    from shared.copies.policies.runs.answers import run_body

    return call.ok(run_body(await run_of(call)))


@serve(MACHINES)
async def list_copy_policy_run_machines(call: Call[None]) -> HttpAnswer:
    """List the VMs of a run, by name."""
    from shared.copies.policies.runs.answers import machine_body

    found, last = await _runs(call).machines(await run_of(call), item_filter_of(call), call.page)
    return call.listed([machine_body(item) for item in found], last)


def _policies(call: Call[Any]) -> "Policies":
    from shared.copies.policies.management.service import Policies

    return call.of(Policies)


def _runs(call: Call[Any]) -> "Runs":
    from shared.copies.policies.runs.service import Runs

    return call.of(Runs)
