"""VMM over OData: sets and keys, filters, pages, and the writes that begin jobs."""

import re
from collections.abc import Callable, Iterator
from urllib.parse import quote

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack import jobs, machines
from local.simulation.azure_pack.filters import condition
from local.simulation.azure_pack.quotas import DIMENSIONS, cloud_of
from local.simulation.azure_pack.request import APIS, Listener, PackAnswer, PackCall, Refusal
from local.simulation.azure_pack.routes import Route
from local.simulation.azure_pack.service_api import SUSPENDED, subscription_of
from local.simulation.azure_pack.state import shown
from local.simulation.azure_pack.usage import used_by
from local.simulation.ids import derived
from local.simulation.times import to_text

_PAGE = 50
_INNER = "https://inner-vmm.pack.local:8090/SC2012R2/VMM/Microsoft.Management.Odata.svc"
_PART = re.compile(r"\s*(ID|StampId)\s*=\s*guid'\{?([0-9a-f-]{36})\}?'\s*", re.IGNORECASE)
SETS = frozenset(
    {
        *("Clouds", "VMTemplates", "VirtualHardDisks", "HardwareProfiles", "LogicalNetworks", "VMNetworks", "VMSubnets"),
        *("StaticIPAddressPools", "VMNetworkGateways", "NATConnections", "NATRules", "VirtualMachines", "VMCheckPoints"),
    }
)
#: What a tenant can make at once, without a job.
_SIMPLE = frozenset({"VMNetworks", "VMSubnets", "StaticIPAddressPools", "NATRules"})


def subscription(call: PackCall) -> Json | None:
    """Return the subscription of the path, None on the administrator's service of all; raises `Refusal`."""
    if "subscription" not in call.names:
        return None
    row = subscription_of(call)
    if row["State"] == SUSPENDED and not call.state.setting("suspendedAllowsAdmin"):
        raise Refusal(403, "SubscriptionSuspended", "The subscription is suspended.")
    return row


def _set(call: PackCall) -> str:
    wanted = call.names["set"].lower()
    found = next((each for each in (*SETS, "Jobs", "QuotaAndUsageComponents") if each.lower() == wanted), None)
    if found is None:
        raise Refusal(404, "ResourceNotFound", f"Resource not found for the segment '{call.names['set']}'.", vmm=True)
    return found


def entities(call: PackCall, name: str) -> Iterator[Json]:
    """Return what the caller sees of a set."""
    row = subscription(call)
    if name == "Jobs":
        rows = (job for job in call.state.jobs.values() if not jobs.is_hidden(job, call.now))
        yield from (jobs.view(job, call.now) for job in rows if row is None or job["_subscription"] == row["SubscriptionID"].lower())
        return
    if name == "QuotaAndUsageComponents":
        yield from _usage(call, row)
        return
    cloud = None if row is None else cloud_of(call.state, row)
    for entity in call.state.entities(name):
        if row is None or _belongs(call, name, entity, row, cloud):
            yield entity


def _belongs(call: PackCall, name: str, entity: Json, row: Json, cloud: str | None) -> bool:
    id_ = str(row["SubscriptionID"]).lower()
    if name == "VirtualMachines":
        return str((entity.get("Owner") or {}).get("RoleID", "")).lower() == id_
    if name == "VMCheckPoints":
        machine = call.state.entity("VirtualMachines", entity["VMId"])
        return machine is not None and _belongs(call, "VirtualMachines", machine, row, cloud)
    if name == "Clouds":
        return cloud is not None and str(entity["ID"]).lower() == cloud
    if name == "VMTemplates":
        return cloud is not None and str(entity.get("CloudID", "")).lower() == cloud
    return entity.get("_subscription") in (None, id_)


def _usage(call: PackCall, row: Json | None) -> Iterator[Json]:
    if row is None:
        return
    used, limits = used_by(call.state.machines_of(row["SubscriptionID"])), row.get("_inForce") or {}
    for dimension in DIMENSIONS:
        yield {
            "CloudId": cloud_of(call.state, row),
            "QuotaDimension": dimension,
            "UserRoleQuota": limits.get(dimension),
            "UserRoleUsage": str(used[dimension]),
        }


