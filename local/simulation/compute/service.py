"""The routes of Microsoft.Compute, and its registration."""

from local.simulation.arm.call import Handler, Route
from local.simulation.arm.service import Service
from local.simulation.compute import operations, responses, restore_points
from local.simulation.compute.disks import access, making, others
from local.simulation.compute.images import gallery, managed, platform
from local.simulation.compute.state import ComputeState
from local.simulation.compute.virtual_machines import availability_sets, changing, creating, deleting, power, reading

_VERSIONS = (
    *("2021-03-01", "2021-04-01", "2021-07-01", "2021-11-01", "2022-03-01", "2022-08-01", "2022-11-01", "2023-03-01", "2023-07-01"),
    *("2023-09-01", "2024-03-01", "2024-03-03", "2024-07-01", "2024-11-01", "2025-04-01", "2025-11-01", "2026-04-01"),
)
_DISK_VERSIONS = (
    *("2021-04-01", "2021-08-01", "2021-12-01", "2022-03-02", "2022-07-02", "2023-01-02", "2023-04-02", "2023-10-02", "2024-03-02"),
    *("2025-01-02", "2026-03-02"),
)
_SUBSCRIPTION = "/subscriptions/*/providers/microsoft.compute"
_GROUP = "/subscriptions/*/resourcegroups/*/providers/microsoft.compute"
_COLLECTIONS = "Microsoft.Compute/restorePointCollections"


def _route(
    method: str, template: str, operation: str, action: str, handle: Handler, *, disks: bool = False, faults_at: str | None = None
) -> Route:
    kind = action.removesuffix("/action").rsplit("/", 1)[0]
    return Route(method, template.lower(), operation, action, handle, kind, _DISK_VERSIONS if disks else _VERSIONS, faults_at)


_MACHINE = f"{_GROUP}/virtualmachines/*"
_COLLECTION = f"{_GROUP}/restorepointcollections/*"
_POINT = f"{_COLLECTION}/restorepoints/*"
_DISK_POINT = f"{_POINT}/diskrestorepoints/*"
_POINTS = f"{_COLLECTIONS}/restorePoints"
_DISK_POINTS = f"{_POINTS}/diskRestorePoints"
_MACHINES = "Microsoft.Compute/virtualMachines"
_DISKS = "Microsoft.Compute/disks"
_IMAGES = "Microsoft.Compute/images"
_SETS = "Microsoft.Compute/availabilitySets"
_DISK = f"{_GROUP}/disks/*"
_LOCATION = f"{_SUBSCRIPTION}/locations/*"
_VERSIONS_OF_IMAGE = f"{_LOCATION}/publishers/*/artifacttypes/*/offers/*/skus/*/versions"
_GALLERY_IMAGE = f"{_GROUP}/galleries/*/images/*"
_READ_VERSIONS = "Microsoft.Compute/locations/publishers/artifacttypes/offers/skus/versions/read"

