"""Images of a compute gallery that a hosting plan offers, and the machines that are made from them."""

from pathlib import Path
from typing import Any

import pytest

from shared.virtual_machines.resource_manager.catalogue import of_gallery
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import GROUP, LINUX, networks

VMS = "/virtual-machines"
PROVIDER = ("Tenants.Write", "Admin")


def gallery(estate: Json) -> str:
    """Return the path of the provider's gallery."""
    provider = next(one for one in estate["subscriptions"] if one["displayName"] == "Provider")
    group = next(one["id"] for one in estate["resourceGroups"] if one["id"].startswith(f"/subscriptions/{provider['id']}/"))
    return f"{group}/providers/Microsoft.Compute/galleries/sold"


def with_gallery(estate: Json) -> None:
    """Put into the estate a Linux image in both regions, one in the other region alone, a specialized one and one with a purchase plan."""
    networks(estate)
    path = gallery(estate)
    estate["galleryImages"], estate["galleryImageVersions"] = [], []
    definitions: dict[str, Json] = {
        "ubuntu": {}, "far": {}, "as-it-was": {"osState": "Specialized"}, "bought": {"purchasePlan": {"name": "a", "publisher": "b"}},
    }  # fmt: skip
    for name, more in definitions.items():
        properties = {"osType": "Linux", "osState": "Generalized", "hyperVGeneration": "V2", **more}
        estate["galleryImages"].append({"id": f"{path}/images/{name}", "location": "westeurope", "properties": properties})
        regions = ["North Europe"] if name == "far" else ["West Europe", "North Europe"]
        storage = {"osDiskImage": {"sizeInGB": 30}, "dataDiskImages": [{"lun": 0, "sizeInGB": 8}]}
        shown = {"storageProfile": storage, "publishingProfile": {"targetRegions": [{"name": region} for region in regions]}}
        estate["galleryImageVersions"].append({"id": f"{path}/images/{name}/versions/1.0.0", "location": "westeurope", "properties": shown})


async def offer(azure: Machines) -> str:
    """Put the images on contoso's plan, and return the gallery's path."""
    path = gallery(azure.estate())
    names = {"Ubuntu of the house": "ubuntu", "far": "far", "as-it-was": "as-it-was", "bought": "bought", "gone": "never-was"}
    images = [{"name": shown, "reference": {"id": f"{path}/images/{name}/versions/1.0.0"}} for shown, name in names.items()]
    made = await azure.call("PUT", "/hosting-plans/standard", {"images": images}, tenant="provider", roles=PROVIDER)
    assert made.status == 201, made
    return path


def test_a_machine_is_made_of_a_gallery_image_by_its_name_and_by_its_id(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        path = await offer(azure)
        listed = {one["name"]: one for one in (await azure.of("/images?kind=plan")).body["value"]}
        chosen = listed["Ubuntu of the house"]
        assert (chosen["id"], chosen["reference"]) == (f"{path}/images/ubuntu/versions/1.0.0", {"id": chosen["id"]})
        for image in (chosen["name"], chosen["id"]):
            made = await azure.done("POST", VMS, {**LINUX, "image": image, "dataDisks": [{"sizeGB": 4}]})
            assert made["status"] == "Succeeded", made
            shown = (await azure.of(f"{VMS}/{LINUX['name']}")).body
            assert (shown["image"], shown["osType"], shown["osDisk"]["sizeGB"]) == (chosen["id"], "Linux", 30)
            assert [(disk["lun"], disk["sizeGB"]) for disk in shown["dataDisks"]] == [(0, 8), (1, 4)]
            gone = await azure.done("DELETE", f"{VMS}/{LINUX['name']}?confirm={LINUX['name']}&deleteDisks=all")
            assert gone["status"] == "Succeeded", gone
        refusals = {
            "far": (400, "InvalidRequest"), "as-it-was": (400, "InvalidRequest"), "bought": (409, "ImageNeedsPlan"),
            "gone": (404, "NotFound"), f"{path}/images/other/versions/1.0.0": (404, "NotFound"),
            next(one["id"] for one in azure.estate()["disks"] if one["id"].endswith("/contoso-web01-os")): (400, "InvalidRequest"),
        }  # fmt: skip
        for image, expected in refusals.items():
            answer = await azure.call("POST", f"/tenants/contoso{VMS}", {**LINUX, "image": image})
            assert (answer.status, answer.code, answer.target) == (*expected, "image"), image
        taken = {"name": "far", "source": {"id": chosen["id"]}, "osType": "Linux", "service": GROUP}
        assert (await azure.call("POST", "/tenants/contoso/images", taken)).target == "source.id", "an image is made of a disk"
        answer = await azure.call("DELETE", "/tenants/contoso/images/far?confirm=far")
        assert (answer.status, answer.code, answer.target) == (409, "NotOffered", "image")

    run(test, tmp_path / "log", with_gallery)


@pytest.mark.parametrize(
    ("properties", "trusted"), [({}, False), ({"features": [{"name": "SecurityType", "value": "TrustedLaunch"}]}, True)]
)
def test_what_a_definition_leaves_out(properties: dict[str, Any], trusted: bool) -> None:
    version = {
        "id": "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/g/providers/Microsoft.Compute/galleries/s/images/i"
    }
    found = of_gallery(version, {"properties": properties})
    assert (found.generation, found.size_gb, found.luns, found.trusted_launch) == ("V1", None, (), trusted)
