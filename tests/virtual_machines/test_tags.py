"""A policy that requires tags of every resource is met by the request's: they are on each thing that is made for a machine."""

from datetime import timedelta
from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from shared.virtual_machines.creation.pieces import TENANT_TAG, tags_with
from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_azure_failures import outside
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


def test_what_is_made_for_a_machine_with_many_tags_has_no_more_than_azure_takes(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        before = {one["id"] for kind in (*KINDS, "images") for one in in_group(azure.estate(), kind, GROUP)}
        assert (await azure.done("POST", VMS, {**LINUX, "name": "one"}))["status"] == "Succeeded"
        for kind in ("virtualMachines", "networkInterfaces"):
            (made,) = (one for one in in_group(azure.estate(), kind, GROUP) if one["id"] not in before)
            many = {f"tag{number}": "x" for number in range(50 - len(made["tags"]))}
            body = {"tags": {**made["tags"], **many}}
            assert outside(azure, "PATCH", made["id"], body) in {200, 202}
        azure.app.platform.clock.move(timedelta(minutes=1))
        for path, more in (("ports", PORT), ("data-disks", {"sizeGB": 8, "lun": 5}), ("shut-down", {"state": "stopped"})):
            ended = await azure.done("POST", f"{VMS}/one/{path}", more)
            assert ended["status"] == "Succeeded", ended
        capture = {"imageName": "golden", "prepared": True, "confirm": "one", "after": "reprovision", "reprovision": ANEW}
        captured = await azure.done("POST", f"{VMS}/one/capture", capture)
        assert captured["status"] == "Succeeded", captured
        tags = [
            one.get("tags") or {} for kind in (*KINDS, "images") for one in in_group(azure.estate(), kind, GROUP) if one["id"] not in before
        ]
        assert [len(one) for one in tags if len(one) > 50] == []
        assert len([one for one in tags if "tag0" in one and one["farshore-tenant"] == "contoso"]) >= 6

    run(test, tmp_path / "log", networks)


@given(st.dictionaries(st.integers().map(str), st.just("theirs"), min_size=30, max_size=60), st.sets(st.text(min_size=1), max_size=15))
def test_own_tags_stay_and_those_that_are_inherited_are_the_same_in_any_order(inherited: dict[str, str], own: set[str]) -> None:
    mine = dict.fromkeys({name.lower() for name in own} | {TENANT_TAG}, "own")
    found = tags_with(inherited, mine)
    assert len(found) <= 50
    assert mine.items() <= found.items()
    assert tags_with(dict(reversed(inherited.items())), mine) == found
