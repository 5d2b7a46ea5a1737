"""`POST /tenants/{tenant}/virtual-machines`: a new machine, with its disks and ports.

What a field or the body alone shows is refused here; what depends on Azure, the hosting plan or the registry is in the service.
"""

from collections.abc import Iterator, Mapping
from typing import Annotated, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Discriminator, Field, StrictInt, StrictStr, Tag, ValidationInfo, model_validator

from shared.secrets.requests import SecretInput
from shared.values.documents import Request
from shared.virtual_machines.requests.fields import (
    ANY_SOURCE,
    DiskOrSnapshotId,
    Flag,
    GroupName,
    ImageNameOrId,
    Label,
    LocalPort,
    Lun,
    MachineName,
    NameOrId,
    Path,
    PortName,
    PublicPort,
    RegionName,
    ResourceName,
    SizeName,
    Sku,
    Source,
    SshKeys,
    StorageAccountId,
    SubnetId,
    SubscriptionId,
    Tags,
    refuse,
    refuse_fields,
)
from shared.virtual_machines.requests.stored import is_stored
from shared.virtual_machines.rules.disks import LARGEST_DISK_GB, LARGEST_OS_DISK_GB, Caching, caching_problem, repeated_luns
from shared.virtual_machines.rules.names import OsType
from shared.virtual_machines.rules.passwords import common_password_problem
from shared.virtual_machines.rules.ports import MOST_PORTS, OpenPort, Protocol, repeated_ports

MOST_DATA_DISKS = 64
_NOT_OFFERED = frozenset({"ultrassd_lrs", "premiumv2_lrs"})
_WAYS = ("sizeGB", "existing", "source")


class BlobSource(Request):
    """A page blob with a virtual hard disk, in one of the tenant's storage accounts."""

    blob_uri: Annotated[StrictStr, Field(min_length=1, max_length=2_048)]
    storage_account_id: StorageAccountId


class DiskSource(Request):
    """A disk or a snapshot of the tenant."""

    id: DiskOrSnapshotId


def _kind_of_source(value: object) -> str:
    return "disk" if isinstance(value, DiskSource) or (isinstance(value, Mapping) and "id" in value) else "blob"


DiskContent = Annotated[Annotated[BlobSource, Tag("blob")] | Annotated[DiskSource, Tag("disk")], Discriminator(_kind_of_source)]
"""What a disk or an image is made from."""