_OF_MACHINES = (
    _route("PUT", _MACHINE, "VirtualMachines_CreateOrUpdate", f"{_MACHINES}/write", creating.put_machine, faults_at="create"),
    _route("PATCH", _MACHINE, "VirtualMachines_Update", f"{_MACHINES}/write", changing.patch_machine),
    _route("GET", _MACHINE, "VirtualMachines_Get", f"{_MACHINES}/read", reading.get_machine),
    _route("DELETE", _MACHINE, "VirtualMachines_Delete", f"{_MACHINES}/delete", deleting.delete_machine, faults_at="delete"),
    _route("GET", f"{_GROUP}/virtualmachines", "VirtualMachines_List", f"{_MACHINES}/read", reading.list_machines),
    _route("GET", f"{_SUBSCRIPTION}/virtualmachines", "VirtualMachines_ListAll", f"{_MACHINES}/read", reading.list_machines),
    _route("GET", f"{_MACHINE}/instanceview", "VirtualMachines_InstanceView", f"{_MACHINES}/instanceView/read", reading.get_view),
    _route("GET", f"{_MACHINE}/vmsizes", "VirtualMachines_ListAvailableSizes", f"{_MACHINES}/vmSizes/read", reading.list_sizes_of),
    _route("POST", f"{_MACHINE}/start", "VirtualMachines_Start", f"{_MACHINES}/start/action", power.start, faults_at="start"),
    _route("POST", f"{_MACHINE}/poweroff", "VirtualMachines_PowerOff", f"{_MACHINES}/powerOff/action", power.power_off),
    _route(
        *("POST", f"{_MACHINE}/deallocate", "VirtualMachines_Deallocate", f"{_MACHINES}/deallocate/action", power.deallocate),
        faults_at="deallocate",
    ),
    _route("POST", f"{_MACHINE}/restart", "VirtualMachines_Restart", f"{_MACHINES}/restart/action", power.restart),
    _route("POST", f"{_MACHINE}/generalize", "VirtualMachines_Generalize", f"{_MACHINES}/generalize/action", power.generalize),
    _route(
        "POST",
        f"{_MACHINE}/attachdetachdatadisks",
        "VirtualMachines_AttachDetachDataDisks",
        f"{_MACHINES}/attachDetachDataDisks/action",
        changing.attach_detach,
    ),
    _route("GET", f"{_LOCATION}/vmsizes", "VirtualMachineSizes_List", "Microsoft.Compute/locations/vmSizes/read", reading.list_sizes),
    _route("GET", f"{_SUBSCRIPTION}/skus", "ResourceSkus_List", "Microsoft.Compute/skus/read", reading.list_skus),
    _route("GET", f"{_LOCATION}/usages", "Usage_List", "Microsoft.Compute/locations/usages/read", reading.list_usages),
    _route("GET", _VERSIONS_OF_IMAGE, "VirtualMachineImages_List", _READ_VERSIONS, platform.list_versions),
    _route("GET", f"{_VERSIONS_OF_IMAGE}/*", "VirtualMachineImages_Get", _READ_VERSIONS, platform.get_version),
    _route("PUT", f"{_GROUP}/availabilitysets/*", "AvailabilitySets_CreateOrUpdate", f"{_SETS}/write", availability_sets.put_set),
    _route("GET", f"{_GROUP}/availabilitysets/*", "AvailabilitySets_Get", f"{_SETS}/read", availability_sets.get_set),
    _route("DELETE", f"{_GROUP}/availabilitysets/*", "AvailabilitySets_Delete", f"{_SETS}/delete", availability_sets.delete_set),
    _route("GET", f"{_GROUP}/availabilitysets", "AvailabilitySets_List", f"{_SETS}/read", availability_sets.list_sets),
    _route("GET", f"{_SUBSCRIPTION}/availabilitysets", "AvailabilitySets_ListBySubscription", f"{_SETS}/read", availability_sets.list_sets),
    _route("PUT", f"{_GROUP}/images/*", "Images_CreateOrUpdate", f"{_IMAGES}/write", managed.put_image, faults_at="image"),
    _route("GET", f"{_GROUP}/images/*", "Images_Get", f"{_IMAGES}/read", managed.get_image),
    _route("DELETE", f"{_GROUP}/images/*", "Images_Delete", f"{_IMAGES}/delete", managed.delete_image),
    _route("GET", _GALLERY_IMAGE, "GalleryImages_Get", "Microsoft.Compute/galleries/images/read", gallery.get_definition),
    _route("GET", f"{_GALLERY_IMAGE}/versions/*", "GalleryImageVersions_Get", f"{gallery.VERSION}/read", gallery.get_version),
    _route("GET", f"{_GROUP}/images", "Images_ListByResourceGroup", f"{_IMAGES}/read", managed.list_images),
    _route("GET", f"{_SUBSCRIPTION}/images", "Images_List", f"{_IMAGES}/read", managed.list_images),
)

_SNAPSHOTS = "Microsoft.Compute/snapshots"
_ENCRYPTION_SETS = "Microsoft.Compute/diskEncryptionSets"

_OF_DISKS = (
    _route("GET", f"{_GROUP}/snapshots/*", "Snapshots_Get", f"{_SNAPSHOTS}/read", others.get_snapshot, disks=True),
    _route("GET", f"{_GROUP}/snapshots", "Snapshots_ListByResourceGroup", f"{_SNAPSHOTS}/read", others.list_snapshots, disks=True),
    _route("GET", f"{_SUBSCRIPTION}/snapshots", "Snapshots_List", f"{_SNAPSHOTS}/read", others.list_snapshots, disks=True),
    _route(
        *("GET", f"{_GROUP}/diskencryptionsets/*", "DiskEncryptionSets_Get", f"{_ENCRYPTION_SETS}/read", others.get_encryption_set),
        disks=True,
    ),
    _route("PUT", _DISK, "Disks_CreateOrUpdate", f"{_DISKS}/write", making.put_disk, disks=True, faults_at="disk"),
    _route("PATCH", _DISK, "Disks_Update", f"{_DISKS}/write", making.patch_disk, disks=True),
    _route("GET", _DISK, "Disks_Get", f"{_DISKS}/read", making.get_disk, disks=True),
    _route("DELETE", _DISK, "Disks_Delete", f"{_DISKS}/delete", making.delete_disk, disks=True),
    _route("GET", f"{_GROUP}/disks", "Disks_ListByResourceGroup", f"{_DISKS}/read", making.list_disks, disks=True),
    _route("GET", f"{_SUBSCRIPTION}/disks", "Disks_List", f"{_DISKS}/read", making.list_disks, disks=True),
    _route(*("POST", f"{_DISK}/begingetaccess", "Disks_GrantAccess", f"{_DISKS}/beginGetAccess/action", access.begin_access), disks=True),
    _route("POST", f"{_DISK}/endgetaccess", "Disks_RevokeAccess", f"{_DISKS}/endGetAccess/action", access.end_access, disks=True),
)

ROUTES = (
    *_OF_MACHINES,
    *_OF_DISKS,
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

SERVICE = Service(
    "Microsoft.Compute",
    ROUTES,
    ComputeState,
    lists=(
        "virtualMachines",
        "disks",
        "restorePointCollections",
        "images",
        "availabilitySets",
        "snapshots",
        "diskEncryptionSets",
        "skus",
        "usages",
    ),
)
