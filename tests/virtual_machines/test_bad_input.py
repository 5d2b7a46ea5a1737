"""Bad input: each wrong value is refused with its code and the field that it is in, over HTTP and in one table."""

from pathlib import Path

from local.simulation.sample_estate import subscription_id
from tests.support.secrets import OWN
from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_classic_sample import plan
from tests.virtual_machines.test_creation import GROUP, LINUX, WINDOWS, ids
from tests.virtual_machines.test_power_actions import machine as machine_in

VMS, VM, TENANT = "/virtual-machines", "/virtual-machines/contoso-web01", "/tenants/contoso"
PASSWORD = {"value": "myAdminPwd1"}
AS_WINDOWS: Json = {"image": WINDOWS, "sshPublicKeys": None, "adminPassword": PASSWORD}
PORT: Json = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22}
FRONT: Json = {"name": "front"}
MACHINES = "Microsoft.Compute/virtualMachines"
CAPTURE: Json = {"imageName": "golden", "after": "delete", "prepared": True, "confirm": "contoso-app01"}
BAD = (400, "InvalidRequest")
NOT_FOUND = (404, "NotFound")
Expected = tuple[int, str, str | None]


def at(kind: tuple[int, str], target: str | None) -> Expected:
    """Return a refusal with its target."""
    return *kind, target


