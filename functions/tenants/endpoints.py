"""Tenants and hosting plans over HTTP: the registry, and readiness."""

from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.records.tenant import Backend, TenantKind
from shared.access.roles import Role
from shared.tenants.answers import HostingPlanBody, TenantBody, plan_body, tag_of_plan, tag_of_tenant, tenant_body, written_body
from shared.tenants.mappings.answers import MappingKind, MappingResult, OwnershipMapping
from shared.tenants.readiness.answers import Readiness
from shared.tenants.requests import HostingPlanRequest, TenantRequest
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.lists import Paging
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.tenants.documents import TenantDocuments
    from shared.tenants.hosting_plans import HostingPlanDocuments

_FILTERS = (
    QueryParameter("plan", "Only tenants on this hosting plan.", max_length=63),
    QueryParameter("kind", "Only tenants of this kind.", values=tuple(TenantKind)),
    QueryParameter("backend", "Only tenants of this backend.", values=tuple(Backend)),
)
_BACKEND = QueryParameter("backend", "Only hosting plans of this backend.", values=tuple(Backend))
_MAPPING_FILTERS = (
    QueryParameter("result", "Only entries with this result.", values=tuple(MappingResult)),
    QueryParameter("kind", "Only entries of this kind.", values=tuple(MappingKind)),
)
_INCLUDE = (QueryParameter("include", "Also what it has of each quota, counted in Azure.", values=("usage",)),)
_CONFIRM = (QueryParameter("confirm", "The name, once more; may also be a member of the body.", max_length=63),)

LIST = Route(
    "GET", "/tenants", "Tenants that the caller may see, by name", Role.TENANTS_READ,
    owner=Owner.CALLER, response=TenantBody, is_list=True, query=_FILTERS,
)  # fmt: skip
GET = Route("GET", "/tenants/{tenant}", "One tenant", Role.TENANTS_READ, owner=Owner.SERVICE, response=TenantBody, query=_INCLUDE)
PUT = Route(
    "PUT", "/tenants/{tenant}", "Create or replace a tenant", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, request=TenantRequest, response=TenantBody, conditional=True, founding=True,
)  # fmt: skip
DELETE = Route(
    "DELETE", "/tenants/{tenant}", "Delete a tenant; its name is never used again", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, optional_body=True, conditional=True, query=_CONFIRM, status=204,
)  # fmt: skip
LIST_PLANS = Route(
    "GET", "/hosting-plans", "Hosting plans that the caller may see, by name", Role.TENANTS_READ,
    owner=Owner.CALLER, response=HostingPlanBody, is_list=True, query=(_BACKEND,),
)  # fmt: skip
GET_PLAN = Route("GET", "/hosting-plans/{plan}", "One hosting plan", Role.TENANTS_READ, owner=Owner.SERVICE, response=HostingPlanBody)
PUT_PLAN = Route(
    "PUT", "/hosting-plans/{plan}", "Create or replace a hosting plan", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, request=HostingPlanRequest, response=HostingPlanBody, conditional=True,
)  # fmt: skip
DELETE_PLAN = Route(
    "DELETE", "/hosting-plans/{plan}", "Delete a hosting plan without tenants", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, optional_body=True, conditional=True, query=_CONFIRM, status=204,
)  # fmt: skip
READINESS = Route(
    "GET", "/readiness", "Whether each tenant can be protected, by name", Role.ADMIN,
    owner=Owner.PROVIDER, response=Readiness, is_list=True, paging=Paging(20, 100),
)  # fmt: skip
MAPPINGS = Route(
    "GET", "/readiness/mappings", "What Azure lists, with the tenant that it belongs to", Role.ADMIN,
    owner=Owner.PROVIDER, response=OwnershipMapping, is_list=True, query=_MAPPING_FILTERS,
)  # fmt: skip
TENANT_READINESS = Route(
    "GET", "/tenants/{tenant}/readiness", "Whether a tenant can be protected", Role.TENANTS_READ, owner=Owner.TENANT, response=Readiness
)


@serve(LIST)
async def list_tenants(call: Call[None]) -> HttpAnswer:
    """List the tenants that the caller may see, by name."""
    from shared.tenants.documents import TenantFilter

    wanted = TenantFilter(call.query.get("plan"), call.query.get("kind"), call.query.get("backend"))
    found, last = await _tenants(call).page(call.caller, wanted, call.page)
    return call.listed([tenant_body(record, admin=call.caller.is_admin) for record in found], last)


