"""A tenant's Azure Pack subscriptions over HTTP: import, list, read, forget."""

from functools import partial
from typing import TYPE_CHECKING, Any

from functions.serve import serve
from shared.access.roles import Role
from shared.installations.subscriptions.answers import AzurePackSubscription
from shared.installations.subscriptions.requests import LARGEST, ImportRequest
from shared.web.answers import HttpAnswer
from shared.web.calls import Call
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.installations.subscriptions.reading import SubscriptionReader

_ALL = "/tenants/{tenant}/azure-pack-subscriptions"
_route = partial(Route, owner=Owner.TENANT, refusals=(409,))
IMPORT = _route(
    "POST", f"{_ALL}/import", "Import the subscriptions of a publishsettings file, each with proof", Role.TENANTS_WRITE,
    request=ImportRequest, response=AzurePackSubscription, is_list=True, largest_body=LARGEST,
)  # fmt: skip
LIST = _route("GET", _ALL, "A tenant's subscriptions on Azure Pack", Role.TENANTS_READ, response=AzurePackSubscription, is_list=True)
GET = _route("GET", f"{_ALL}/{{id}}", "One subscription, as Azure Pack shows it", Role.TENANTS_READ, response=AzurePackSubscription)
FORGET = _route("DELETE", f"{_ALL}/{{id}}", "Forget an imported subscription and its certificate", Role.TENANTS_WRITE, status=204)


@serve(IMPORT)
async def import_azure_pack_subscriptions(call: Call[ImportRequest]) -> HttpAnswer:
    """Import the subscriptions of a publishsettings file: all that are wanted, or none."""
    from shared.installations.subscriptions.importing import Imports

    found = await call.of(Imports).run(call.tenant, call.body, of_provider=call.caller.is_admin)
    return call.ok({"value": [one.as_json() for one in _reader(call).shown(found)]})


@serve(LIST)
async def list_azure_pack_subscriptions(call: Call[None]) -> HttpAnswer:
    """List a tenant's subscriptions, without a call to Azure Pack."""
    found, last = await _reader(call).page(call.tenant.name, call.page)
    return call.listed(found, last)


@serve(GET)
async def get_azure_pack_subscription(call: Call[None]) -> HttpAnswer:
    """Return one subscription, as Azure Pack shows it."""
    return call.ok(await _reader(call).one(call.tenant.name, call.path["id"]))


@serve(FORGET)
async def forget_azure_pack_subscription(call: Call[None]) -> HttpAnswer:
    """Forget an imported subscription and its certificate; a data center's is deleted with that."""
    await _reader(call).forget(call.tenant.name, call.path["id"])
    return HttpAnswer(204)


def _reader(call: Call[Any]) -> "SubscriptionReader":
    from shared.installations.subscriptions.reading import SubscriptionReader

    return call.of(SubscriptionReader)
