"""VM roles and the gallery: groups of equal machines that are scaled as one."""

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack.quotas import cloud_of
from local.simulation.azure_pack.request import APIS, Handler, PackAnswer, PackCall, Refusal
from local.simulation.azure_pack.routes import Route
from local.simulation.azure_pack.service_api import subscription_of
from local.simulation.azure_pack.state import shown
from local.simulation.ids import derived

_VERSION = "2013-03"


def _versioned(handler: Handler) -> Handler:
    """Refuse a request without the one api-version."""

    def handle(call: PackCall) -> PackAnswer:
        if call.request.query.get("api-version") != _VERSION:
            raise Refusal(400, "MissingOrIncorrectVersionHeader", f"The api-version must be {_VERSION}.")
        return handler(call)

    return handle


def _items(call: PackCall) -> PackAnswer:
    subscription_of(call)
    return PackAnswer(body=[shown(row) for row in call.state.gallery.values()])


def _item(call: PackCall) -> PackAnswer:
    subscription_of(call)
    row = call.state.gallery.get(call.names["item"].lower())
    if row is None:
        raise Refusal(404, "ResourceNotFound", f"The gallery item {call.names['item']} was not found.")
    return PackAnswer(body=shown(row))


def _id(call: PackCall, *names: str) -> str:
    return "/".join((subscription_of(call)["SubscriptionID"], *names)).lower()


def _row(call: PackCall, *names: str) -> Json:
    row = call.state.roles.get(_id(call, *names))
    if row is None:
        raise Refusal(404, "ResourceNotFound", f"{'/'.join(names)} was not found.")
    return row


def _below(call: PackCall, kind: str, *names: str) -> list[Json]:
    prefix = _id(call, *names) + "/"
    return [row for row in call.state.roles.values() if row["_kind"] == kind and row["id"].startswith(prefix)]


def _view(row: Json) -> Json:
    return {name: value for name, value in shown(row).items() if name != "id"}


def _services(call: PackCall) -> PackAnswer:
    return PackAnswer(body=[_view(row) for row in _below(call, "service")])


def _create_service(call: PackCall) -> PackAnswer:
    name = str(call.body.get("Name") or "")
    if call.state.roles.get(_id(call, name)) is not None:
        raise Refusal(409, "ResourceConflict", f"The cloud service {name} exists already.")
    row = {"id": _id(call, name), "_kind": "service", "Name": name, "Label": call.body.get("Label"), "ProvisioningState": "Provisioned"}
    return PackAnswer(201, _view(row), changes=(call.state.put("roles", row),))


def _delete_service(call: PackCall) -> PackAnswer:
    service = _row(call, call.names["service"])
    changes: list[Change] = [call.state.remove("roles", service)]
    for role in _below(call, "role", call.names["service"]):
        changes += [call.state.remove("roles", role), *_machines_removed(call, role)]
    return PackAnswer(202, changes=tuple(changes))


def _roles(call: PackCall) -> PackAnswer:
    _row(call, call.names["service"])
    return PackAnswer(body=[_view(row) for row in _below(call, "role", call.names["service"])])


def _role(call: PackCall) -> Json:
    return _row(call, call.names["service"], call.names["role"])


def _get_role(call: PackCall) -> PackAnswer:
    return PackAnswer(body=_view(_role(call)))


def _create_role(call: PackCall) -> PackAnswer:
    _row(call, call.names["service"])
    body, name = call.body, str(call.body.get("Name") or "")
    id_ = _id(call, call.names["service"], name)
    if call.state.roles.get(id_) is not None:
        raise Refusal(409, "ResourceConflict", f"The VM role {name} exists already.")
    count = int(body.get("InstanceCount") or 1)
    row = {
        "id": id_,
        "_kind": "role",
        "Name": name,
        "Label": body.get("Label"),
        "InstanceCount": count,
        "ProvisioningState": "Provisioned",
        "ScaleOutSettings": {"InitialInstanceCount": count, "MinimumInstanceCount": "1", "MaximumInstanceCount": "5"},
    }
    return PackAnswer(201, _view(row), changes=(call.state.put("roles", row), *_scaled(call, row, count)))