@serve(GET)
async def get_tenant(call: Call[None]) -> HttpAnswer:
    """Return one tenant; another caller's tenant is answered as one that does not exist."""
    record = await _tenants(call).get(call.caller, call.path["tenant"])
    usage = await _tenants(call).usage(record.tenant) if "include" in call.query and not record.deleted else None
    body = tenant_body(record, usage, admin=call.caller.is_admin)
    return call.ok(body, tag_of_tenant(record.tenant))


@serve(PUT)
async def put_tenant(call: Call[TenantRequest]) -> HttpAnswer:
    """Create or replace a tenant."""
    written = await _tenants(call).put(call.caller, call.path["tenant"], call.body, call.condition)
    body = written_body(written.record, written.warnings)
    return call.ok(body, tag_of_tenant(written.record.tenant), 201 if written.created else 200)


@serve(DELETE)
async def delete_tenant(call: Call[None]) -> HttpAnswer:
    """Delete a tenant; its name is never used again."""
    await _tenants(call).delete(call.caller, call.path["tenant"], call.confirmed, call.condition)
    return HttpAnswer(204)


@serve(LIST_PLANS)
async def list_hosting_plans(call: Call[None]) -> HttpAnswer:
    """List the hosting plans that the caller may see, by name."""
    backend = call.query.get("backend")
    found, last = await _plans(call).page(call.caller, call.page, Backend(backend) if backend else None)
    return call.listed([plan_body(record, admin=call.caller.is_admin) for record in found], last)


@serve(GET_PLAN)
async def get_hosting_plan(call: Call[None]) -> HttpAnswer:
    """Return one hosting plan; for `Admin` with how many tenants are on it, and which cloud is whose."""
    record = await _plans(call).get(call.caller, call.path["plan"])
    usage = await _plans(call).usage(record.plan) if call.caller.is_admin else None
    return call.ok(plan_body(record, usage, admin=call.caller.is_admin), tag_of_plan(record.plan))


@serve(PUT_PLAN)
async def put_hosting_plan(call: Call[HostingPlanRequest]) -> HttpAnswer:
    """Create or replace a hosting plan."""
    record, created = await _plans(call).put(call.caller, call.path["plan"], call.body, call.condition)
    return call.ok(plan_body(record, admin=True), tag_of_plan(record.plan), 201 if created else 200)


@serve(DELETE_PLAN)
async def delete_hosting_plan(call: Call[None]) -> HttpAnswer:
    """Delete a hosting plan that no tenant is on."""
    await _plans(call).delete(call.caller, call.path["plan"], call.confirmed, call.condition)
    return HttpAnswer(204)


@serve(READINESS)
async def list_readiness(call: Call[None]) -> HttpAnswer:
    """List whether each tenant can be protected."""
    from shared.tenants.readiness.runner import ReadinessRunner

    found, last = await call.of(ReadinessRunner).page(call.page, call.app.readiness)
    return call.listed(found, last)


@serve(MAPPINGS)
async def list_mappings(call: Call[None]) -> HttpAnswer:
    """List what Azure has, with the tenant that it belongs to, and what only the registry names."""
    from shared.tenants.mappings.reader import MappingFilter, OwnershipMappings

    result, kind = call.query.get("result"), call.query.get("kind")
    wanted = MappingFilter(MappingResult(result) if result else None, MappingKind(kind) if kind else None)
    found, last = await call.of(OwnershipMappings).page(call.page, wanted)
    return call.listed(found, last)


@serve(TENANT_READINESS)
async def get_readiness(call: Call[None]) -> HttpAnswer:
    """Return whether a tenant can be protected."""
    from shared.tenants.readiness.runner import ReadinessRunner

    return call.ok(await call.of(ReadinessRunner).one(call.tenant, call.app.readiness))


def _tenants(call: Call[Any]) -> "TenantDocuments":
    from shared.tenants.documents import TenantDocuments

    return call.of(TenantDocuments)


def _plans(call: Call[Any]) -> "HostingPlanDocuments":
    from shared.tenants.hosting_plans import HostingPlanDocuments

    return call.of(HostingPlanDocuments)
