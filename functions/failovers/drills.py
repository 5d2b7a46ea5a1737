"""Drill policies over HTTP: scheduled test failovers, a drill now, and the report."""

from pydantic import BaseModel

from functions.failovers.vaults import VAULT, name_of, page_of, vault_of
from functions.serve import serve
from shared.access.roles import Role
from shared.failovers.drills.models import DrillPolicyBody, DrillPolicyRequest, DrillReport, DrillRunBody
from shared.failovers.vault.listing import Entry
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route


class DrillsBegun(BaseModel):
    """The drills that were started; items that are busy are not among them."""

    value: tuple[DrillRunBody, ...] = ()


LIST = Route(
    "GET", "/drill-policies", "The drill policies of a vault, by name", Role.FAILOVERS_READ,
    owner=Owner.VAULT, response=DrillPolicyBody, is_list=True, query=(VAULT,), refusals=(404,),
)  # fmt: skip
GET = Route(
    "GET", "/drill-policies/{name}", "One drill policy", Role.FAILOVERS_READ, owner=Owner.VAULT, response=DrillPolicyBody, query=(VAULT,)
)
REPORT = Route(
    "GET",
    "/drill-policies/{name}/report",
    "The drills of a policy, newest first",
    Role.FAILOVERS_READ,
    owner=Owner.VAULT,
    response=DrillReport,
    query=(VAULT,),
)
PUT = Route(
    "PUT", "/drill-policies/{name}", "Make or change a drill policy", Role.FAILOVERS_EXECUTE,
    owner=Owner.VAULT, request=DrillPolicyRequest, response=DrillPolicyBody, query=(VAULT,), refusals=(409,),
)  # fmt: skip
DELETE = Route(
    "DELETE",
    "/drill-policies/{name}",
    "Make no more drills of a policy",
    Role.FAILOVERS_EXECUTE,
    owner=Owner.VAULT,
    query=(VAULT,),
    status=204,
)
RUN = Route(
    "POST", "/drill-policies/{name}/run", "Drill everything in a policy now", Role.FAILOVERS_EXECUTE,
    owner=Owner.VAULT, response=DrillsBegun, query=(VAULT,), status=202, refusals=(409,), is_operation=False,
)  # fmt: skip


@serve(LIST)
async def list_drill_policies(call: Call[None]) -> HttpAnswer:
    """List the drill policies of a vault, by name."""
    from shared.failovers.drills.service import Drills

    policies = await call.of(Drills).all(await vault_of(call))
    return page_of(call, [Entry(one.name.lower(), one.name, one.tenant, one.as_json()) for one in policies])


@serve(GET)
async def get_drill_policy(call: Call[None]) -> HttpAnswer:
    """Return one drill policy, with the state of each of its items."""
    from shared.failovers.drills.service import Drills

    return call.ok((await call.of(Drills).get(await vault_of(call), call.path["name"])).as_json())


@serve(REPORT)
async def get_drill_report(call: Call[None]) -> HttpAnswer:
    """Return the results of a policy's drills."""
    from shared.failovers.drills.service import Drills

    return call.ok((await call.of(Drills).report(await vault_of(call), call.path["name"])).as_json())


@serve(PUT)
async def put_drill_policy(call: Call[DrillPolicyRequest]) -> HttpAnswer:
    """Create or change a drill policy."""
    from shared.failovers.drills.service import Drills

    return call.ok((await call.of(Drills).put(await vault_of(call), name_of(call), call.body)).as_json())


@serve(DELETE)
async def delete_drill_policy(call: Call[None]) -> HttpAnswer:
    """Delete a drill policy; drills that it has started are still cleaned up."""
    from shared.failovers.drills.service import Drills

    await call.of(Drills).delete(await vault_of(call), call.path["name"])
    return HttpAnswer(204)


@serve(RUN)
async def run_drill_policy(call: Call[None]) -> HttpAnswer:
    """Drill everything in a policy now, beside its schedule."""
    from shared.failovers.drills.service import Drills

    begun = await call.of(Drills).drill_now(await vault_of(call), call.path["name"])
    return HttpAnswer(202, {"value": [run.as_json() for run in begun]})
