"""Ports opened and closed on the address that the machines of a deployment share."""

from pathlib import Path

import pytest

from tests.virtual_machines.kit import Json, Machines, in_group, run
from tests.virtual_machines.test_creation import GROUP, KINDS, LINUX, networks

VMS = "/virtual-machines"
SSH: Json = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22, "allowedSources": ["203.0.113.0/24"]}
WEB: Json = {"name": "web", "protocol": "tcp", "port": 443, "localPort": 8443}


@pytest.mark.parametrize("deployment", [None, {"name": "front"}])
def test_ports_are_opened_and_closed_and_leave_nothing(tmp_path: Path, deployment: Json | None) -> None:
    async def test(azure: Machines) -> None:
        before = {kind: len(in_group(azure.estate(), kind, GROUP)) for kind in KINDS}
        body = {**LINUX, **({"deployment": deployment} if deployment else {})}
        for name in ("one", "two"):
            assert (await azure.done("POST", VMS, {**body, "name": name}))["status"] == "Succeeded"
        assert (await azure.of(f"{VMS}/one/ports")).body["value"] == []
        opened = await azure.done("POST", f"{VMS}/one/ports", SSH)
        assert opened["status"] == "Succeeded", opened
        assert (await azure.done("POST", f"{VMS}/one/ports", WEB))["status"] == "Succeeded"
        shown = (await azure.of(f"{VMS}/one/ports")).body["value"]
        assert shown[0] == {**SSH, "publicIp": opened["result"]["publicIp"], "ours": True}
        assert [one["name"] for one in shown] == ["ssh", "web"]
        again = await azure.call("POST", f"/tenants/contoso{VMS}/one/ports", {**SSH, "name": "other"})
        assert (again.status, again.code, again.target) == (409, "PortTaken", "port")
        other = await azure.call("POST", f"/tenants/contoso{VMS}/two/ports", SSH)
        assert other.status == (409 if deployment else 202), other
        if other.status == 202:
            await azure.ended(other.operation)
        for port in ("ssh", "web"):
            closed = await azure.done("DELETE", f"{VMS}/one/ports/{port}")
            assert (closed["status"], closed["result"]["left"]) == ("Succeeded", []), closed
        assert (await azure.of(f"{VMS}/one/ports")).body["value"] == []
        assert (await azure.call("DELETE", f"/tenants/contoso{VMS}/one/ports/ssh")).status == 404
        for name in ("one", "two"):
            gone = await azure.done("DELETE", f"{VMS}/{name}?confirm={name}&deleteDisks=all")
            assert gone["status"] == "Succeeded", gone
        assert {kind: len(in_group(azure.estate(), kind, GROUP)) for kind in KINDS} == before

    run(test, tmp_path / "log", networks)


def test_a_machine_that_others_made_gets_no_port(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        answer = await azure.call("POST", f"/tenants/contoso{VMS}/contoso-web01/ports", SSH)
        assert (answer.status, answer.code) == (409, "NotOurs")

    run(test, tmp_path / "log", networks)


def test_a_port_that_cannot_be_opened_leaves_nothing(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        await azure.done("POST", VMS, LINUX)
        before = {kind: in_group(azure.estate(), kind, GROUP) for kind in ("loadBalancers", "publicIPAddresses")}
        azure.fault("error", method="PUT", path="securityRules/", status=400, code="SecurityRuleConflict", times=1)
        ended = await azure.done("POST", f"{VMS}/lin01/ports", SSH)
        assert (ended["status"], ended["error"]["code"]) == ("Failed", "AzureRefused"), ended
        assert {kind: in_group(azure.estate(), kind, GROUP) for kind in before} == before
        azure.fault("error", method="PUT", path="inboundNatRules/", status=400, code="RulesUseSameFrontendPortProtocolAndIPConfig", times=1)
        taken = await azure.done("POST", f"{VMS}/lin01/ports", SSH)
        assert (taken["status"], taken["error"]["code"], taken["error"]["target"]) == ("Failed", "PortTaken", "port"), taken

    run(test, tmp_path / "log", networks)
