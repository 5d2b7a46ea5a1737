"""`python3 -m local demo tenant`: a tenant on the spare subscription, and its machine from creation to deletion, with a line for each step.

What is left at the end is the resource group, empty, and the names of the tenant and the plan, which are never used again.
"""

import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from local.calls import Reply
from local.journeys.client import Caller, read_estate, refusal
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Tenants.Write", "Tenants.Read", "Admin")
_SPARE: Final = "Spare"
_MACHINE: Final = "sampleRole"
_IMAGE: Final = "sampleImage"
_MACHINES: Final = "/virtual-machines"
_SECONDS: Final = 120.0  # wall-clock seconds for one operation; at the usual speed it takes a few
_RELEASE: Final = 70.0  # wall-clock seconds: a released subscription is kept from other tenants for 60
_KINDS: Final = (
    "virtualMachines",
    "disks",
    "networkInterfaces",
    "networkSecurityGroups",
    "publicIPAddresses",
    "loadBalancers",
    "availabilitySets",
)


def tenant_and_machine(options: StackOptions) -> int:
    """Run the journey on a running stack and print each step; return 0 on success, else 1.

    Raises `Trouble` where there is no answer, a request is refused, or the estate has no spare subscription.
    """
    journey = _Journey(options, Caller.of(options, _ROLES, "provider"), _Spare.of(options))
    before = journey.in_azure()
    try:
        journey.register()
        steps = (
            journey.create_service,
            journey.create_machine,
            journey.show_deployment,
            journey.shut_down,
            journey.capture,
            journey.use_image,
        )
        if not all(step() for step in steps):
            return 1
    finally:
        journey.unregister()
    left = journey.in_azure() - before
    if left:
        print(f"Left behind: {', '.join(sorted(left))}", flush=True)
        return 1
    print("Nothing that the journey made is left.", flush=True)
    return 0


@dataclass(frozen=True, slots=True)
class _Spare:
    """The subscription that no tenant has, and its resource group, vault and subnet."""

    subscription: str
    group: str
    region: str
    vault: str
    subnet: str

    @staticmethod
    def of(options: StackOptions) -> "_Spare":
        estate = read_estate(options)
        for subscription in estate["subscriptions"]:
            if subscription.get("displayName") == _SPARE:
                prefix = f"/subscriptions/{subscription['id']}/"
                group = next(one for one in estate["resourceGroups"] if one["id"].startswith(prefix))
                network = next(
                    one for one in estate["virtualNetworks"] if one["id"].startswith(prefix) and one["location"] == group["location"]
                )
                vault = next(one for one in estate["vaults"] if one["id"].startswith(prefix))
                name = group["id"].rsplit("/", 1)[-1]
                return _Spare(subscription["id"], name, group["location"], vault["id"], f"{network['id']}/subnets/default")
        raise Trouble("the estate has no subscription 'Spare'; start with the sample estate")