class DataDisk(Request):
    """A data disk: new by its size, existing by its name, or from a source."""

    lun: Lun | None = None
    name: ResourceName | None = None
    sku: Sku | None = None
    caching: Caching = Caching.NONE
    size_gb: Annotated[StrictInt, Field(ge=1, le=LARGEST_DISK_GB)] | None = Field(None, alias="sizeGB")
    existing: NameOrId | None = None
    source: DiskContent | None = None

    @model_validator(mode="after")
    def _fits(self) -> "DataDisk":
        refuse_fields("dataDisk", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if self.existing is not None and self.source is not None:
            yield ("source",), "Give one of existing and source."
        if self.existing is None and self.source is None and self.size_gb is None:
            yield (), f"Give one of {', '.join(_WAYS)}."
        if self.existing is not None:
            for field, given in (("name", self.name), ("sku", self.sku)):
                if given is not None:
                    yield (field,), "An existing disk has its own. Leave it out."
        yield from source_problems(self.source)
        if (problem := sku_problem(self.sku)) is not None:
            yield ("sku",), problem
        if (problem := caching_problem(self.caching, self.size_gb)) is not None:
            yield ("caching",), problem


def _sources(values: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
    if not values:
        raise refuse("The list is empty. Leave it out to allow any address of the internet.")
    if ANY_SOURCE in values and len(values) > 1 and not is_stored(info):
        raise refuse(f"{ANY_SOURCE} allows any address of the internet, and cannot be combined with addresses.")
    return values


class Port(Request):
    """A port of a machine on its public address."""

    name: PortName
    protocol: Protocol
    port: PublicPort
    local_port: LocalPort
    allowed_sources: Annotated[tuple[Source, ...], Field(max_length=50), AfterValidator(_sources)] = (ANY_SOURCE,)


class OsDisk(Request):
    """The disk with the operating system: a new one of the image, or an existing specialized one."""

    size_gb: Annotated[StrictInt, Field(ge=1, le=LARGEST_OS_DISK_GB)] | None = Field(None, alias="sizeGB")
    sku: Sku | None = None
    caching: Caching = Caching.READ_WRITE
    existing: NameOrId | None = None
    os_type: OsType | None = None

    @model_validator(mode="after")
    def _fits(self) -> "OsDisk":
        refuse_fields("osDisk", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if self.existing is None and self.os_type is not None:
            yield ("osType",), "The image has its own. Leave it out."
        if self.existing is not None:
            for field, given in (("sizeGB", self.size_gb), ("sku", self.sku)):
                if given is not None:
                    yield (field,), "An existing disk has its own. Leave it out."
        if (problem := sku_problem(self.sku)) is not None:
            yield ("sku",), problem


class Deployment(Request):
    """The deployment that the machine joins; it is created if it does not exist."""

    name: ResourceName
    slot: Literal["Production", "Staging"] | None = None
    label: Label | None = None
    update_domain_count: Annotated[StrictInt, Field(ge=1, le=20)] | None = None
    fault_domain_count: Annotated[StrictInt, Field(ge=1, le=3)] | None = None


class MarketplaceImage(Request):
    """An image of the marketplace; `version` may be `latest`."""

    publisher: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    offer: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    sku: Annotated[StrictStr, Field(min_length=1, max_length=128)]
    version: Annotated[StrictStr, Field(min_length=1, max_length=64)]


def _kind_of_image(value: object) -> str:
    return "reference" if isinstance(value, Mapping | MarketplaceImage) else "name"


ImageChoice = Annotated[
    Annotated[ImageNameOrId, Tag("name")] | Annotated[MarketplaceImage, Tag("reference")], Discriminator(_kind_of_image)
]
"""An image by name or ARM id, or one of the marketplace."""


class CreateMachine(Request):
    """A new machine."""

    name: MachineName
    service: GroupName
    subscription_id: SubscriptionId | None = None
    region: RegionName | None = None
    deployment: Deployment | None = None
    zone: Literal["1", "2", "3"] | None = None
    size: SizeName
    security_type: Literal["Standard", "TrustedLaunch"] = "Standard"
    image: ImageChoice | None = None
    os_disk: OsDisk = Field(default_factory=lambda: OsDisk.model_validate({}))
    data_disks: Annotated[tuple[DataDisk, ...], Field(max_length=MOST_DATA_DISKS)] = ()
    computer_name: MachineName | None = None
    admin_username: Annotated[StrictStr, Field(min_length=1, max_length=64)] | None = None
    admin_password: SecretInput | None = None
    ssh_public_keys: SshKeys = ()
    subnet_id: SubnetId | None = None
    ports: Annotated[tuple[Port, ...], Field(max_length=MOST_PORTS)] = ()
    tags: Tags = Field(default_factory=dict)
    keep_on_failure: Flag = False

    @model_validator(mode="after")
    def _fits(self) -> "CreateMachine":
        refuse_fields("machine", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if self.zone is not None and self.deployment is not None:
            yield ("zone",), "Machines of a deployment are in no zone: Azure allows either. Leave one of both out."
        yield from self._source_problems()
        for place in repeated_luns([disk.lun for disk in self.data_disks]):
            yield ("dataDisks", place, "lun"), "Another disk of this body has the same number. Give each its own."
        for place, member in repeated_ports([OpenPort(port.protocol, port.port, port.local_port) for port in self.ports]):
            yield ("ports", place, member), "Another port of this body has the same protocol and number."
        named = [port.name.lower() for port in self.ports]
        for place, name in enumerate(named):
            if name in named[:place]:
                yield ("ports", place, "name"), "Another port of this body has this name."

    def _source_problems(self) -> Iterator[tuple[Path, str]]:
        """Yield what is wrong with the image, the existing disk and the administrator."""
        if (self.image is None) == (self.os_disk.existing is None):
            yield ("image",), "Give either image or osDisk.existing."
        administrator = (
            ("computerName", self.computer_name),
            ("adminUsername", self.admin_username),
            ("adminPassword", self.admin_password),
            ("sshPublicKeys", self.ssh_public_keys or None),
        )
        if self.os_disk.existing is not None:
            for field, given in administrator:
                if given is not None:
                    yield (field,), "An existing disk has its own administrator and computer name. Leave it out."
            return
        if self.admin_username is None:
            yield ("adminUsername",), "This field is required with an image."
        if self.admin_password is None and not self.ssh_public_keys:
            yield ("adminPassword",), "Give a password, or for Linux sshPublicKeys."
        yield from secret_problems(("adminPassword",), self.admin_password)


def secret_problems(path: Path, password: SecretInput | None) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with a password that no operating system takes; a reference is checked when it is read."""
    if password is not None and password.value is not None:
        problem = common_password_problem(password.value.reveal())
        if problem is not None:
            yield path, problem


def sku_problem(sku: str | None) -> str | None:
    """Return why a type of disk is not offered, or None."""
    return f"Disks of the type {sku} are not offered." if sku is not None and sku.lower() in _NOT_OFFERED else None


def source_problems(source: BlobSource | DiskSource | None) -> Iterator[tuple[Path, str]]:
    """Yield what is wrong with the blob that a disk or an image is made from."""
    if isinstance(source, BlobSource):
        problem = _blob_problem(source.blob_uri, source.storage_account_id)
        if problem is not None:
            yield ("source", "blobUri"), problem


def _blob_problem(uri: str, account: str) -> str | None:
    try:
        parts = urlsplit(uri)
        host, port = (parts.hostname or "").lower(), parts.port
    except ValueError:
        return "This is not a URL."
    if "?" in uri or "#" in uri:
        return "The URL of a blob has no query here, such as a SAS. Leave it out."
    if parts.scheme != "https" or parts.username is not None or port is not None or not parts.path.lower().endswith(".vhd"):
        return "This must be the https URL of a page blob whose name ends in .vhd."
    if not host.startswith(f"{account.rpartition('/')[2].lower()}.blob."):
        return "This blob is not in the account that storageAccountId names."
    return None
