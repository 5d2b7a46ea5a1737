"""What Azure shows of a virtual machine, read from its documents: the model, and the instance view where it was requested."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.arm.reading import own_id, region_of, resource_id
from shared.values.reading import Json, an_object, flag, known_text, last_segment, member, moment, objects, text, texts, whole
from shared.virtual_machines.rules.power import PowerFacts, PowerState, Provisioning

LABEL_TAG = "farshore-label"
"""The tag of an availability set: the deployment's label."""

SLOT_TAG = "farshore-slot"
OWN_TAGS = "farshore-"
"""The prefix of the tags that Farshore writes; answers leave them out."""
_SETTLED = frozenset({"succeeded", "canceled"})
OS_TYPES = ("Windows", "Linux")
GENERATIONS = ("V1", "V2")
SECURITY_TYPES = ("Standard", "TrustedLaunch", "ConfidentialVM")
_CACHINGS = ("None", "ReadOnly", "ReadWrite")
_NOT_SENT = frozenset({"disksizegb", "diskiopsreadwrite", "diskmbpsreadwrite"})
"""Members of a disk in a machine's model that an update does not take, or would set to what they were before the disk grew."""
_POWER = {f"powerstate/{state}": state for state in PowerState}


@dataclass(frozen=True, slots=True)
class AttachedDisk:
    """A disk of a machine as its model shows it; `lun` is None for the OS disk, `id` for an unmanaged one.

    `goes_with_machine` is whether Azure deletes it with the machine (`deleteOption`); `document` is the disk in the machine's model.
    """

    name: str
    id: str | None
    lun: int | None
    size_gb: int | None
    sku: str | None
    caching: str
    goes_with_machine: bool = False
    document: Json = field(default_factory=dict, repr=False, compare=False)

    @property
    def create_option(self) -> str:
        """How the disk came to the machine, which no update may change."""
        return text(self.document, "createOption") or ("FromImage" if self.lun is None else "Attach")

    def changed(self, **members: object) -> dict[str, object]:
        """Return the disk as an update of the machine takes it, with these members changed: Azure resets members that are left out."""
        kept = {name: value for name, value in self.document.items() if name.lower() not in _NOT_SENT and value is not None}
        known = {"lun": self.lun, "name": self.name, "createOption": self.create_option, "managedDisk": {"id": self.id}}
        return known | kept | members


@dataclass(frozen=True, slots=True)
class ViewFacts:
    """What an instance view shows; `changed_at` is when the provisioning status was written last.

    `failure` is Azure's code of a failed provisioning.
    """

    power: PowerState | None = None
    provisioning: str | None = None
    failure: str | None = None
    changed_at: datetime | None = None
    generalized: bool = False
    hibernated: bool = False
    update_domain: int | None = None
    fault_domain: int | None = None
    generation: str | None = None


@dataclass(frozen=True, slots=True)
class MachineFacts:
    """A machine; `view` is None where the instance view was not read."""

    id: str
    name: str
    region: str
    vm_id: str
    etag: str | None
    zone: str | None
    size: str
    tags: Mapping[str, str]
    os_type: str | None
    security_type: str
    priority: str
    managed_by: str | None
    scale_set: str | None
    provisioning: str
    availability_set: str | None
    image: str | None
    computer_name: str | None
    admin_username: str | None
    os_disk: AttachedDisk | None
    data_disks: tuple[AttachedDisk, ...]
    adapters: tuple[str, ...]
    created_at: datetime | None
    ephemeral: bool = False
    view: ViewFacts | None = field(default=None)

    @staticmethod
    def from_arm(body: Json) -> "MachineFacts":
        """Read a `VirtualMachine`, with its instance view where it has one."""
        properties, storage = an_object(body, "properties"), an_object(an_object(body, "properties"), "storageProfile")
        profile, os_disk = an_object(properties, "osProfile"), an_object(storage, "osDisk")
        zones = texts(body, "zones") or ()
        view = an_object(properties, "instanceView")
        return MachineFacts(
            id=own_id(body),
            name=text(body, "name") or last_segment(own_id(body)),
            region=region_of(body),
            vm_id=text(properties, "vmId") or "",
            etag=text(body, "etag"),
            zone=zones[0] if zones else None,
            size=text(an_object(properties, "hardwareProfile"), "vmSize") or "",
            tags=tags_of(body),
            os_type=known_text(os_disk, "osType", OS_TYPES),
            security_type=known_text(an_object(properties, "securityProfile"), "securityType", SECURITY_TYPES) or "Standard",
            priority=text(properties, "priority") or "Regular",
            managed_by=text(body, "managedBy"),
            scale_set=resource_id(an_object(properties, "virtualMachineScaleSet"), "id"),
            provisioning=text(properties, "provisioningState") or "",
            availability_set=resource_id(an_object(properties, "availabilitySet"), "id"),
            image=_image_of(an_object(storage, "imageReference")),
            computer_name=text(profile, "computerName"),
            admin_username=text(profile, "adminUsername"),
            os_disk=_disk_of(os_disk, None) if os_disk else None,
            data_disks=tuple(
                sorted(
                    (_disk_of(disk, lun) for disk in objects(storage, "dataDisks") if (lun := whole(disk, "lun")) is not None),
                    key=lambda disk: disk.lun or 0,
                )
            ),
            adapters=_adapters_of(properties),
            created_at=moment(properties, "timeCreated"),
            ephemeral=text(an_object(os_disk, "diffDiskSettings"), "option") is not None,
            view=view_of(view) if view else None,
        )

    def with_view(self, view: ViewFacts | None) -> "MachineFacts":
        """Return the machine with an instance view that was read on its own."""
        return replace(self, view=view)

    @property
    def resource(self) -> ResourceId:
        """The machine's ARM id."""
        return ResourceId.parse(self.id)

    @property
    def service(self) -> str:
        """The name of its resource group."""
        return self.resource.resource_group

    @property
    def power_state(self) -> PowerState:
        """The power state as answers show it."""
        if self.provisioning.lower() == "creating":
            return PowerState.CREATING
        if self.view is None:
            return PowerState.UNKNOWN
        return PowerState.HIBERNATED if self.view.hibernated else self.view.power or PowerState.UNKNOWN

    @property
    def power(self) -> PowerFacts:
        """What decides about its power."""
        generalized = self.view is not None and self.view.generalized
        return PowerFacts(self.power_state, settled(self.provisioning), generalized)

    @property
    def is_managed_elsewhere(self) -> bool:
        """Whether Farshore changes no more of it than its power: scale sets, managed applications, unmanaged disks."""
        unmanaged = any(disk.id is None for disk in (*self.data_disks, *((self.os_disk,) if self.os_disk else ())))
        return self.scale_set is not None or self.managed_by is not None or (unmanaged and not self.ephemeral)


