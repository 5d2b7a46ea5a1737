"""What Azure offers in a region: sizes, fault domains and images. Lists of sizes are kept for an hour."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from shared.arm import reading
from shared.arm.api_versions import COMPUTE, GALLERIES, IMAGES, SKUS
from shared.arm.clients import AzureClients, Locations
from shared.arm.ids import ResourceId
from shared.arm.reading import own_id
from shared.clock import Clock
from shared.errors import CallFailure, FailureKind
from shared.values.reading import Json, an_object, known_text, last_segment, objects, same_text, text, texts, whole
from shared.virtual_machines.facts import GENERATIONS, OS_TYPES
from shared.virtual_machines.rules.sizes import SizeFacts

_KEPT_SECONDS: Final = 3600.0
_MOST_KEPT: Final = 200
LATEST: Final = "latest"
_FAULT_DOMAINS: Final = 2


@dataclass(frozen=True, slots=True)
class Region:
    """What a subscription can use in a region."""

    sizes: tuple[SizeFacts, ...]
    fault_domains: int


@dataclass(frozen=True, slots=True)
class ImageFacts:
    """An image: `reference` is what a machine's PUT names it by; `luns` are those of its own data disks.

    `size_gb`, `region` and `subscription_id` are None where they are not known or do not matter, as those of an image of the platform.
    `regions` are those that a version of a gallery image is replicated to. `specialized` is whether it cannot be given an administrator.
    """

    reference: dict[str, str]
    os_type: str
    generation: str
    size_gb: int | None = None
    region: str | None = None
    trusted_launch: bool = True
    needs_plan: bool = False
    luns: tuple[int, ...] = ()
    subscription_id: str | None = None
    regions: tuple[str, ...] = ()
    specialized: bool = False


class Catalogue:
    """Reads what Azure offers. Every failure is a `CallFailure`."""

    def __init__(self, clients: AzureClients, clock: Clock) -> None:
        self._clients = clients
        self._clock = clock
        self._regions: dict[tuple[str, str], tuple[float, Region]] = {}
        self._locations = Locations(clients, clock)

    async def locations(self, subscription_id: str) -> frozenset[str]:
        """Return the names of a subscription's locations."""
        return await self._locations.of(subscription_id)

    async def region(self, subscription_id: str, region: str) -> Region:
        """Return what a subscription can use in a region."""
        key = (subscription_id, region)
        kept = self._regions.get(key)
        if kept is not None and self._clock.monotonic() - kept[0] < _KEPT_SECONDS:
            return kept[1]
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/skus"
        listed = await self._clients.read_all(path, api_version=SKUS, params={"$filter": f"location eq '{region}'"})
        found = region_of(listed, region)
        if len(self._regions) >= _MOST_KEPT:
            self._regions.clear()
        self._regions[key] = (self._clock.monotonic(), found)
        return found

    async def sizes_of(self, machine: ResourceId) -> tuple[str, ...]:
        """Return the names of the sizes that a machine can have without being deallocated."""
        listed = await self._clients.read_all(f"{machine}/vmSizes", api_version=COMPUTE)
        return tuple(name for one in listed if (name := text(one, "name")) is not None)

    async def platform_image(self, subscription_id: str, region: str, reference: dict[str, str]) -> ImageFacts | None:
        """Return an image of the marketplace, None where there is none of that reference."""
        path = (
            f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{region}/publishers/{reference['publisher']}"
            f"/artifacttypes/vmimage/offers/{reference['offer']}/skus/{reference['sku']}/versions"
        )
        try:
            version = reference["version"]
            if version.lower() == LATEST:
                version = await self._newest(path) or version
            body = (await self._clients.read(f"{path}/{version}", api_version=IMAGES)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        except ValueError:  # a reference with characters that no path has
            return None
        return _platform(body, {**reference, "version": version})

    async def gallery_image(self, version_id: ResourceId) -> ImageFacts | None:
        """Return a version of a gallery image, None where Azure answers 404 for it or its definition."""
        definition = version_id.parent
        try:
            version = (await self._clients.read(version_id, api_version=GALLERIES)).body
            image = (await self._clients.read(definition, api_version=GALLERIES)).body if definition is not None else {}
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        return of_gallery(version, image)

    async def managed_image(self, image_id: ResourceId) -> ImageFacts | None:
        """Return a managed image, None where Azure answers 404."""
        try:
            body = (await self._clients.read(image_id, api_version=IMAGES)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise
        return managed(body)

    async def images_named(self, subscription_id: str, name: str) -> tuple[ResourceId, ...]:
        """Return the ids of a subscription's managed images of a name."""
        found = await self._clients.read_all(f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/images", api_version=IMAGES)
        return tuple(ResourceId.parse(own_id(one)) for one in found if same_text(last_segment(own_id(one)), name))

    async def _newest(self, path: str) -> str | None:
        """Return the newest version of an image of the platform."""
        found = await self._clients.read_array(path, api_version=IMAGES, params={"$top": "1", "$orderby": "name desc"})
        return next((name for one in found if (name := text(one, "name")) is not None), None)


def region_of(listed: Sequence[Json], region: str) -> Region:
    """Return what a list of SKUs shows of a region."""
    sizes = tuple(_size(one, region) for one in listed if same_text(text(one, "resourceType"), "virtualMachines"))
    sets = (one for one in listed if same_text(text(one, "resourceType"), "availabilitySets") and same_text(text(one, "name"), "Aligned"))
    counts = [whole(_capabilities(one), "MaximumPlatformFaultDomainCount") for one in sets]
    return Region(sizes, next((count for count in counts if count is not None), _FAULT_DOMAINS))


def managed(body: Json) -> ImageFacts:
    """Return what a managed image's document shows."""
    properties = an_object(body, "properties")
    storage = an_object(properties, "storageProfile")
    system = an_object(storage, "osDisk")
    return ImageFacts(
        reference={"id": own_id(body)},
        os_type=known_text(system, "osType", OS_TYPES) or "",
        generation=known_text(properties, "hyperVGeneration", GENERATIONS) or "V1",
        size_gb=whole(system, "diskSizeGB"),
        region=reading.region_of(body),
        trusted_launch=False,
        subscription_id=ResourceId.parse(own_id(body)).subscription_id,
        luns=tuple(lun for disk in objects(storage, "dataDisks") if (lun := whole(disk, "lun")) is not None),
    )


def of_gallery(version: Json, definition: Json) -> ImageFacts:
    """Return what the documents of a gallery image's version and of its definition show."""
    properties, image = an_object(version, "properties"), an_object(definition, "properties")
    storage = an_object(properties, "storageProfile")
    features = {text(one, "name") or "": text(one, "value") or "" for one in objects(image, "features")}
    targets = (text(one, "name") or "" for one in objects(an_object(properties, "publishingProfile"), "targetRegions"))
    return ImageFacts(
        reference={"id": own_id(version)},
        os_type=known_text(image, "osType", OS_TYPES) or "",
        generation=known_text(image, "hyperVGeneration", GENERATIONS) or "V1",
        size_gb=whole(an_object(storage, "osDiskImage"), "sizeInGB"),
        trusted_launch="trustedlaunch" in (text(features, "SecurityType") or "").lower(),
        needs_plan=bool(an_object(image, "purchasePlan")),
        luns=tuple(lun for disk in objects(storage, "dataDiskImages") if (lun := whole(disk, "lun")) is not None),
        regions=tuple("".join(name.split()).lower() for name in targets),
        specialized=same_text(text(image, "osState"), "Specialized"),
    )


def _platform(body: Json, reference: dict[str, str]) -> ImageFacts:
    properties = an_object(body, "properties")
    features = {text(one, "name") or "": text(one, "value") or "" for one in objects(properties, "features")}
    return ImageFacts(
        reference=reference,
        os_type=known_text(an_object(properties, "osDiskImage"), "operatingSystem", OS_TYPES) or "",
        generation=known_text(properties, "hyperVGeneration", GENERATIONS) or "V1",
        trusted_launch="trustedlaunch" in (text(features, "SecurityType") or "").lower(),
        needs_plan=bool(an_object(properties, "plan")),
        luns=tuple(lun for disk in objects(properties, "dataDiskImages") if (lun := whole(disk, "lun")) is not None),
    )


def _size(body: Json, region: str) -> SizeFacts:
    can = _capabilities(body)
    info = next((one for one in objects(body, "locationInfo") if same_text(text(one, "location"), region)), {})
    restrictions = objects(body, "restrictions")
    by_location = next((one for one in restrictions if same_text(text(one, "type"), "Location")), None)
    zones = [zone for one in restrictions for zone in texts(an_object(one, "restrictionInfo"), "zones") or ()]
    return SizeFacts(
        name=text(body, "name") or "",
        cores=whole(can, "vCPUs") or 0,
        memory_gb=_number(text(can, "MemoryGB")),
        max_data_disks=whole(can, "MaxDataDiskCount") or 0,
        premium=same_text(text(can, "PremiumIO"), "True"),
        generations=tuple((text(can, "HyperVGenerations") or "V1").upper().split(",")),
        zones=texts(info, "zones") or (),
        trusted_launch=not same_text(text(can, "TrustedLaunchDisabled"), "True"),
        restriction=(text(by_location, "reasonCode") or "restricted") if by_location is not None else None,
        restricted_zones=tuple(zones),
    )


def _capabilities(body: Json) -> dict[str, str]:
    return {name: text(one, "value") or "" for one in objects(body, "capabilities") if (name := text(one, "name")) is not None}


def _number(value: str | None) -> float:
    try:
        return float(value or 0)
    except ValueError:
        return 0.0
