"""The routes of Microsoft.Compute, and its registration."""

from local.simulation.arm.call import Handler, Route
from local.simulation.arm.service import Service
from local.simulation.compute import operations, responses, restore_points
from local.simulation.compute.state import ComputeState

_VERSIONS = (
    *("2021-03-01", "2021-04-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01"),
    *("2023-09-01", "2024-03-01", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01"),
)
_DISK_VERSIONS = (
    *("2021-04-01", "2021-08-01", "2021-12-01", "2022-03-02", "2022-07-02", "2023-01-02", "2023-04-02", "2023-10-02", "2024-03-02"),
    *("2025-01-02", "2026-03-02"),
)
_SUBSCRIPTION = "/subscriptions/*/providers/microsoft.compute"
_GROUP = "/subscriptions/*/resourcegroups/*/providers/microsoft.compute"
_COLLECTIONS = "Microsoft.Compute/restorePointCollections"


def _route(method: str, template: str, operation: str, action: str, handle: Handler, *, disks: bool = False) -> Route:
    kind = action.rsplit("/", 1)[0]
    return Route(
        method,
        template.lower(),
        operation,
        action,
        handle,
        kind.removesuffix("/beginGetAccess").removesuffix("/endGetAccess"),
        _DISK_VERSIONS if disks else _VERSIONS,
    )


_MACHINE = f"{_GROUP}/virtualmachines/*"
_COLLECTION = f"{_GROUP}/restorepointcollections/*"
_POINT = f"{_COLLECTION}/restorepoints/*"
_DISK_POINT = f"{_POINT}/diskrestorepoints/*"
_MACHINES_READ = "Microsoft.Compute/virtualMachines/read"
_POINTS = f"{_COLLECTIONS}/restorePoints"
_DISK_POINTS = f"{_POINTS}/diskRestorePoints"

ROUTES = (
    _route("GET", _MACHINE, "VirtualMachines_Get", _MACHINES_READ, responses.get_machine),
    _route(
        "GET",
        f"{_MACHINE}/instanceview",
        "VirtualMachines_InstanceView",
        "Microsoft.Compute/virtualMachines/instanceView/read",
        responses.get_machine_view,
    ),
    _route("GET", f"{_GROUP}/virtualmachines", "VirtualMachines_List", _MACHINES_READ, responses.list_machines),
    _route("GET", f"{_SUBSCRIPTION}/virtualmachines", "VirtualMachines_ListAll", _MACHINES_READ, responses.list_machines),
    _route("GET", f"{_GROUP}/disks/*", "Disks_Get", "Microsoft.Compute/disks/read", responses.get_disk, disks=True),
    _route("GET", f"{_GROUP}/disks", "Disks_ListByResourceGroup", "Microsoft.Compute/disks/read", responses.list_disks, disks=True),
    _route("GET", f"{_SUBSCRIPTION}/disks", "Disks_List", "Microsoft.Compute/disks/read", responses.list_disks, disks=True),
    _route("PUT", _COLLECTION, "RestorePointCollections_CreateOrUpdate", f"{_COLLECTIONS}/write", responses.put_collection),
    _route("PATCH", _COLLECTION, "RestorePointCollections_Update", f"{_COLLECTIONS}/write", responses.patch_collection),
    _route("GET", _COLLECTION, "RestorePointCollections_Get", f"{_COLLECTIONS}/read", responses.get_collection),
    _route("DELETE", _COLLECTION, "RestorePointCollections_Delete", f"{_COLLECTIONS}/delete", responses.delete_collection),
    _route("GET", f"{_GROUP}/restorepointcollections", "RestorePointCollections_List", f"{_COLLECTIONS}/read", responses.list_collections),
    _route(
        "GET",
        f"{_SUBSCRIPTION}/restorepointcollections",
        "RestorePointCollections_ListAll",
        f"{_COLLECTIONS}/read",
        responses.list_collections,
    ),
    _route("PUT", _POINT, "RestorePoints_Create", f"{_POINTS}/write", restore_points.put_point),
    _route("GET", _POINT, "RestorePoints_Get", f"{_POINTS}/read", restore_points.get_point),
    _route("DELETE", _POINT, "RestorePoints_Delete", f"{_POINTS}/delete", restore_points.delete_point),
    _route(
        "GET",
        f"{_POINT}/diskrestorepoints",
        "DiskRestorePoint_ListByRestorePoint",
        f"{_DISK_POINTS}/read",
        responses.list_disk_points,
        disks=True,
    ),
    _route("GET", _DISK_POINT, "DiskRestorePoint_Get", f"{_DISK_POINTS}/read", responses.get_disk_point, disks=True),
    _route(
        "POST",
        f"{_DISK_POINT}/begingetaccess",
        "DiskRestorePoint_GrantAccess",
        f"{_DISK_POINTS}/beginGetAccess/action",
        responses.begin_access,
        disks=True,
    ),
    _route(
        "POST",
        f"{_DISK_POINT}/endgetaccess",
        "DiskRestorePoint_RevokeAccess",
        f"{_DISK_POINTS}/endGetAccess/action",
        responses.end_access,
        disks=True,
    ),
    Route(
        "GET",
        f"{_SUBSCRIPTION}/locations/*/operations/*",
        "Operations_Get",
        None,
        operations.get,
        "Microsoft.Compute/locations/operations",
        (*_VERSIONS, *_DISK_VERSIONS),
    ),
)

SERVICE = Service("Microsoft.Compute", ROUTES, ComputeState, lists=("virtualMachines", "disks", "restorePointCollections"))
