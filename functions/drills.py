"""Drill policies: test failovers on a schedule, a drill now, and the report of those that were made."""

import azure.functions as func
from pydantic import BaseModel

from functions.vault_routes import VAULT, name_of, page_of, vault_of
from shared.access.principal import Principal
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.failovers.drills.models import DrillPolicyBody, DrillPolicyRequest, DrillReport, DrillRunBody
from shared.failovers.vault.listing import Entry
from shared.web.answers import HttpAnswer
from shared.web.entry import handle
from shared.web.requests import read_body, refuse_body
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

READ, WRITE = Role.FAILOVERS_READ, Role.FAILOVERS_EXECUTE


class DrillsBegun(BaseModel):
    """The drills that were begun; an item that is busy is not among them."""

    value: tuple[DrillRunBody, ...] = ()


_LIST = Route(
    "GET", "/drill-policies", "The drill policies of a vault, by name", READ,
    response=DrillPolicyBody, is_list=True, query=(VAULT,), refusals=(404,),
)  # fmt: skip
_GET = Route("GET", "/drill-policies/{name}", "One drill policy", READ, response=DrillPolicyBody, query=(VAULT,))
_REPORT = Route("GET", "/drill-policies/{name}/report", "The drills of a policy, newest first", READ, response=DrillReport, query=(VAULT,))
_PUT = Route(
    "PUT", "/drill-policies/{name}", "Make or change a drill policy", WRITE,
    request=DrillPolicyRequest, response=DrillPolicyBody, query=(VAULT,), refusals=(409,),
)  # fmt: skip
_DELETE = Route("DELETE", "/drill-policies/{name}", "Make no more drills of a policy", WRITE, query=(VAULT,), status=204)
_RUN = Route(
    "POST", "/drill-policies/{name}/run", "Drill everything in a policy now", WRITE,
    response=DrillsBegun, query=(VAULT,), status=202, refusals=(409,), is_operation=False,
)  # fmt: skip
ROUTES = (_LIST, _GET, _REPORT, _PUT, _DELETE, _RUN)


@blueprint.route(route="drill-policies", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_drill_policies(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the drill policies of a vault."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        policies = await app.drills.all(await vault_of(app, caller, req, _LIST))
        return page_of(app, caller, req, _LIST, [Entry(one.name.lower(), one.name, one.tenant, one.as_json()) for one in policies])

    return await handle(req, runtime, READ, work)


@blueprint.route(route="drill-policies/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_drill_policy(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one drill policy, with how each of its items stands."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        vault = await vault_of(app, caller, req, _GET)
        return HttpAnswer(200, (await app.drills.get(vault, req.route_params["name"])).as_json())

    return await handle(req, runtime, READ, work)


@blueprint.route(route="drill-policies/{name}/report", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_drill_report(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer what the drills of a policy came to."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        vault = await vault_of(app, caller, req, _REPORT)
        return HttpAnswer(200, (await app.drills.report(vault, req.route_params["name"])).as_json())

    return await handle(req, runtime, READ, work)


@blueprint.route(route="drill-policies/{name}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
async def put_drill_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Make or change a drill policy."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        request, _ = read_body(req, DrillPolicyRequest)
        vault = await vault_of(app, caller, req, _PUT)
        return HttpAnswer(200, (await app.drills.put(vault, name_of(req, _PUT), request)).as_json())

    return await handle(req, runtime, WRITE, work)


@blueprint.route(route="drill-policies/{name}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def delete_drill_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Make no more drills of a policy; what it has begun is cleaned up all the same."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        refuse_body(req)
        vault = await vault_of(app, caller, req, _DELETE)
        await app.drills.delete(vault, req.route_params["name"])
        return HttpAnswer(204)

    return await handle(req, runtime, WRITE, work)


@blueprint.route(route="drill-policies/{name}/run", methods=["POST"], auth_level=func.AuthLevel.ANONYMOUS)
async def run_drill_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Drill everything in a policy now, beside its schedule."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        refuse_body(req)
        vault = await vault_of(app, caller, req, _RUN)
        begun = await app.drills.drill_now(vault, req.route_params["name"])
        return HttpAnswer(202, {"value": [run.as_json() for run in begun]})

    return await handle(req, runtime, WRITE, work)