def _scale(call: PackCall) -> PackAnswer:
    row, count = _role(call), int(call.body.get("InstanceCount") or 0)
    if not 1 <= count <= 5:
        raise Refusal(400, "InvalidInput", f"InstanceCount {count} is not between 1 and 5.")
    changed = row | {"InstanceCount": count}
    return PackAnswer(202, changes=(call.state.put("roles", changed), *_scaled(call, changed, count)))


def _delete_role(call: PackCall) -> PackAnswer:
    row = _role(call)
    return PackAnswer(202, changes=(call.state.remove("roles", row), *_machines_removed(call, row)))


def _vms(call: PackCall) -> PackAnswer:
    return PackAnswer(
        body=[
            {"Id": each["ID"], "ComputerName": each["ComputerName"], "RunTimeState": each["StatusString"]}
            for each in _machines(call, _role(call))
        ]
    )


def _repair(call: PackCall) -> PackAnswer:
    machine = next((each for each in _machines(call, _role(call)) if each["ID"].lower() == call.names["vm"].lower()), None)
    if machine is None:
        raise Refusal(404, "ResourceNotFound", f"The machine {call.names['vm']} was not found.")
    return PackAnswer(202, changes=(call.state.put_entity("VirtualMachines", machine | {"StatusString": "Running"}),))


def _machines(call: PackCall, role: Json) -> list[Json]:
    return [each for each in call.state.entities("VirtualMachines") if each.get("_role") == role["id"]]


def _machines_removed(call: PackCall, role: Json) -> list[Change]:
    return [call.state.remove_entity("VirtualMachines", each) for each in _machines(call, role)]


def _scaled(call: PackCall, role: Json, count: int) -> list[Change]:
    """Return the changes that give a role as many machines; the newest go first."""
    there = _machines(call, role)
    if len(there) > count:
        return [call.state.remove_entity("VirtualMachines", each) for each in there[count:]]
    subscription = subscription_of(call)
    cloud = call.state.entity("Clouds", cloud_of(call.state, subscription) or "")
    stamp = "" if cloud is None else cloud["StampId"]
    return [
        call.state.put_entity("VirtualMachines", _machine(role, subscription, stamp, number)) for number in range(len(there) + 1, count + 1)
    ]


def _machine(role: Json, subscription: Json, stamp: str, number: int) -> Json:
    user, id_ = subscription["AccountAdminLiveEmailId"], subscription["SubscriptionID"]
    name = f"{role['Name']}-{number}"
    return {
        "ID": derived("role machine", role["id"], str(number)),
        "StampId": stamp,
        "Name": name,
        "ComputerName": name,
        "StatusString": "Running",
        "CPUCount": 1,
        "Memory": "1024",
        "TotalSize": str(20 << 30),
        "Owner": {"UserName": user, "RoleName": f"{user}_{id_}", "RoleID": id_},
        "CloudVMRoleName": role["Name"],
        "_role": role["id"],
        "_integration": True,
    }


_BASE = r"/(?P<subscription>[0-9a-f-]{36})"
_SERVICE = rf"{_BASE}/CloudServices/(?P<service>[^/]+)"
_ROLES = rf"{_SERVICE}/Resources/MicrosoftCompute/VMRoles"
_ROLE = rf"{_ROLES}/(?P<role>[^/]+)"
ROUTES = tuple(
    Route(APIS, method, path, _versioned(handler))
    for method, path, handler in (
        ("GET", rf"{_BASE}/Gallery/GalleryItems", _items),
        ("GET", rf"{_BASE}/Gallery/GalleryItems/(?P<item>[^/]+)", _item),
        ("GET", rf"{_BASE}/CloudServices", _services),
        ("POST", rf"{_BASE}/CloudServices", _create_service),
        ("DELETE", _SERVICE, _delete_service),
        ("GET", _ROLES, _roles),
        ("POST", _ROLES, _create_role),
        ("GET", _ROLE, _get_role),
        ("DELETE", _ROLE, _delete_role),
        ("POST", rf"{_ROLE}/Scale", _scale),
        ("GET", rf"{_ROLE}/VMs", _vms),
        ("POST", rf"{_ROLE}/VMs/(?P<vm>[^/]+)/Repair", _repair),
    )
)