def settled(provisioning: str) -> Provisioning:
    """Return whether an operation of Azure works on a resource, by its provisioning state; an unknown state counts as one."""
    state = provisioning.lower()
    if state in _SETTLED or not state:
        return Provisioning.SETTLED
    return Provisioning.FAILED if state == "failed" else Provisioning.BUSY


def view_of(view: Json) -> ViewFacts:
    """Read a `VirtualMachineInstanceView`."""
    statuses = objects(view, "statuses")
    codes = [(text(one, "code") or "").lower() for one in statuses]
    provisioning = next((one for one in statuses if (text(one, "code") or "").lower().startswith("provisioningstate/")), {})
    parts = (text(provisioning, "code") or "").split("/")
    failed = len(parts) > 2 and parts[1].lower() == "failed"
    return ViewFacts(
        power=next((_POWER[code] for code in codes if code in _POWER), None),
        provisioning=parts[1] if len(parts) > 1 else None,
        failure="/".join(parts[2:]) if failed else None,
        changed_at=moment(provisioning, "time"),
        generalized="osstate/generalized" in codes,
        hibernated="hibernationstate/hibernated" in codes,
        update_domain=whole(view, "platformUpdateDomain"),
        fault_domain=whole(view, "platformFaultDomain"),
        generation=known_text(view, "hyperVGeneration", GENERATIONS),
    )


def tags_of(body: Json) -> dict[str, str]:
    """Return a resource's tags."""
    return {name: value for name, value in an_object(body, "tags").items() if isinstance(value, str)}


def shown_tags(tags: Mapping[str, str]) -> dict[str, str]:
    """Return the tags that answers show: those that Farshore does not write."""
    return {name: value for name, value in tags.items() if not name.lower().startswith(OWN_TAGS)}


def by_key(machines: Iterable[MachineFacts]) -> dict[str, MachineFacts]:
    """Return machines by the form of their ids that is compared."""
    return {machine.resource.key: machine for machine in machines}


def _adapters_of(properties: Json) -> tuple[str, ...]:
    """Return the ids of a machine's adapters, the primary one first."""
    listed = objects(an_object(properties, "networkProfile"), "networkInterfaces")
    ordered = sorted(listed, key=lambda one: flag(an_object(one, "properties"), "primary") is not True)
    return tuple(found for one in ordered if (found := resource_id(one, "id")) is not None)


def _disk_of(body: Json, lun: int | None) -> AttachedDisk:
    managed = an_object(body, "managedDisk")
    return AttachedDisk(
        name=text(body, "name") or last_segment(resource_id(managed, "id")),
        id=resource_id(managed, "id"),
        lun=lun,
        size_gb=whole(body, "diskSizeGB"),
        sku=text(managed, "storageAccountType"),
        caching=known_text(body, "caching", _CACHINGS) or "None",
        goes_with_machine=(text(body, "deleteOption") or "").lower() == "delete",
        document=body,
    )


def _image_of(reference: Json) -> str | None:
    found = resource_id(reference, "id")
    if found is not None:
        return found
    parts = [value for name in ("publisher", "offer", "sku") if isinstance(value := member(reference, name), str)]
    exact = text(reference, "exactVersion", "version")
    return ":".join([*parts, *([exact] if exact else [])]) or None