def creations(own: str, theirs: str) -> dict[str, tuple[Json, Expected]]:
    """Return what is changed of a good body, and the refusal, by what is wrong. `own` and `theirs` are the two tenants' services."""
    compute, blob = f"{own}/providers/Microsoft.Compute", "https://contosoblobs.blob.core.windows.net/vhds/data.vhd"
    account, other_account = (f"{one}/providers/Microsoft.Storage/storageAccounts" for one in (own, theirs))
    mine = {"blobUri": blob, "storageAccountId": f"{account}/contosoblobs"}
    network = f"{own.replace('production', 'recovery')}/providers/Microsoft.Network/virtualNetworks"
    return {
        "LUN 64": ({"dataDisks": [{"lun": 64, "sizeGB": 1}]}, at(BAD, "dataDisks[0].lun")),
        "LUN -1": ({"dataDisks": [{"lun": -1, "sizeGB": 1}]}, at(BAD, "dataDisks[0].lun")),
        "LUN twice in a body": ({"dataDisks": [{"lun": 3, "sizeGB": 1}, {"lun": 3, "sizeGB": 1}]}, at(BAD, "dataDisks[1].lun")),
        "more disks than the size takes": ({"dataDisks": [{"sizeGB": 1}] * 5}, (409, "TooManyDisks", "dataDisks")),
        "size below the image's": ({"image": "golden-west", "osDisk": {"sizeGB": 10}}, at(BAD, "osDisk.sizeGB")),
        "unknown size": ({"size": "Standard_Nope"}, at(BAD, "size")),
        "size restricted here": ({"size": "Standard_M64s"}, at(BAD, "size")),
        "name of 65": ({"name": "a" * 65}, at(BAD, "name")),
        "computer name of 16 on Windows": ({**AS_WINDOWS, "computerName": "a" * 16}, at(BAD, "computerName")),
        "name of 16 as computer name on Windows": ({**AS_WINDOWS, "name": "a" * 16}, at(BAD, "computerName")),
        "computer name of digits on Windows": ({**AS_WINDOWS, "computerName": "12345"}, at(BAD, "computerName")),
        "password of two kinds": ({**AS_WINDOWS, "adminPassword": {"value": "myadminpwd1"}}, at(BAD, "adminPassword")),
        "one of Azure's ten": ({**AS_WINDOWS, "adminPassword": {"value": "P@ssw0rd"}}, at(BAD, "adminPassword")),
        "password of 7 on Windows": ({**AS_WINDOWS, "adminPassword": {"value": "aB1!xyz"}}, at(BAD, "adminPassword")),
        "admin name administrator": ({**AS_WINDOWS, "adminUsername": "administrator"}, at(BAD, "adminUsername")),
        "image and existing disk": (
            {"osDisk": {"existing": "d"}, "adminUsername": None, "sshPublicKeys": None}, at(BAD, "image"),
        ),
        "neither image nor existing disk": ({"image": None}, at(BAD, "image")),
        "cached disk of 5 TB": ({"dataDisks": [{"sizeGB": 5_120, "caching": "ReadOnly"}]}, at(BAD, "dataDisks[0].caching")),
        "cached disk of 5 TB that exists": (
            {"dataDisks": [{"existing": "large", "caching": "ReadOnly"}]}, at(BAD, "dataDisks[0].caching"),
        ),
        "premium data disk on a size without": (
            {"size": "Standard_D2_v3", "dataDisks": [{"sizeGB": 8}, {"sizeGB": 8, "sku": "Premium_LRS"}]}, at(BAD, "dataDisks[1].sku"),
        ),
        "disk of another zone": ({"zone": "1", "dataDisks": [{"existing": "in-zone-2"}]}, at(BAD, "dataDisks[0].existing")),
        "disk of a zone, machine of none": ({"dataDisks": [{"existing": "in-zone-3"}]}, at(BAD, "dataDisks[0].existing")),
        "disk attached elsewhere": ({"dataDisks": [{"existing": "contoso-web01-data1"}]}, (409, "DiskInUse", "dataDisks[0].existing")),
        "disk of another tenant": (
            {"dataDisks": [{"existing": f"{theirs}/providers/Microsoft.Compute/disks/d"}]}, at(NOT_FOUND, "dataDisks[0].existing"),
        ),
        "machine as a disk": ({"dataDisks": [{"existing": f"{compute}/virtualMachines/first"}]}, at(BAD, "dataDisks[0].existing")),
        "snapshot as an OS disk": (
            {"image": None, "osDisk": {"existing": f"{compute}/snapshots/s"}, "adminUsername": None, "sshPublicKeys": None},
            at(BAD, "osDisk.existing"),
        ),
        "OS disk of another tenant": (
            {
                "image": None, "osDisk": {"existing": f"{theirs}/providers/Microsoft.Compute/disks/d"},
                "adminUsername": None, "sshPublicKeys": None,
            },
            at(NOT_FOUND, "osDisk.existing"),
        ),
        "type of a disk with other letters": ({"dataDisks": [{"sizeGB": 1, "sku": "../x"}]}, at(BAD, "dataDisks[0].sku")),
        "source of one link": ({"ports": [{**PORT, "allowedSources": ["fe80::1%eth0"]}]}, at(BAD, "ports[0].allowedSources[0]")),
        "addresses beside the internet": (
            {"ports": [{**PORT, "allowedSources": ["Internet", "203.0.113.0/24"]}]}, at(BAD, "ports[0].allowedSources"),
        ),
        "blob with a SAS": (
            {"dataDisks": [{"source": {**mine, "blobUri": f"{blob}?sv=2024-01-01&sig=x"}}]}, at(BAD, "dataDisks[0].source.blobUri"),
        ),
        "blob of another account than named": (
            {"dataDisks": [{"source": {**mine, "blobUri": blob.replace("contosoblobs", "fabrikamblobs")}}]},
            at(BAD, "dataDisks[0].source.blobUri"),
        ),
        "blob of another's account": (
            {"dataDisks": [{"source": {
                "blobUri": blob.replace("contosoblobs", "fabrikamblobs"), "storageAccountId": f"{other_account}/fabrikamblobs",
            }}]},
            at(NOT_FOUND, "dataDisks[0].source.storageAccountId"),
        ),
        "port 0": ({"ports": [{**PORT, "port": 0}]}, at(BAD, "ports[0].port")),
        "port 65,535": ({"ports": [{**PORT, "port": 65_535}]}, at(BAD, "ports[0].port")),
        "port as text": ({"ports": [{**PORT, "port": "50000"}]}, at(BAD, "ports[0].port")),
        "port taken": ({"deployment": FRONT, "ports": [PORT]}, (409, "PortTaken", "ports[0].port")),
        "port twice in a body": ({"ports": [PORT, {**PORT, "name": "b", "localPort": 23}]}, at(BAD, "ports[1].port")),
        "subnet of another tenant": (
            {"subnetId": f"{theirs}/providers/Microsoft.Network/virtualNetworks/n/subnets/default"}, at(NOT_FOUND, "subnetId"),
        ),
        "subnet of another network than the deployment's": (
            {"deployment": FRONT, "subnetId": f"{network}/second/subnets/default"}, (409, "DeploymentDiffers", "subnetId"),
        ),
        "subnet that does not exist": ({"subnetId": f"{network}/never-was/subnets/default"}, at(BAD, "subnetId")),
        "image of another region": ({"image": f"{compute}/images/golden-north"}, at(BAD, "image")),
        "image that does not exist": ({"image": "never-was"}, at(NOT_FOUND, "image")),
        "zone with a deployment": ({"zone": "1", "deployment": FRONT}, at(BAD, "zone")),
        "slot taken": ({"deployment": {"name": "other"}}, (409, "SlotTaken", "deployment.slot")),
        "name taken": ({"name": "contoso-web01"}, (409, "NameTaken", "name")),
        "reference into another tenant's vault": (
            {"adminPassword": {"keyVaultSecretId": "https://fabrikam.vault.azure.net/secrets/s"}}, at(NOT_FOUND, "adminPassword"),
        ),
        "reference to another's secret in the app's vault": (
            {"adminPassword": {"keyVaultSecretId": f"{OWN}/secrets/incoming-theirs"}}, at(NOT_FOUND, "adminPassword"),
        ),
        "body of 65 KiB": ({"tags": {"a": "x" * 65 * 1024}}, (413, "PayloadTooLarge", None)),
        "unknown member": ({"spot": True}, at(BAD, "spot")),
        "unknown member of a disk": ({"dataDisks": [{"sizeGB": 1, "speed": 1}]}, at(BAD, "dataDisks[0].speed")),
        "unknown member of a port": ({"ports": [{**PORT, "address": "x"}]}, at(BAD, "ports[0].address")),
    }  # fmt: skip


