"""Protection policies: a cloud's new machines are protected without anybody asking; and what a policy would do now."""

import azure.functions as func

from functions.vault_routes import VAULT, name_of, page_of, vault_of
from shared.access.principal import Principal
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.failovers.protection.models import ProtectionPlan, ProtectionPolicyBody, ProtectionPolicyRequest
from shared.failovers.vault.listing import Entry
from shared.web.answers import HttpAnswer
from shared.web.entry import handle
from shared.web.requests import read_body, refuse_body
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

READ, WRITE = Role.FAILOVERS_READ, Role.FAILOVERS_EXECUTE
_LIST = Route(
    "GET", "/protection-policies", "The protection policies of a vault, by name", READ,
    response=ProtectionPolicyBody, is_list=True, query=(VAULT,), refusals=(404,),
)  # fmt: skip
_GET = Route("GET", "/protection-policies/{name}", "One protection policy", READ, response=ProtectionPolicyBody, query=(VAULT,))
_PLAN = Route(
    "GET", "/protection-policies/{name}/plan", "What a policy would do now, machine by machine; nothing is done", READ,
    response=ProtectionPlan, query=(VAULT,), refusals=(409,),
)  # fmt: skip
_PUT = Route(
    "PUT", "/protection-policies/{name}", "Make or change a protection policy", WRITE,
    request=ProtectionPolicyRequest, response=ProtectionPolicyBody, query=(VAULT,), refusals=(409,),
)  # fmt: skip
_DELETE = Route("DELETE", "/protection-policies/{name}", "Protect no more machines by a policy", WRITE, query=(VAULT,), status=204)
ROUTES = (_LIST, _GET, _PLAN, _PUT, _DELETE)


@blueprint.route(route="protection-policies", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_protection_policies(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the protection policies of a vault."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        policies = await app.protection.all(await vault_of(app, caller, req, _LIST))
        return page_of(app, caller, req, _LIST, [Entry(one.name.lower(), one.name, one.tenant, one.as_json()) for one in policies])

    return await handle(req, runtime, READ, work)


@blueprint.route(route="protection-policies/{name}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_protection_policy(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one protection policy, with what it could not protect yet."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        vault = await vault_of(app, caller, req, _GET)
        return HttpAnswer(200, (await app.protection.get(vault, req.route_params["name"])).as_json())

    return await handle(req, runtime, READ, work)


@blueprint.route(route="protection-policies/{name}/plan", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def plan_protection_policy(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer what a policy would do now."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        vault = await vault_of(app, caller, req, _PLAN)
        return HttpAnswer(200, (await app.protection.plan(vault, req.route_params["name"])).as_json())

    return await handle(req, runtime, READ, work)


@blueprint.route(route="protection-policies/{name}", methods=["PUT"], auth_level=func.AuthLevel.ANONYMOUS)
async def put_protection_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Make or change a protection policy."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        request, _ = read_body(req, ProtectionPolicyRequest)
        vault = await vault_of(app, caller, req, _PUT)
        return HttpAnswer(200, (await app.protection.put(vault, name_of(req, _PUT), request)).as_json())

    return await handle(req, runtime, WRITE, work)


@blueprint.route(route="protection-policies/{name}", methods=["DELETE"], auth_level=func.AuthLevel.ANONYMOUS)
async def delete_protection_policy(req: func.HttpRequest) -> func.HttpResponse:
    """Protect no more machines by a policy; those that it has protected stay so."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        refuse_body(req)
        vault = await vault_of(app, caller, req, _DELETE)
        await app.protection.delete(vault, req.route_params["name"])
        return HttpAnswer(204)

    return await handle(req, runtime, WRITE, work)
