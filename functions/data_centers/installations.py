"""Installations of Azure Pack over HTTP: documents of the provider's, their check and their plans."""

from functions.serve import serve
from shared.access.roles import Role
from shared.installations.answers import AzurePackPlans, InstallationBody, InstallationChecks
from shared.installations.document import InstallationRequest
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.requests import QueryParameter
from shared.web.routes import Owner, Route

_CONFIRM = (QueryParameter("confirm", "The name, once more; may also be a member of the body.", max_length=63),)
LIST = Route(
    "GET", "/azure-packs", "Installations of Azure Pack, by name", Role.ADMIN,
    owner=Owner.PROVIDER, response=InstallationBody, is_list=True,
)  # fmt: skip
GET = Route("GET", "/azure-packs/{name}", "One installation", Role.ADMIN, owner=Owner.PROVIDER, response=InstallationBody, refusals=(404,))
PUT = Route(
    "PUT", "/azure-packs/{name}", "Create or replace an installation", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, request=InstallationRequest, response=InstallationBody, conditional=True, refusals=(409,),
)  # fmt: skip
DELETE = Route(
    "DELETE", "/azure-packs/{name}", "Delete an installation without data centers and subscriptions", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, optional_body=True, conditional=True, query=_CONFIRM, status=204, refusals=(409,),
)  # fmt: skip
CHECK = Route(
    "POST", "/azure-packs/{name}/check", "Check whether an installation can be used", Role.TENANTS_WRITE,
    owner=Owner.PROVIDER, response=InstallationChecks, refusals=(404,),
)  # fmt: skip
PLANS = Route(
    "GET", "/azure-packs/{name}/plans", "The plans of an installation, and whether each can carry an order", Role.ADMIN,
    owner=Owner.PROVIDER, response=AzurePackPlans, refusals=(404,),
)  # fmt: skip


@serve(LIST)
async def list_installations(call: Call[None]) -> HttpAnswer:
    """List the installations, by name."""
    from shared.installations.documents import Installations
    from shared.installations.views import installation_body

    found, last = await call.of(Installations).store.page(call.page.top, call.page.after)
    return call.listed([installation_body(record) for record in found], last)


@serve(GET)
async def get_installation(call: Call[None]) -> HttpAnswer:
    """Return one installation."""
    from shared.installations.documents import Installations
    from shared.installations.views import installation_body

    record = await call.of(Installations).get(call.path["name"])
    return call.ok(installation_body(record), record.tag)


@serve(PUT)
async def put_installation(call: Call[InstallationRequest]) -> HttpAnswer:
    """Create or replace an installation."""
    from shared.installations.documents import Installations
    from shared.installations.views import installation_body

    record, created = await call.of(Installations).put(call.path["name"], call.body, call.condition)
    return call.ok(installation_body(record), record.tag, 201 if created else 200)


@serve(DELETE)
async def delete_installation(call: Call[None]) -> HttpAnswer:
    """Delete an installation without data centers and subscriptions."""
    from shared.installations.documents import Installations

    await call.of(Installations).delete(call.path["name"], call.confirmed, call.condition)
    return HttpAnswer(204)


@serve(CHECK)
async def check_installation(call: Call[None]) -> HttpAnswer:
    """Check whether an installation can be used; reads only."""
    from shared.installations.reading import InstallationReader
    from shared.installations.views import checks_body

    return call.ok(checks_body(await call.of(InstallationReader).check(call.path["name"])))


@serve(PLANS)
async def list_installation_plans(call: Call[None]) -> HttpAnswer:
    """Return the plans of an installation, and whether each can carry an order."""
    from shared.installations.reading import InstallationReader
    from shared.installations.views import plan_body

    facts, names = await call.of(InstallationReader).plans(call.path["name"])
    return call.ok(AzurePackPlans(value=tuple(plan_body(one, names) for one in facts)))