CHANGES: dict[str, tuple[str, str, Json, Expected]] = {
    "LUN taken": ("POST", f"{VM}/data-disks", {"sizeGB": 1, "lun": 0}, (409, "LunTaken", "lun")),
    "LUN 64 of an added disk": ("POST", f"{VM}/data-disks", {"sizeGB": 1, "lun": 64}, at(BAD, "lun")),
    "added disk attached elsewhere": ("POST", f"{VM}/data-disks", {"existing": "contoso-vault01-os"}, (409, "DiskInUse", "existing")),
    "added disk of another region": ("POST", f"{VM}/data-disks", {"existing": "contoso-app01-os"}, at(BAD, "existing")),
    "added disk that is a machine": (
        "POST", f"{VM}/data-disks", {"existing": f"/subscriptions/{subscription_id('contoso')}/resourceGroups/g/providers/{MACHINES}/x"},
        at(BAD, "existing"),
    ),
    "data disks of a captured machine": (
        "POST", f"{VMS}/contoso-app01/capture", {**CAPTURE, "deleteDisks": "all"}, at(BAD, "deleteDisks"),
    ),
    "added disk cached with 5 TB": ("POST", f"{VM}/data-disks", {"sizeGB": 5_120, "caching": "ReadOnly"}, at(BAD, "caching")),
    "port taken by another machine": ("POST", f"{VMS}/first/ports", {**PORT, "name": "b", "localPort": 23}, (409, "PortTaken", "port")),
    "local port taken": ("POST", f"{VMS}/first/ports", {**PORT, "name": "b", "port": 50_001}, (409, "PortTaken", "port")),
    "port 0 of an added port": ("POST", f"{VMS}/first/ports", {**PORT, "port": 0}, at(BAD, "port")),
    "capture of a running machine": ("POST", f"{VM}/capture", {**CAPTURE, "confirm": "contoso-web01"}, (409, "NotStopped", "powerState")),
    "capture of a trusted-launch machine": (
        "POST", f"{VMS}/contoso-app01/capture", CAPTURE, (409, "CaptureNotSupported", "contoso-app01"),
    ),
    "capture without prepared": (
        "POST", f"{VMS}/contoso-app01/capture", {name: value for name, value in CAPTURE.items() if name != "prepared"}, at(BAD, "prepared"),
    ),
    "capture with prepared false": ("POST", f"{VMS}/contoso-app01/capture", {**CAPTURE, "prepared": False}, at(BAD, "prepared")),
    "capture with a wrong confirm": ("POST", f"{VMS}/contoso-app01/capture", {**CAPTURE, "confirm": "another"}, at(BAD, "confirm")),
    "unknown member of a capture": ("POST", f"{VM}/capture", {**CAPTURE, "gallery": "x"}, at(BAD, "gallery")),
    "deletion with a wrong confirm": ("DELETE", VM, {"confirm": "another"}, at(BAD, "confirm")),
    "service that exists": ("POST", "/services", {"name": GROUP}, (409, "NameTaken", "name")),
    "unknown size of a change": ("PATCH", VM, {"size": "Standard_Nope"}, at(BAD, "size")),
    "smaller OS disk": ("PATCH", VM, {"osDisk": {"sizeGB": 10}}, at(BAD, "osDisk.sizeGB")),
    "body of 65 KiB of a change": ("POST", f"{VM}/shut-down", {"state": "x" * 65 * 1024}, (413, "PayloadTooLarge", None)),
}  # fmt: skip
"""Method, path, body and refusal, by what is wrong."""