def _one(call: PackCall, name: str) -> Json:
    """Return the entity that the path's key names; raises `Refusal` 400 for no key, 404."""
    parts = [_PART.fullmatch(part) for part in call.names["key"].split(",")]
    values = {found[1].lower(): found[2].lower() for found in parts if found is not None}
    if set(values) != {"id", "stampid"} or len(parts) != 2:
        raise Refusal(400, "BadRequest", f"Bad Request - Error in query syntax: '{call.names['key']}'.", vmm=True)
    for entity in entities(call, name):
        if (entity["ID"].lower(), entity["StampId"].lower()) == (values["id"], values["stampid"]):
            return entity
    raise Refusal(404, "ResourceNotFound", f"Resource not found for the segment '{name}'.", vmm=True)


# reading


def _list(call: PackCall) -> PackAnswer:
    name = _set(call)
    found = list(entities(call, name))
    query = call.request.query
    ignored = name == "VirtualMachines" and "subscription" not in call.names and not call.state.setting("adminFiltersMachines")
    if "$filter" in query and not ignored:
        try:
            holds = condition(query["$filter"])
        except ValueError as problem:
            raise Refusal(400, "BadRequest", f"Bad Request - Error in query syntax: {problem}.", vmm=True) from None
        found = [each for each in found if holds(each)]
    skip, top = int(query.get("$skip", "0")), int(query.get("$top", str(len(found))))
    page = found[skip : skip + min(_PAGE, top)]
    body: Json = {"odata.metadata": f"{_INNER}/$metadata#{name}", "value": [_view(call, name, each) for each in page]}
    if len(page) < min(top, len(found) - skip):
        rest = {**query, "$skip": str(skip + _PAGE)} | ({"$top": str(top - _PAGE)} if "$top" in query else {})
        body["odata.nextLink"] = f"{_INNER}/{name}?" + "&".join(f"{key}={quote(value)}" for key, value in rest.items())
    return PackAnswer(body=body)


def _get(call: PackCall) -> PackAnswer:
    name = _set(call)
    return PackAnswer(body={"odata.metadata": f"{_INNER}/$metadata#{name}/@Element"} | _view(call, name, _one(call, name)))


def _navigate(call: PackCall) -> PackAnswer:
    name = _set(call)
    parts = machines.parts(_one(call, name))
    if call.names["part"] not in parts:
        raise Refusal(404, "ResourceNotFound", f"Resource not found for the segment '{call.names['part']}'.", vmm=True)
    return PackAnswer(body={"odata.metadata": f"{_INNER}/$metadata", "value": parts[call.names["part"]]})


def _view(call: PackCall, name: str, entity: Json) -> Json:
    body = shown(entity)
    if name == "VirtualMachines":
        wanted = [each.strip() for each in call.request.query.get("$expand", "").split(",")]
        body |= {part: value for part, value in machines.parts(entity).items() if part in wanted}
    return body


# writing


def _create(call: PackCall) -> PackAnswer:
    name, row = _set(call), subscription(call)
    if name == "VirtualMachines":
        return _begun(call, row, machines.create(call, row), created=True)
    if name == "VMCheckPoints":
        machine = _by_id(call, "VirtualMachines", call.body.get("VMId"))
        return _begun(call, row, machines.create_checkpoint(call, machine), created=True)
    if name not in _SIMPLE:
        raise Refusal(405, "MethodNotAllowed", f"{name} does not take POST.", vmm=True)
    body = call.body
    if not body.get("StampId") or not body.get("Name"):
        raise Refusal(400, "BadRequest", "StampId and Name are required.", vmm=True)
    _check_parent(call, name, body)
    entity = {
        **body,
        "ID": derived("vmm", name, str(body["Name"]), str(len(call.state.objects)), to_text(call.now)),
        "_subscription": None if row is None else row["SubscriptionID"].lower(),
    }
    return PackAnswer(201, shown(entity), changes=(call.state.put_entity(name, entity),))


