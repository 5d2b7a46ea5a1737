"""The sample of the classic service-management guide: its machine with every field, and how it is sent."""

import re
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from tests.virtual_machines.kit import Json, Machines
from tests.virtual_machines.test_classic_sample import plan
from tests.virtual_machines.test_creation import GROUP, WINDOWS
from tests.virtual_machines.test_power_actions import machine

VMS, WEB, TENANT = "/virtual-machines", "/virtual-machines/contoso-web01", "/tenants/contoso"
PLAN: Json = {
    "sizes": [{"name": "Small", "size": "Standard_D2s_v5"}, {"name": "Medium", "size": "Standard_D2s_v3"}],
    "images": [{"name": "windows-2022", "label": "Windows Server 2022", "reference": WINDOWS}],
}
ROLE: Json = {
    "name": "sampleRole", "service": GROUP, "size": "Small", "image": "windows-2022", "computerName": "sampleMach1",
    "adminUsername": "azureuser", "adminPassword": {"value": "myAdminPwd1"}, "osDisk": {"caching": "ReadWrite"},
    "dataDisks": [{"lun": 0, "sizeGB": 10, "caching": "ReadOnly"}],
    "ports": [{"name": "web", "protocol": "tcp", "port": 59919, "localPort": 3395}],
}  # fmt: skip
"""A `VMRole` with every field that has a counterpart: its disks, its `ProvisioningConfiguration` and its `NetworkConfiguration`."""
DEPLOYMENT: Json = {"name": "sampleDeployment", "slot": "Staging", "label": "A sample", "updateDomainCount": 3}
Test = Callable[[Machines], Coroutine[Any, Any, None]]


async def on_plan(azure: Machines) -> None:
    """Put contoso's hosting plan into the registry, with the sizes and the image that the sample names."""
    made = await azure.call("PUT", "/hosting-plans/standard", PLAN, tenant="provider", roles=("Tenants.Write", "Admin"))
    assert made.status == 201, made


async def succeeded(azure: Machines, method: str, path: str, body: object = None) -> Json:
    """Send a change, wait for its end, and return its result."""
    ended = await azure.done(method, path, body)
    assert ended["status"] == "Succeeded", ended["error"]
    result: Json = ended["result"]
    return result


async def refused(azure: Machines, method: str, path: str, body: object = None) -> tuple[int, str, str | None]:
    """Send a change that must be refused."""
    answer = await azure.call(method, f"{TENANT}{path}", body)
    return answer.status, answer.code, answer.target


def off(estate: Json) -> None:
    """Let contoso-web01 be deallocated."""
    plan(estate)
    machine(estate)["powerState"] = "deallocated"


def with_deployment(test: Test) -> Test:
    """Let a test begin with the sample's machine in its deployment."""

    async def whole(azure: Machines) -> None:
        await on_plan(azure)
        await succeeded(azure, "POST", VMS, {**ROLE, "deployment": DEPLOYMENT})
        await test(azure)

    return whole


def rows_of_page() -> dict[str, list[tuple[str, re.Pattern[str]]]]:
    """Return the calls of each operation in docs/service-management.md: the method, and a pattern of the path."""
    page = (Path(__file__).parents[2] / "docs" / "service-management.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\w+)\([^|]*\) \| ([^|]*) \|", page, re.MULTILINE)
    return {name: [_pattern(*call) for call in re.findall(r"`([A-Z]+) (\S+)`", calls)] for name, calls in rows}


def _pattern(method: str, path: str) -> tuple[str, re.Pattern[str]]:
    path = re.escape(path.replace("…", TENANT)).replace(re.escape("{"), "{").replace(re.escape("}"), "}")
    return method, re.compile(re.sub(r"{\w+}", "[^/?]+", path) + r"(\?.*)?")
