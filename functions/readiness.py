"""Whether tenants can be protected: `GET /readiness`, `GET /tenants/{tenant}/readiness`."""

import azure.functions as func

from shared.access.principal import Principal, not_found
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.failovers.vault.inventory_answers import Readiness
from shared.web.answers import HttpAnswer
from shared.web.entry import handle
from shared.web.lists import page_body, read_page
from shared.web.requests import base_url, read_query
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

_ALL = Route("GET", "/readiness", "Whether each tenant can be protected, by name", Role.ADMIN, response=Readiness, is_list=True)
_ONE = Route("GET", "/tenants/{tenant}/readiness", "Whether a tenant can be protected", Role.TENANTS_READ, response=Readiness)
ROUTES = (_ALL, _ONE)


@blueprint.route(route="readiness", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_readiness(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer whether each tenant can be protected, page by page."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _ALL.known_query)
        page = read_page(query, caller)
        ahead = [tenant for tenant in await app.registry.all() if tenant.name > (page.after or "")]
        # one after another: each reads a whole vault
        values = [(await app.readiness.of(tenant)).as_json() for tenant in ahead[: page.top]]
        last = ahead[page.top - 1].name if len(ahead) > page.top else None
        base = base_url(app.settings, req)
        return HttpAnswer(200, page_body(values, last, path=_ALL.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, Role.ADMIN, work)


@blueprint.route(route="tenants/{tenant}/readiness", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_readiness(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer whether a tenant can be protected; another's is as one that is not there."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _ONE.known_query)
        name = req.route_params["tenant"]
        tenant = await app.registry.by_name(name) if caller.reaches(name) else None
        if tenant is None:
            raise not_found(f"tenant '{name}'")
        return HttpAnswer(200, (await app.readiness.of(tenant)).as_json())

    return await handle(req, runtime, Role.TENANTS_READ, work)
