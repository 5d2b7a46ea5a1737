"""A small estate for machines, and the bodies of what they need."""

from dataclasses import dataclass
from typing import Any

from tests.local.simulated import Azure, Reply

NETWORK = "2024-05-01"
COMPUTE = "2025-04-01"
DISKS = "2024-03-02"
SUBSCRIPTION = "5c1f6c53-7a25-4c52-9d6c-1d9a0b5c4f10"
GROUP = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/apps"
PASSWORD = "myAdminPwd1"  # of a simulated machine
WINDOWS = {"publisher": "MicrosoftWindowsServer", "offer": "WindowsServer", "sku": "2022-datacenter-azure-edition", "version": "latest"}
LINUX = {"publisher": "Canonical", "offer": "ubuntu-24_04-lts", "sku": "server", "version": "latest"}
SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/default"
SMALL_SUBNET = f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net/subnets/small"


def estate(**members: Any) -> dict[str, Any]:
    """Return an estate of one subscription with a network and a storage account, in which everything is allowed."""
    group = {"id": GROUP, "location": "westeurope"}
    return {
        "subscriptions": [{"id": SUBSCRIPTION, "tenantId": "t", "locations": ["westeurope", "northeurope"]}],
        "resourceGroups": [group],
        "virtualNetworks": [
            {
                "id": f"{GROUP}/providers/Microsoft.Network/virtualNetworks/net",
                "location": "westeurope",
                "subnets": [{"name": "default", "addressPrefix": "10.0.0.0/24"}, {"name": "small", "addressPrefix": "10.0.1.0/29"}],
            }
        ],
        "storageAccounts": [
            {
                "id": f"{GROUP}/providers/Microsoft.Storage/storageAccounts/blobs",
                "location": "westeurope",
                "blobs": [{"uri": "https://blobs.blob.core.windows.net/vhds/a.vhd", "sizeGB": 40}],
            }
        ],
        "principals": [{"id": "p", "name": "farshore", "roleAssignments": [{"scope": "/", "actions": ["*"]}]}],
        **members,
    }


@dataclass(frozen=True, slots=True)
class Cloud:
    """Calls of one resource group."""

    azure: Azure

    async def send(self, method: str, path: str, body: Any = None, **options: Any) -> Reply:
        """Send a request below `providers/` of the group; the api-version is that of the namespace."""
        kind = path.lower()
        default = NETWORK if kind.startswith("microsoft.network") else DISKS if kind.startswith("microsoft.compute/disks") else COMPUTE
        version = options.pop("version", default)
        return await self.azure.call(method, f"{GROUP}/providers/{path}", body, version=version, **options)

    async def made(self, path: str, body: Any, **options: Any) -> Any:
        """Make a resource, let it end, and return it."""
        answer = await self.send("PUT", path, body, **options)
        assert answer.status in (200, 201, 202), answer.body
        await self.azure.control.advance("PT3M")
        read = await self.send("GET", path, version=options.get("version") or _default(path))
        assert read.body["properties"]["provisioningState"] == "Succeeded", read.body
        return read.body

    async def interface(self, name: str = "nic", **properties: Any) -> str:
        """Make an interface; returns its id."""
        made = await self.made(f"Microsoft.Network/networkInterfaces/{name}", interface_body(**properties))
        return str(made["id"])

    async def machine(self, name: str = "vm", **options: Any) -> Any:
        """Make a machine with an interface of its own, and let it come up."""
        nic = await self.interface(f"{name}-nic")
        return await self.made(f"Microsoft.Compute/virtualMachines/{name}", machine_body(nic, **options))

    async def view(self, name: str = "vm") -> list[str]:
        """Return the codes of a machine's statuses."""
        answer = await self.send("GET", f"Microsoft.Compute/virtualMachines/{name}/instanceView")
        return [status["code"] for status in answer.body["statuses"]]

    async def act(self, action: str, name: str = "vm", **options: Any) -> Reply:
        """Send an action to a machine."""
        return await self.send("POST", f"Microsoft.Compute/virtualMachines/{name}/{action}", **options)

    async def ended(self, answer: Reply, after: str = "PT3M") -> Any:
        """Return what the operation of an answer shows after a time."""
        await self.azure.control.advance(after)
        return (await self.azure.call("GET", answer.headers["Azure-AsyncOperation"])).body


def _default(path: str) -> str:
    kind = path.lower()
    return NETWORK if kind.startswith("microsoft.network") else DISKS if kind.startswith("microsoft.compute/disks") else COMPUTE


def interface_body(subnet: str = SUBNET, **configuration: Any) -> dict[str, Any]:
    """Return the body of an interface."""
    group = configuration.pop("group", None)
    properties: dict[str, Any] = {
        "ipConfigurations": [{"name": "first", "properties": {"subnet": {"id": subnet}, **configuration}}],
        **({"networkSecurityGroup": {"id": group}} if group else {}),
    }
    return {"location": "westeurope", "properties": properties}


def machine_body(interface: str, **options: Any) -> dict[str, Any]:
    """Return the body of a Windows machine; `options` replace members of its properties, `top` members beside them."""
    top = options.pop("top", {})
    system = {"createOption": "FromImage", **options.pop("system", {})}
    profile = {"computerName": "sampleMach1", "adminUsername": "operator1", "adminPassword": PASSWORD, **options.pop("profile", {})}
    properties = {
        "hardwareProfile": {"vmSize": options.pop("size", "Standard_D2s_v5")},
        "storageProfile": {"imageReference": options.pop("image", WINDOWS), "osDisk": system, "dataDisks": options.pop("disks", [])},
        "osProfile": profile,
        "networkProfile": {"networkInterfaces": [{"id": interface, "properties": {"deleteOption": "Delete"}}]},
        **options,
    }
    return {"location": "westeurope", "properties": {name: value for name, value in properties.items() if value is not None}, **top}
