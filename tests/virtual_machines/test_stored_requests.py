"""Operations in flight whose bodies an earlier version accepted: their steps go on."""

from pathlib import Path
from unittest.mock import patch

from tests.virtual_machines.kit import Machines, run
from tests.virtual_machines.test_creation import LINUX, networks

VMS = "/virtual-machines"
PORT = {"name": "ssh", "protocol": "tcp", "port": 50_000, "localPort": 22, "allowedSources": ["Internet", "203.0.113.7"]}


def test_ports_for_the_internet_and_addresses_are_still_opened(tmp_path: Path) -> None:
    async def test(azure: Machines) -> None:
        another = {**PORT, "name": "web", "port": 50_001, "localPort": 443}
        for path, body in ((VMS, {**LINUX, "ports": [PORT]}), (f"{VMS}/{LINUX['name']}/ports", another)):
            with patch("shared.virtual_machines.requests.machine.is_stored", return_value=True):  # as the earlier version did
                operation = await azure.start("POST", path, body)
            ended = await azure.ended(operation)
            assert ended["status"] == "Succeeded", ended["error"]

    run(test, tmp_path / "log", networks)
