"""The protection of VMs over HTTP."""

from functions.serve import serve
from shared.access.roles import Role
from shared.copies.policy_requests import tenant_of
from shared.copies.protection.answers import ProtectionPage
from shared.copies.protection_requests import FILTERS, filter_of
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

LIST = Route(
    "GET", "/protection", "The protection of VMs, by id", Role.COPIES_READ,
    owner=Owner.CALLER, response=ProtectionPage, query=FILTERS, refusals=(404,),
)  # fmt: skip


@serve(LIST)
async def list_protection(call: Call[None]) -> HttpAnswer:
    """List how well the VMs of a tenant are protected; for `Admin` without a tenant those of all."""
    from shared.copies.protection.pages import ProtectionPages

    tenant = None if call.caller.is_admin and "tenant" not in call.query else await tenant_of(call)
    values, last, beside = await call.of(ProtectionPages).page(tenant, filter_of(call), call.page)
    return call.listed(values, last, beside=beside)