@dataclass(slots=True)
class _Journey:
    options: StackOptions
    caller: Caller
    spare: _Spare
    name: str = field(default_factory=lambda: f"demo-{secrets.token_hex(3)}")
    number: int = 0

    def register(self) -> None:
        """Create the hosting plan and the tenant, and show whether it is ready."""
        plan = {
            "displayName": "Demonstration",
            "regions": [self.spare.region],
            "sizes": [{"name": "Small", "size": "Standard_D2s_v5"}],
            "images": [{"name": "windows-2022", "label": "Windows Server 2022", "reference": _WINDOWS}],
        }
        self._announce(f"A hosting plan and a tenant, {self.name}, on a subscription that no tenant has.")
        self._expect(self._put(f"/hosting-plans/{self.name}", plan), 201)
        tenant = {
            "displayName": "Demonstration",
            "plan": self.name,
            "subscriptions": [self.spare.subscription],
            "vaultId": self.spare.vault,
            "region": self.spare.region,
            "networks": [{"region": self.spare.region, "subnetId": self.spare.subnet}],
        }
        deadline = time.monotonic() + _RELEASE
        made = self._put(f"/tenants/{self.name}", tenant)
        while made.status == 409 and made.headers.get("Retry-After") and time.monotonic() < deadline:
            print("   The subscription was another tenant's within the last minute; waiting until it is free …", flush=True)
            time.sleep(float(made.headers["Retry-After"]))
            made = self._put(f"/tenants/{self.name}", tenant)
        self._expect(made, 201)
        ready = self._expect(self.caller.send("GET", f"{self.options.api}/tenants/{self.name}/readiness"), 200).body
        print(f"   Readiness: {ready['result']}.", flush=True)
        for check in ready["checks"]:
            if check["result"] != "pass":
                print(f"   {check['name']}: {check['message']}", flush=True)

    def create_service(self) -> bool:
        """Create the service, which is a resource group."""
        self._announce(f"A service, {self.name}: a resource group for the tenant's machines.")
        return self._change("POST", "/services", {"name": self.name, "region": self.spare.region})

    def create_machine(self) -> bool:
        """Create the machine in the slot Staging, with a data disk and a port."""
        self._announce("A Windows machine in the slot Staging, with a data disk of 10 GB and RDP on port 59919.")
        deployment = {"name": "sampleDeployment", "slot": "Staging"}
        port = {"name": "rdp", "protocol": "tcp", "port": 59919, "localPort": 3389}
        body = self._machine("windows-2022") | {"deployment": deployment, "dataDisks": [{"lun": 0, "sizeGB": 10}], "ports": [port]}
        return self._change("POST", _MACHINES, body)

    def show_deployment(self) -> bool:
        """Find the deployment by its slot, with its machine and its public address."""
        self._announce("The deployment of the slot Staging.")
        found = self._get(f"/services/{self.name}/deployments?slot=Staging")["value"]
        for one in found:
            machines = ", ".join(f"{machine['name']} {machine['powerState']}" for machine in one["virtualMachines"])
            print(f"   {one['name']} is {one['status']}: {machines}, at {one['publicIp']}.", flush=True)
        return len(found) == 1

    def shut_down(self) -> bool:
        """Start again what was deallocated, and deallocate it once more."""
        for action, text, body in (
            ("shut-down", "Shut down and deallocated: it is no longer billed.", {"state": "deallocated"}),
            ("start", "Started again.", None),
            ("shut-down", "Shut down for the capture.", {"state": "deallocated"}),
        ):
            self._announce(text)
            if not self._change("POST", f"{_MACHINES}/{_MACHINE}/{action}", body):
                return False
        return True

    def capture(self) -> bool:
        """Make an image of the machine, which is deleted, and delete the data disk that it leaves."""
        self._announce("An image of its OS disk; the machine, its adapter, rules, balancer, address and availability set are deleted.")
        data = [disk["name"] for disk in self._get(f"{_MACHINES}/{_MACHINE}")["dataDisks"]]
        body = {"imageName": _IMAGE, "after": "delete", "prepared": True, "confirm": _MACHINE, "deleteDisks": "os"}
        if not self._change("POST", f"{_MACHINES}/{_MACHINE}/capture", body):
            return False
        listed = [image["name"] for image in self._get("/images?kind=own")["value"]]
        print(f"   Images of the tenant: {', '.join(listed)}.", flush=True)
        return _IMAGE in listed and all(self._change("DELETE", f"/disks/{disk}?confirm={disk}") for disk in data)

    def use_image(self) -> bool:
        """Create a machine of the image, and delete it with its disks, and the image."""
        self._announce("A second machine, of the image.")
        if not self._change("POST", _MACHINES, self._machine(_IMAGE)):
            return False
        self._announce("The machine is deleted with its disks, and the image.")
        paths = (f"{_MACHINES}/{_MACHINE}?confirm={_MACHINE}&deleteDisks=all", f"/images/{_IMAGE}?confirm={_IMAGE}")
        return all(self._change("DELETE", path) for path in paths)

    def _machine(self, image: str) -> dict[str, Any]:
        return {
            "name": _MACHINE,
            "service": self.name,
            "size": "Small",
            "image": image,
            "computerName": "sampleMach1",
            "adminUsername": "operator1",
            "adminPassword": {"value": f"{secrets.token_urlsafe(16)}aA1!"},
        }

    def unregister(self) -> None:
        """Delete the tenant and the hosting plan."""
        self._announce("The tenant and the plan are deleted; their names are never used again.")
        for path in (f"/tenants/{self.name}", f"/hosting-plans/{self.name}"):
            reply = self.caller.send("DELETE", f"{self.options.api}{path}?confirm={self.name}")
            if reply.status not in (204, 404):
                print(f"   {path} could not be deleted: {refusal(reply)}", flush=True)

    def in_azure(self) -> set[str]:
        """Return the ids of what the spare subscription has in Azure."""
        estate = read_estate(self.options)
        prefix = f"/subscriptions/{self.spare.subscription}/".lower()
        return {one["id"] for kind in _KINDS for one in estate.get(kind, []) if one["id"].lower().startswith(prefix)}

    def _change(self, method: str, path: str, body: Mapping[str, Any] | None = None) -> bool:
        """Send a change and follow it; return whether it succeeded."""
        accepted = self._expect(self.caller.send(method, self._url(path), body), 202)
        shown: list[str] = []

        def show(operation: Mapping[str, Any]) -> None:
            if operation.get("step") and operation["step"] not in shown:
                shown.append(operation["step"])
                print(f"   {operation['step']} …", flush=True)

        ended = self.caller.follow(accepted.headers["Operation-Location"], path, _SECONDS, show)
        if ended["status"] != "Succeeded":
            error = ended.get("error") or {}
            print(f"   {ended['status']}: {error.get('code', '')}: {error.get('message', 'no reason given')}", flush=True)
            return False
        for warning in (ended.get("result") or {}).get("warnings") or ():
            print(f"   Note: {warning}", flush=True)
        return True

    def _url(self, path: str) -> str:
        return f"{self.options.api}/tenants/{self.name}{path}"

    def _get(self, path: str) -> Mapping[str, Any]:
        return dict(self._expect(self.caller.send("GET", self._url(path)), 200).body)

    def _put(self, path: str, body: Mapping[str, Any]) -> Reply:
        return self.caller.send("PUT", f"{self.options.api}{path}", body, {"If-None-Match": "*"})

    def _expect(self, reply: Reply, status: int) -> Reply:
        if reply.status != status:
            raise Trouble(f"step {self.number} was refused: {refusal(reply)}")
        return reply

    def _announce(self, text: str) -> None:
        self.number += 1
        print(f"{self.number}. {text}", flush=True)


_WINDOWS: Final = {
    "publisher": "MicrosoftWindowsServer",
    "offer": "WindowsServer",
    "sku": "2022-datacenter-azure-edition",
    "version": "latest",
}
