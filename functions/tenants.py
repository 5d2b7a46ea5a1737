"""`GET /tenants[/{tenant}]`: the registry, each caller's own tenant or, for the provider's `Admin`, all of it."""

import azure.functions as func

from shared.access.principal import Principal, not_found
from shared.access.roles import Role
from shared.composition import Runtime, runtime
from shared.tenants.answers import TenantBody, tenant_body
from shared.web.answers import HttpAnswer
from shared.web.entry import handle
from shared.web.lists import page_body, read_page
from shared.web.requests import base_url, read_query
from shared.web.routes import Route

blueprint = func.Blueprint()  # type: ignore[no-untyped-call]  # the SDK leaves it without types

_LIST = Route("GET", "/tenants", "The tenants that the caller may see, by name", Role.TENANTS_READ, response=TenantBody, is_list=True)
_GET = Route("GET", "/tenants/{tenant}", "One tenant", Role.TENANTS_READ, response=TenantBody)
ROUTES = (_LIST, _GET)


@blueprint.route(route="tenants", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def list_tenants(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer the tenants, by name, page by page."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        query = read_query(req, _LIST.known_query)
        page = read_page(query, caller)
        seen = [tenant for tenant in await app.registry.all() if caller.reaches(tenant.name) and tenant.name > (page.after or "")]
        shown, more = seen[: page.top], len(seen) > page.top
        last = shown[-1].name if more else None
        values = [tenant_body(tenant) for tenant in shown]
        base = base_url(app.settings, req)
        return HttpAnswer(200, page_body(values, last, path=_LIST.path, query=query, principal=caller, base_url=base))

    return await handle(req, runtime, Role.TENANTS_READ, work)


@blueprint.route(route="tenants/{tenant}", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def get_tenant(req: func.HttpRequest) -> func.HttpResponse:
    """HttpAnswer one tenant; another's is as one that is not there."""

    async def work(app: Runtime, caller: Principal) -> HttpAnswer:
        read_query(req, _GET.known_query)
        name = req.route_params["tenant"]
        tenant = await app.registry.by_name(name) if caller.reaches(name) else None
        if tenant is None:
            raise not_found(f"tenant '{name}'")
        return HttpAnswer(200, tenant_body(tenant))

    return await handle(req, runtime, Role.TENANTS_READ, work)
