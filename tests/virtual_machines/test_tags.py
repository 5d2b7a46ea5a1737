"""A policy that requires tags of every resource is met by the request's: they are on each thing that is made for a machine."""

from pathlib import Path

from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_creation import GROUP, KINDS, LINUX, networks
from tests.virtual_machines.test_kinds import ANEW

VMS = "/virtual-machines"
REQUIRED = {"costCentre": "4711", "owner": "harbour master"}
PORT: Json = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22}


def test_everything_that_is_made_has_the_tags_of_the_request_and_farshores(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = {one["id"] for kind in (*KINDS, "images") for one in in_group(azure.estate(), kind, GROUP)}
        data = [{"sizeGB": 8, "lun": 1}]
        body = {**LINUX, "name": "one", "tags": REQUIRED, "deployment": {"name": "front"}, "dataDisks": data}
        assert (await azure.done("POST", VMS, body))["status"] == "Succeeded"
        for path, more in (("ports", PORT), ("data-disks", {"sizeGB": 8, "lun": 5}), ("shut-down", {"state": "stopped"})):
            ended = await azure.done("POST", f"{VMS}/one/{path}", more)
            assert ended["status"] == "Succeeded", ended
        capture = {"imageName": "golden", "prepared": True, "confirm": "one", "after": "reprovision", "reprovision": ANEW}
        captured = await azure.done("POST", f"{VMS}/one/capture", capture)
        assert captured["status"] == "Succeeded", captured
        estate = azure.estate()
        kinds = (*KINDS, "images")
        made = [one for kind in kinds for one in in_group(estate, kind, GROUP) if one["id"] not in before]
        assert all(any(one["id"] not in before for one in in_group(estate, kind, GROUP)) for kind in kinds)
        for one in made:
            if "-os-" not in one["id"]:  # Azure makes the OS disk with its machine
                assert {**REQUIRED, "farshore-tenant": "contoso"}.items() <= (one.get("tags") or {}).items(), one["id"]

    run(test, tmp_path / "log", networks)