def _check_parent(call: PackCall, name: str, body: Json) -> None:
    parents = {
        "VMNetworks": ("LogicalNetworks", "LogicalNetworkId"),
        "VMSubnets": ("VMNetworks", "VMNetworkId"),
        "StaticIPAddressPools": ("VMSubnets", "VMSubnetId"),
        "NATRules": ("NATConnections", "NATConnectionId"),
    }
    parent, member = parents[name]
    _by_id(call, parent, body.get(member))
    if name == "NATRules":
        wanted = (body[member], body.get("ExternalPort"))
        if any((each["NATConnectionId"], each["ExternalPort"]) == wanted for each in call.state.entities(name)):
            raise Refusal(409, "PortInUse", f"The external port {body.get('ExternalPort')} is in use.", vmm=True)


def _by_id(call: PackCall, name: str, id_: object) -> Json:
    found = next((each for each in entities(call, name) if each["ID"].lower() == str(id_).lower()), None)
    if found is None:
        raise Refusal(400, "BadRequest", f"There is no object {id_} in {name}.", vmm=True)
    return found


def _change(call: PackCall) -> PackAnswer:
    name, row = _set(call), subscription(call)
    entity = _one(call, name)
    if name == "VirtualMachines":
        return _begun(call, row, machines.change(call, entity))
    if name == "VMCheckPoints" and call.body.get("VMCheckPointAction") == "Restore":
        return _begun(call, row, machines.restore(call, _by_id(call, "VirtualMachines", entity["VMId"])))
    raise Refusal(405, "MethodNotAllowed", f"{name} does not take {call.request.method}.", vmm=True)


def _delete(call: PackCall) -> PackAnswer:
    name, row = _set(call), subscription(call)
    entity = _one(call, name)
    if name == "VirtualMachines":
        return _begun(call, row, machines.delete(call, entity))
    if name == "VMCheckPoints":
        work = jobs.Work("Remove virtual machine checkpoint", name, entity, becomes=None, undoes={})
        return _begun(call, row, machines.Begun(work))
    if name not in _SIMPLE:
        raise Refusal(405, "MethodNotAllowed", f"{name} does not take DELETE.", vmm=True)
    return PackAnswer(204, changes=(call.state.remove_entity(name, entity),))


def _begun(call: PackCall, row: Json | None, begun: "machines.Begun", *, created: bool = False) -> PackAnswer:
    """Return the answer to a write that began a job: 201, 204, or 200 with `Prefer: return-content`; the header names the job.

    Without `RunAsynchronously` VMM answers when the job has ended, for which no time passes here.
    """
    id_ = None if row is None else row["SubscriptionID"].lower()
    job = jobs.begin(call.state, call.now, begun.work, id_, call.fault, waited_for=not call.flag("RunAsynchronously"))
    name, target = begun.work.target_set, begun.work.target | begun.now | {"MostRecentTaskId": job["ID"], "_busy": True}
    changes: tuple[Change, ...] = (call.state.put("jobs", job), call.state.put_entity(name, target))
    headers = {"x-ms-request-id": job["ID"]}
    if created:
        return PackAnswer(201, shown(target), headers=headers, changes=changes)
    if "return-content" in call.request.headers.get("prefer", ""):
        return PackAnswer(200, shown(target), headers=headers, changes=changes)
    return PackAnswer(204, headers=headers, changes=changes)


_TENANT = r"/(?P<subscription>[0-9a-f-]{36})/services/systemcenter/vmm"
_ADMIN = r"/services/systemcenter/SC2012R2/VMM/Microsoft\.Management\.Odata\.svc"
_KEY = r"/(?P<set>\w+)\((?P<key>[^()]+)\)"
_HANDLERS: tuple[tuple[str, str, Callable[[PackCall], PackAnswer], frozenset[str]], ...] = (
    ("GET", r"/(?P<set>\w+)(?:\(\))?", _list, frozenset()),
    ("POST", r"/(?P<set>\w+)(?:\(\))?", _create, jobs.FAULTS),
    ("GET", _KEY, _get, frozenset()),
    ("GET", _KEY + r"/(?P<part>\w+)", _navigate, frozenset()),
    ("PUT", _KEY, _change, jobs.FAULTS),
    ("MERGE", _KEY, _change, jobs.FAULTS),
    ("DELETE", _KEY, _delete, jobs.FAULTS),
)
ROUTES = tuple(
    Route(listeners, method, base + path, handle, faults)
    for listeners, base in ((APIS, _TENANT), (frozenset({Listener.ADMIN}), _ADMIN))
    for method, path, handle, faults in _HANDLERS
)
