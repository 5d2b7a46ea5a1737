"""Policies of a vault over HTTP: drill policies (scheduled test failovers, a drill now, the report) and protection policies."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.drills.models import DrillPolicyBody, DrillPolicyRequest, DrillReport, DrillsBegun
from shared.failovers.protection.models import ProtectionPlan, ProtectionPolicyBody, ProtectionPolicyRequest
from shared.failovers.requests import VAULT, name_of, page_of, vault_of
from shared.failovers.vault.listing import Entry
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.failovers.drills.service import Drills
    from shared.failovers.protection.service import Protection

_read = partial(Route, "GET", needed=Role.FAILOVERS_READ, owner=Owner.VAULT, query=(VAULT,))
_list = partial(_read, is_list=True, refusals=(404,))
_write = partial(Route, needed=Role.FAILOVERS_EXECUTE, owner=Owner.VAULT, query=(VAULT,))
_PUT_PROTECTION = "Create or change a protection policy"
_put, _delete = partial(_write, "PUT", refusals=(409,)), partial(_write, "DELETE", status=204)
_run = partial(_write, "POST", status=202, refusals=(409,), is_operation=False)


@serve(_list("/drill-policies", "The drill policies of a vault, by name", response=DrillPolicyBody))
async def list_drill_policies(call: Call[None]) -> HttpAnswer:
    """List the drill policies of a vault, by name."""
    policies = await _drills(call).all(await vault_of(call))
    return page_of(call, [Entry(one.name.lower(), one.name, one.tenant, one) for one in policies])


@serve(_read("/drill-policies/{name}", "One drill policy", response=DrillPolicyBody))
async def get_drill_policy(call: Call[None]) -> HttpAnswer:
    """Return one drill policy, with the state of each of its items."""
    return call.ok(await _drills(call).get(await vault_of(call), call.path["name"]))


@serve(_read("/drill-policies/{name}/report", "The drills of a policy, newest first", response=DrillReport))
async def get_drill_report(call: Call[None]) -> HttpAnswer:
    """Return the results of a policy's drills."""
    return call.ok(await _drills(call).report(await vault_of(call), call.path["name"]))


@serve(_put("/drill-policies/{name}", "Create or change a drill policy", request=DrillPolicyRequest, response=DrillPolicyBody))
async def put_drill_policy(call: Call[DrillPolicyRequest]) -> HttpAnswer:
    """Create or change a drill policy."""
    return call.ok(await _drills(call).put(await vault_of(call), name_of(call), call.body))


@serve(_delete("/drill-policies/{name}", "Delete a drill policy"))
async def delete_drill_policy(call: Call[None]) -> HttpAnswer:
    """Delete a drill policy; drills that it has started are still cleaned up."""
    await _drills(call).delete(await vault_of(call), call.path["name"])
    return HttpAnswer(204)


@serve(_run("/drill-policies/{name}/run", "Start a drill of each item of a policy now", response=DrillsBegun))
async def run_drill_policy(call: Call[None]) -> HttpAnswer:
    """Start a drill of each item of a policy now, beside its schedule."""
    begun = await _drills(call).drill_now(await vault_of(call), call.path["name"])
    return HttpAnswer(202, {"value": [run.as_json() for run in begun]})


@serve(_list("/protection-policies", "The protection policies of a vault, by name", response=ProtectionPolicyBody))
async def list_protection_policies(call: Call[None]) -> HttpAnswer:
    """List the protection policies of a vault, by name."""
    policies = await _protection(call).all(await vault_of(call))
    return page_of(call, [Entry(one.name.lower(), one.name, one.tenant, one) for one in policies])


@serve(_read("/protection-policies/{name}", "One protection policy", response=ProtectionPolicyBody))
async def get_protection_policy(call: Call[None]) -> HttpAnswer:
    """Return one protection policy, with the machines that it could not protect yet."""
    return call.ok(await _protection(call).get(await vault_of(call), call.path["name"]))


@serve(_read("/protection-policies/{name}/plan", "What a policy would do now, for each machine", response=ProtectionPlan, refusals=(409,)))
async def plan_protection_policy(call: Call[None]) -> HttpAnswer:
    """Return what a policy would do now; nothing is changed."""
    return call.ok(await _protection(call).plan(await vault_of(call), call.path["name"]))


@serve(_put("/protection-policies/{name}", _PUT_PROTECTION, request=ProtectionPolicyRequest, response=ProtectionPolicyBody))
async def put_protection_policy(call: Call[ProtectionPolicyRequest]) -> HttpAnswer:
    """Create or change a protection policy."""
    return call.ok(await _protection(call).put(await vault_of(call), name_of(call), call.body))


@serve(_delete("/protection-policies/{name}", "Delete a protection policy"))
async def delete_protection_policy(call: Call[None]) -> HttpAnswer:
    """Delete a protection policy; machines that it has protected remain protected."""
    await _protection(call).delete(await vault_of(call), call.path["name"])
    return HttpAnswer(204)


def _drills(call: Call[Any]) -> "Drills":
    from shared.failovers.drills.service import Drills

    return call.of(Drills)


def _protection(call: Call[Any]) -> "Protection":
    from shared.failovers.protection.service import Protection

    return call.of(Protection)
