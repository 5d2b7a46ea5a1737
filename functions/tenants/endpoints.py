"""Tenants over HTTP: the registry, and readiness."""

from functions.serve import serve
from shared.access.roles import Role
from shared.tenants.answers import TenantBody, tenant_body
from shared.tenants.readiness.answers import Readiness
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

LIST = Route(
    "GET", "/tenants", "Tenants that the caller may see, by name", Role.TENANTS_READ, owner=Owner.CALLER, response=TenantBody, is_list=True
)
GET = Route("GET", "/tenants/{tenant}", "One tenant", Role.TENANTS_READ, owner=Owner.TENANT, response=TenantBody)
READINESS = Route(
    "GET", "/readiness", "Whether each tenant can be protected, by name", Role.ADMIN,
    owner=Owner.PROVIDER, response=Readiness, is_list=True,
)  # fmt: skip
TENANT_READINESS = Route(
    "GET", "/tenants/{tenant}/readiness", "Whether a tenant can be protected", Role.TENANTS_READ, owner=Owner.TENANT, response=Readiness
)


@serve(LIST)
async def list_tenants(call: Call[None]) -> HttpAnswer:
    """List the tenants that the caller may see, by name."""
    page = call.page
    ahead = [one for one in await call.app.registry.all() if call.caller.reaches(one.name) and one.name > (page.after or "")]
    last = ahead[page.top - 1].name if len(ahead) > page.top else None
    return call.listed([tenant_body(tenant) for tenant in ahead[: page.top]], last)


@serve(GET)
async def get_tenant(call: Call[None]) -> HttpAnswer:
    """Return one tenant; another caller's tenant is answered as one that does not exist."""
    return call.ok(tenant_body(call.tenant))


@serve(READINESS)
async def list_readiness(call: Call[None]) -> HttpAnswer:
    """List whether each tenant can be protected; the vaults are read one after another."""
    from shared.tenants.readiness.runner import ReadinessRunner

    page = call.page
    ahead = [tenant for tenant in await call.app.registry.all() if tenant.name > (page.after or "")]
    last = ahead[page.top - 1].name if len(ahead) > page.top else None
    return call.listed([(await call.of(ReadinessRunner).of(tenant, call.app.readiness)).as_json() for tenant in ahead[: page.top]], last)


@serve(TENANT_READINESS)
async def get_readiness(call: Call[None]) -> HttpAnswer:
    """Return whether a tenant can be protected."""
    from shared.tenants.readiness.runner import ReadinessRunner

    return call.ok((await call.of(ReadinessRunner).of(call.tenant, call.app.readiness)).as_json())