def prepared(estate: Json) -> None:
    """Put into the estate what the table needs: a disk in a zone, two images, a second network, a trusted-launch machine."""
    plan(estate)
    group = machine_in(estate)["id"].partition("/providers/")[0]
    compute = f"{group}/providers/Microsoft.Compute"
    estate["disks"] += [
        {"id": f"{compute}/disks/in-zone-{zone}", "location": "westeurope", "sku": "Premium_LRS", "zones": [zone], "sizeGB": 8}
        for zone in ("2", "3")
    ]
    estate["disks"].append({"id": f"{compute}/disks/large", "location": "westeurope", "sku": "StandardSSD_LRS", "sizeGB": 5_000})
    estate["images"] = [_image(f"{compute}/images/golden-{place}", f"{place}europe") for place in ("west", "north")]
    first = next(one for one in estate["virtualNetworks"] if one["id"].endswith("/contoso-westeurope"))
    estate["virtualNetworks"].append({**first, "id": first["id"].replace("contoso-westeurope", "second")})
    machine_in(estate, "contoso-app01").update(powerState="stopped", securityType="TrustedLaunch")


def _image(image_id: str, region: str) -> Json:
    disk = {"osType": "Linux", "osState": "Generalized", "diskSizeGB": 30, "storageAccountType": "Standard_LRS"}
    return {
        "id": image_id, "location": region,
        "properties": {"provisioningState": "Succeeded", "hyperVGeneration": "V2", "storageProfile": {"osDisk": disk, "dataDisks": []}},
    }  # fmt: skip


def without_nulls(body: Json) -> Json:
    return {name: value for name, value in body.items() if value is not None}


