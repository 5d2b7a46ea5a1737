"""A message about a machine, disk or image that one read does not show: delivered again until its fifth delivery, then rejected."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.virtual_machines.kit import Json, Machines, run
from tests.virtual_machines.test_creation import LINUX, networks
from tests.virtual_machines.test_power_actions import with_power

LATER = timedelta(minutes=1)
NAME = "contoso-web01"
MESSAGES: dict[str, tuple[str, Json]] = {
    "restart": ("virtualMachines", {"operation": "virtualMachine.restart", "target": NAME}),
    "shutDown": ("virtualMachines", {"operation": "virtualMachine.shutDown", "target": NAME, "state": "stopped"}),
    "delete": ("virtualMachines", {"operation": "virtualMachine.delete", "target": NAME}),
    "update": ("virtualMachines", {"operation": "virtualMachine.update", "target": NAME, "tags": {"a": "b"}}),
    "addDataDisk": ("virtualMachines", {"operation": "virtualMachine.addDataDisk", "target": NAME, "sizeGB": 8}),
    "create": (
        "resourceGroups/[^/]+$|virtualNetworks",
        {"operation": "virtualMachine.create", **{name: value for name, value in LINUX.items() if name != "adminPassword"}},
    ),
}
"""What Azure does not show, and the message."""


def estate(estate: Json) -> None:
    networks(estate)
    with_power(powerState="running")(estate)


async def actions(azure: Machines) -> list[str]:
    return [str(one["action"]) for one in (await azure.call("GET", "/operations?kind=virtualMachine")).body["value"]]


async def rejected(azure: Machines) -> list[Any]:
    return [
        one["reason"]["code"] for one in (await azure.call("GET", "/rejected-messages", tenant="provider", roles=("Admin",))).body["value"]
    ]


@pytest.mark.parametrize("action", MESSAGES)
def test_it_is_taken_in_once_azure_shows_it(tmp_path: Path, action: str) -> None:
    async def test(azure: Machines) -> None:
        path, message = MESSAGES[action]
        azure.fault("hide", method="GET", path=path, lists=True, duration="PT2M")
        await azure.send({"id": "m1", "tenant": "contoso", **message})
        assert (await actions(azure), await rejected(azure)) == ([], [])
        for _ in range(4):
            await azure.pass_time(LATER)
        assert (await actions(azure), await rejected(azure)) == ([action], [])

    run(test, tmp_path / "log", estate)


@pytest.mark.parametrize("action", MESSAGES)
def test_it_is_rejected_at_the_fifth_delivery(tmp_path: Path, action: str) -> None:
    async def test(azure: Machines) -> None:
        path, message = MESSAGES[action]
        azure.fault("hide", method="GET", path=path, lists=True, duration="P1D")
        await azure.send({"id": "m1", "tenant": "contoso", **message})
        for _ in range(8):
            await azure.pass_time(LATER)
        assert (await actions(azure), len(await rejected(azure))) == ([], 1)

    run(test, tmp_path / "log", estate)
