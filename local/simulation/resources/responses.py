"""What Microsoft.Resources answers: subscriptions, locations, resource groups, resources of every type."""

import re
from collections.abc import Iterator
from dataclasses import replace

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Change, Json
from local.simulation.common.inputs import tags
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name, type_of
from local.simulation.network.models import NetworkState
from local.simulation.recovery_services.state import RecoveryServicesState
from local.simulation.resources.models import ResourceGroup, ResourcesState, Subscription
from local.simulation.storage.models import StorageState

#: Names as people read them; another location is shown by its own name.
_DISPLAY = {"westeurope": "West Europe", "northeurope": "North Europe", "eastus": "East US", "westus": "West US"}
_TERM = re.compile(r"\s*(resourceType|name|location)\s+eq\s+'([^']+)'\s*", re.IGNORECASE)


def list_subscriptions(call: Call) -> Answer:
    """`Subscriptions_List`: those in which the caller has any role."""
    seen = [row for row in call.world.of(ResourcesState).subscriptions.values() if call.principal.sees(row.id)]
    return page(call, seen, _subscription)


def get_subscription(call: Call) -> Answer:
    """`Subscriptions_Get`."""
    return Answer(200, _subscription(_row(call)))


def list_locations(call: Call) -> Answer:
    """`Subscriptions_ListLocations`."""
    row = _row(call)
    return page(
        call,
        row.locations,
        lambda location: {
            "id": f"/subscriptions/{row.id}/locations/{location}",
            "name": location,
            "type": "Region",
            "displayName": _DISPLAY.get(location, location),
            "regionalDisplayName": _DISPLAY.get(location, location),
            "metadata": {"regionType": "Physical", "regionCategory": "Recommended"},
        },
    )


def list_groups(call: Call) -> Answer:
    """`ResourceGroups_List`."""
    scope = f"/subscriptions/{call.names[0].lower()}/"
    return page(call, [row for row in call.world.of(ResourcesState).groups.values() if key(row.id).startswith(scope)], _group)


def get_group(call: Call) -> Answer:
    """`ResourceGroups_Get`."""
    row = call.world.of(ResourcesState).groups.get(key(call.path))
    if row is None:
        raise group_not_found(call.names[1])
    return Answer(200, _group(row))


def put_group(call: Call) -> Answer:
    """`ResourceGroups_CreateOrUpdate`: 201 where it is new, else 200."""
    location = call.body.get("location")
    if not isinstance(location, str) or not location:
        raise ArmError(400, "LocationRequired", "The location property is required for this definition.")
    location = location.lower().replace(" ", "")
    if location not in _row(call).locations:
        raise ArmError(
            400,
            "LocationNotAvailableForResourceGroup",
            f"The provided location '{location}' is not available for resource group. "
            f"List of available regions is '{','.join(_row(call).locations)}'.",
        )
    there = call.world.of(ResourcesState).groups.get(key(call.path))
    if there is not None and there.location != location:
        raise ArmError(
            409,
            "InvalidResourceGroupLocation",
            f"Invalid resource group location '{location}'. The Resource group already exists in location '{there.location}'.",
        )
    given = tags(call.body)
    row = replace(there, tags=given) if there else ResourceGroup(id=call.path, location=location, tags=given)
    return Answer(200 if there else 201, _group(row), changes=(Change(call.world.of(ResourcesState).groups, key(row.id), row),))


def list_resources(call: Call) -> Answer:
    """`Resources_List` and `Resources_ListByResourceGroup`, with a filter on type, name and location."""
    terms = _terms(call.query.get("$filter"))
    scope = f"/subscriptions/{call.names[0].lower()}/"
    if len(call.names) > 1:
        scope += f"resourcegroups/{call.names[1].lower()}/"
    found = [
        (resource_id, location)
        for resource_id, location in _everything(call)
        if key(resource_id).startswith(scope) and all(value == _member(member, resource_id, location) for member, value in terms)
    ]
    return page(call, found, lambda row: {"id": row[0], "name": name(row[0]), "type": type_of(row[0]), "location": row[1]})


def _terms(given: str | None) -> list[tuple[str, str]]:
    """Return the terms of a `$filter`, all of which must be true: members and values in lower case."""
    terms = []
    for text in re.split(r"\sand\s", given, flags=re.IGNORECASE) if given is not None else ():
        match = _TERM.fullmatch(text)
        if match is None:
            raise ArmError(
                400,
                "InvalidFilterInQueryString",
                f"The filter '{given}' is not supported: resourceType, name and location with eq, and 'and' between them, are.",
            )
        terms.append((match.group(1).lower(), match.group(2).lower()))
    return terms


def _member(member: str, resource_id: str, location: str) -> str:
    return {"resourcetype": type_of(resource_id).lower(), "location": location, "name": name(resource_id).lower()}[member]


def group_not_found(group: str) -> ArmError:
    """Return ARM's 404 of a resource group."""
    return ArmError(404, "ResourceGroupNotFound", f"Resource group '{group}' could not be found.")


def _everything(call: Call) -> Iterator[tuple[str, str]]:
    compute = call.world.of(ComputeState)
    for table in (compute.machines, compute.disks, compute.images, compute.availability_sets, compute.snapshots):
        yield from ((row.id, row.location) for row in table.values() if not row.gone(call.now))
    for collection in compute.collections.values():
        if not collection.gone(call.now):
            yield collection.id, collection.location
    networks = call.world.of(NetworkState)
    for network in networks.networks.values():
        yield network.id, network.location
    for kind in networks.documents:
        yield from ((row.id, row.location) for row in networks.live(kind, call.now))
    for account in call.world.of(StorageState).accounts.values():
        yield account.id, account.location
    for vault in call.world.of(RecoveryServicesState).vaults.values():
        yield vault.id, vault.location


def _row(call: Call) -> Subscription:
    row = call.world.of(ResourcesState).subscriptions.get(call.names[0].lower())
    if row is None:
        raise ArmError(404, "SubscriptionNotFound", f"The subscription '{call.names[0]}' could not be found.")
    return row


def _subscription(row: Subscription) -> Json:
    return {
        "id": f"/subscriptions/{row.id}",
        "subscriptionId": row.id,
        "tenantId": row.tenant_id,
        "displayName": row.display_name,
        "state": row.state,
        "subscriptionPolicies": {"quotaId": "Internal_2014-09-01", "spendingLimit": "Off"},
        "authorizationSource": "RoleBased",
    }


def _group(row: ResourceGroup) -> Json:
    body: Json = {
        "id": row.id,
        "name": name(row.id),
        "type": "Microsoft.Resources/resourceGroups",
        "location": row.location,
        "tags": dict(row.tags),
        "properties": {"provisioningState": "Succeeded"},
    }
    return body | ({"managedBy": row.managed_by} if row.managed_by else {})