def test_bad_input_names_the_field(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.app.vaults.add(f"{OWN}/secrets/incoming-theirs", "myAdminPwd1", {"tenant": "fabrikam"})
        first = await azure.done("POST", VMS, {**LINUX, "name": "first", "deployment": FRONT, "ports": [PORT]})
        assert first["status"] == "Succeeded", first
        before = len(azure.effects())
        services = [one["id"] for one in azure.estate()["resourceGroups"]]
        own, theirs = (next(one for one in services if one.endswith(f"/{name}-production")) for name in ("contoso", "fabrikam"))
        table = {
            what: ("POST", VMS, without_nulls({**LINUX, **changed}), expected)
            for what, (changed, expected) in creations(own, theirs).items()
        } | CHANGES
        found: dict[str, Expected] = {}
        for what, (method, path, body, _) in table.items():
            answer = await azure.call(method, f"{TENANT}{path}", body)
            found[what] = (answer.status, answer.code, answer.target) if answer.status >= 400 else (answer.status, "", None)
        assert found == {what: expected for what, (*_, expected) in table.items()}
        assert len(azure.effects()) == before

    run(test, tmp_path / "log", prepared)


def test_what_azure_does_not_show_at_once_ends_the_operation_with_the_same_code_and_field(tmp_path: Path) -> None:
    """Azure is silent while each request is accepted: what only Azure knows is found by the operation's first step."""

    async def test(azure: Machines) -> None:
        first = await azure.done("POST", VMS, {**LINUX, "name": "first", "deployment": FRONT, "ports": [PORT]})
        assert first["status"] == "Succeeded", first
        services = [one["id"] for one in azure.estate()["resourceGroups"]]
        own, theirs = (next(one for one in services if one.endswith(f"/{name}-production")) for name in ("contoso", "fabrikam"))
        azure.fault("error", method="GET", path=".", status=500, times=1_000_000)
        accepted: dict[str, tuple[str, Expected]] = {}
        for number, (what, (changed, expected)) in enumerate(creations(own, theirs).items()):
            answer = await azure.call("POST", f"{TENANT}{VMS}", without_nulls({**LINUX, "name": f"late{number}", **changed}))
            if answer.status == 202:
                accepted[what] = (answer.operation, expected)
            else:
                assert (answer.status, answer.code, answer.target) == expected, what
        azure.app.platform.clear_faults()
        before, found = ids(azure), {}
        for what, (operation, _) in accepted.items():
            ended = await azure.ended(operation)
            found[what] = (ended["status"], (ended["error"] or {}).get("code"), (ended["error"] or {}).get("target"))
        assert found == {what: ("Failed", code, target) for what, (_, (_, code, target)) in accepted.items()}
        assert set(found) >= {"unknown size", "subnet of another network than the deployment's", "port taken", "slot taken"}
        assert ids(azure) == before, "what was made before a password could be read is deleted again"

    run(test, tmp_path / "log", prepared)


def test_a_change_that_is_accepted_while_azure_is_silent_ends_with_the_same_code_and_field(tmp_path: Path) -> None:
    """With its service a path names what it is about: the request is accepted, and its first step finds what is wrong."""

    async def test(azure: Machines) -> None:
        first = await azure.done("POST", VMS, {**LINUX, "name": "first", "deployment": FRONT, "ports": [PORT]})
        assert first["status"] == "Succeeded", first
        before, found, accepted = ids(azure), dict[str, Expected](), set[str]()
        for what, (method, path, body, _) in (CHANGES | LATE_CHANGES).items():
            azure.fault("error", method="GET", path=".", status=500, times=1_000_000)
            where = path if path.startswith("/services") else f"{path}{'&' if '?' in path else '?'}service={GROUP}"
            answer = await azure.call(method, f"{TENANT}{where}", body)
            azure.app.platform.clear_faults()
            found[what] = (answer.status, answer.code, answer.target) if answer.status >= 400 else (0, "", None)
            if answer.status == 202:
                accepted.add(what)
                ended = await azure.ended(answer.operation)
                error = ended["error"] or {}
                status = next((status for status in (400, 404, 409) if error.get("code") in OF_STATUS[status]), 0)
                found[what] = (status, str(error.get("code", ended["status"])), error.get("target"))
        assert found == {what: expected for what, (*_, expected) in (CHANGES | LATE_CHANGES).items()}
        assert accepted >= {*LATE_CHANGES, "LUN taken", "port taken by another machine", "unknown size of a change"} - {
            "region of a service"
        }  # locations are kept
        assert ids(azure) == before

    run(test, tmp_path / "log", prepared)


OF_STATUS = {
    400: {"InvalidRequest", "UnknownRegion"}, 404: {"NotFound"},
    409: {"LunTaken", "DiskInUse", "PortTaken", "NotStopped", "CaptureNotSupported", "NameTaken", "NeedsInterruption", "NeedsDeallocation"},
}  # fmt: skip
LATE_CHANGES: dict[str, tuple[str, str, Json, Expected]] = {
    "size that needs a consent": ("PATCH", VM, {"size": "Standard_D2s_v3"}, (409, "NeedsInterruption", "size")),
    "larger OS disk without a consent": ("PATCH", VM, {"osDisk": {"sizeGB": 256}}, (409, "NeedsDeallocation", "osDisk.sizeGB")),
    "caching without a consent": ("PATCH", f"{VM}/data-disks/0", {"caching": "ReadOnly"}, (409, "NeedsInterruption", "caching")),
    "smaller data disk": ("PATCH", f"{VM}/data-disks/0", {"sizeGB": 1}, at(BAD, "sizeGB")),
    "LUN without a disk": ("DELETE", f"{VM}/data-disks/9", {}, at(NOT_FOUND, "lun")),
    "removal with a wrong confirm": ("DELETE", f"{VM}/data-disks/0", {"deleteDisk": True, "confirm": "other"}, at(BAD, "confirm")),
    "port that there is none of": ("DELETE", f"{VMS}/first/ports/never", {}, at(NOT_FOUND, "port")),
    "disk in use": ("DELETE", "/disks/contoso-web01-data1?confirm=contoso-web01-data1", {}, (409, "DiskInUse", "disk")),
    "region of a service": ("POST", "/services", {"name": "newOne", "region": "atlantis"}, (400, "UnknownRegion", "region")),
}
"""Changes whose refusals are tested elsewhere while Azure answers."""


def test_a_404_of_a_list_that_azure_always_has_is_no_answer(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        azure.fault("error", method="GET", path="/skus", status=404, times=1_000)
        sizes = await azure.call("GET", f"{TENANT}/sizes?region=westeurope", None)
        assert (sizes.status, sizes.code) == (503, "ServiceUnavailable")
        added = await azure.call("POST", f"{TENANT}{VM}/data-disks?service={GROUP}", {"sizeGB": 8})
        assert added.status == 202, "the first step looks at what acceptance could not"
        azure.app.platform.clear_faults()
        assert (await azure.ended(added.operation))["status"] == "Succeeded"

    run(test, tmp_path / "log", prepared)


def test_the_locks_of_another_tenants_disks_are_neither_shown_nor_taken(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        disk = next(one["id"] for one in azure.estate()["disks"] if one["id"].endswith("/fabrikam-web01-os"))
        other = "/tenants/fabrikam"
        off = await azure.call("POST", f"{other}{VMS}/fabrikam-web01/shut-down", {"state": "deallocated"}, tenant="fabrikam")
        assert (await azure.ended(off.operation, tenant="fabrikam"))["status"] == "Succeeded"
        theirs = await azure.call("POST", f"{other}/disks/fabrikam-web01-os/access", {}, tenant="fabrikam")
        assert theirs.status == 202, theirs
        azure.fault("error", method="GET", path=".", status=500, times=1_000_000)
        created = await azure.call("POST", f"{TENANT}{VMS}", {**LINUX, "dataDisks": [{"existing": disk}]})
        added = await azure.call("POST", f"{TENANT}{VM}/data-disks?service={GROUP}", {"existing": disk})
        assert [(one.status, one.code) for one in (created, added)] == [NOT_FOUND, NOT_FOUND]
        azure.app.platform.clear_faults()

    run(test, tmp_path / "log", prepared)
