"""The platform images that the simulation knows: Windows and two sorts of Linux, and one that needs a purchase plan."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json


@dataclass(frozen=True, slots=True)
class PlatformImage:
    """An image by publisher, offer and SKU, with its versions, the oldest first."""

    publisher: str
    offer: str
    sku: str
    os_type: str
    size_gb: int
    generation: str = "V2"
    versions: tuple[str, ...] = ("1.0.0",)
    trusted_launch: bool = True
    plan: Mapping[str, str] | None = None


IMAGES = (
    PlatformImage(
        *("MicrosoftWindowsServer", "WindowsServer", "2022-datacenter-azure-edition", "Windows", 127),
        versions=("20348.2700.240905", "20348.2762.241006"),
    ),
    PlatformImage(
        *("MicrosoftWindowsServer", "WindowsServer", "2019-Datacenter", "Windows", 127),
        generation="V1",
        versions=("17763.6293.240905",),
        trusted_launch=False,
    ),
    PlatformImage(*("Canonical", "ubuntu-24_04-lts", "server", "Linux", 30), versions=("24.04.202409120", "24.04.202410170")),
    PlatformImage(*("Debian", "debian-12", "12", "Linux", 30), generation="V1", versions=("0.20241004.1890",), trusted_launch=False),
    PlatformImage(
        *("bitnami", "nginxstack", "1-10", "Linux", 10),
        versions=("1.10.0",),
        trusted_launch=False,
        plan={"publisher": "bitnami", "product": "nginxstack", "name": "1-10"},
    ),
)


def resolve(reference: Mapping[str, Any]) -> tuple[PlatformImage, Json]:
    """Return a platform image and the reference with its exact version; raises `ArmError` 404 for one that is not there."""
    names = [str(reference.get(member, "")) for member in ("publisher", "offer", "sku", "version")]
    for image in IMAGES:
        if [each.lower() for each in names[:3]] == [image.publisher.lower(), image.offer.lower(), image.sku.lower()]:
            exact = image.versions[-1] if names[3].lower() == "latest" else names[3]
            if exact in image.versions:
                return image, {**{member: reference[member] for member in ("publisher", "offer", "sku", "version")}, "exactVersion": exact}
    raise ArmError(
        404,
        "PlatformImageNotFound",
        f"The platform image '{':'.join(names)}' is not available. Verify that all fields in the storage profile are correct. "
        "For more details about storage profile information, please refer to https://aka.ms/storageprofile",
        target="imageReference",
    )


def list_versions(call: Call) -> Answer:
    """`VirtualMachineImages_List`: the versions of a SKU, with `$top` and `$orderby=name desc`."""
    image = _image(call)
    versions = sorted(image.versions, reverse=call.query.get("$orderby", "").lower() == "name desc")
    top = call.query.get("$top", "")
    return Answer(200, [_resource(call, version) for version in versions[: int(top) if top.isdigit() else None]])


def get_version(call: Call) -> Answer:
    """`VirtualMachineImages_Get`."""
    image, version = _image(call), call.names[-1]
    if version not in image.versions:
        raise _no_artifact(call)
    properties: Json = {
        "hyperVGeneration": image.generation,
        "architecture": "x64",
        "osDiskImage": {"operatingSystem": image.os_type},
        "dataDiskImages": [],
        "features": [{"name": "SecurityType", "value": "TrustedLaunchSupported"}] if image.trusted_launch else [],
    }
    if image.plan is not None:
        properties["plan"] = dict(image.plan)
    body = _resource(call, version)
    return Answer(200, body | {"properties": properties})


def _image(call: Call) -> PlatformImage:
    _, _, publisher, kind, offer, sku, *_ = call.names
    for image in IMAGES:
        given = (publisher.lower(), kind.lower(), offer.lower(), sku.lower())
        if given == (image.publisher.lower(), "vmimage", image.offer.lower(), image.sku.lower()):
            return image
    raise _no_artifact(call)


def _no_artifact(call: Call) -> ArmError:
    return ArmError(404, "NotFound", f"Artifact: VMImage was not found: {'/'.join(call.names[2:])}.")


def _resource(call: Call, version: str) -> Json:
    _, location, publisher, _, offer, sku, *_ = call.names
    path = f"/Subscriptions/{call.names[0]}/Providers/Microsoft.Compute/Locations/{location}/Publishers/{publisher}"
    return {
        "id": f"{path}/ArtifactTypes/VMImage/Offers/{offer}/Skus/{sku}/Versions/{version}",
        "name": version,
        "location": location,
    }
