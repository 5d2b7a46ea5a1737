"""`python3 -m local demo datacenter`: a virtual data center on the simulated Azure Pack, from its order to its deletion."""

import asyncio
import re
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final

from local.journeys.client import Caller, refusal, send
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Tenants.Write", "Tenants.Read", "Admin")
_SECONDS: Final = 110.0  # wall-clock seconds for one step; at the usual speed it takes a few
_TENANT: Final = "adatum"
_START: Final = "python3 -m local up --azure-pack-port 30004"


@dataclass(frozen=True, slots=True)
class _Pack:
    """The simulated installation: the port of its administrator's API, and its authority, PEM."""

    port: int
    authority: str


@dataclass(slots=True)
class _Watcher:
    """Prints each step of an operation once."""

    shown: str = ""

    def on_read(self, operation: Mapping[str, Any]) -> None:
        """Print the step that the operation is at."""
        if operation["step"] != self.shown:
            self.shown = str(operation["step"])
            print(f"   {operation['percentComplete']:3} % {self.shown} …", flush=True)


def order_and_delete(options: StackOptions) -> int:
    """Run the journey on a running stack and print each step; return 0 on success. Raises `Trouble` with the reason for a failure."""
    pack, caller = _find(options), Caller.of(options, _ROLES, "provider")
    _installation(options, caller, pack)
    number = f"demo-{int(time.time())}"
    center, user = f"{options.api}/tenants/{_TENANT}/data-centers/{number}", f"{number}@example.com"
    print(f"2. The billing system orders {number}: 4 machines, 8 processors, 16 GB, 500 GB.", flush=True)
    resources = {"vmCount": 4, "cpuCount": 8, "memoryMB": 16384, "storageGB": 500}
    body = {"plan": "Gold", "user": {"name": user}, "resources": resources, "createTenant": {"displayName": "Adatum"}}
    ordered = _done(caller, caller.send("PUT", center, {"installation": "pack", **body}), "the order")
    welcome = ordered["result"]["welcome"]
    print(f"   The customer signs in as {welcome['userName']} at {welcome['portalUrl']}: that is in the event.", flush=True)
    print("3. The customer makes two machines with a certificate, by the tenant public API, and stops one of them.", flush=True)
    asyncio.run(_make_machines(options, pack, user))
    print("4. The billing system raises the order to 12 processors.", flush=True)
    changed = _done(caller, caller.send("PATCH", center, {"resources": {"cpuCount": 12}}), "the change")
    print(
        f"   In force: {changed['result']['resources']['cpuCount']} processors, before {changed['result']['previous']['cpuCount']}.",
        flush=True,
    )
    print("5. The customer does not pay: suspended, machines first.", flush=True)
    suspended = _done(caller, caller.send("POST", f"{center}/suspend", {"reason": "unpaid"}), "the suspension")
    print(
        f"   {suspended['result']['machines']['ran']} of {suspended['result']['machines']['total']} machines ran, and is stopped.",
        flush=True,
    )
    print("6. The customer has paid: exactly the machine that ran is started.", flush=True)
    resumed = _done(caller, caller.send("POST", f"{center}/resume", {}), "the resume")
    print(f"   {resumed['result']['machines']['done']} machine was started.", flush=True)
    print("7. The customer leaves: machines, subscription, add-on and user are deleted.", flush=True)
    deletion = {"confirm": number, "deleteMachines": True}
    deleted = _done(caller, caller.send("DELETE", center, deletion), "the deletion")
    print(f"   {deleted['result']['machinesDeleted']} machines are deleted; nothing is left of {number} at Azure Pack.", flush=True)
    ran, started = suspended["result"]["machines"]["ran"], resumed["result"]["machines"]["done"]
    if (ran, started, deleted["result"]["machinesDeleted"]) != (1, 1, 2):
        raise Trouble(f"one machine should have run and been started, and two deleted: {ran}, {started}, {deleted['result']}")
    return 0


def _find(options: StackOptions) -> _Pack:
    """Return the simulated installation; raises `Trouble` where the stack has none."""
    try:
        with urllib.request.urlopen(f"{options.azure}/_simulation/azure-pack/ca", timeout=10) as answer:  # noqa: S310  # this machine
            authority = answer.read().decode()
    except OSError as error:
        raise Trouble(f"the stack has no simulated Azure Pack ({error}); start it with `{_START}`") from error
    return _Pack(_public_port(_publish_settings(options, "admin@northwind.example")) - 2, authority)


def _publish_settings(options: StackOptions, user: str) -> str:
    """Return a publishsettings file with a new certificate of a user."""
    url, body = f"{options.azure}/_simulation/azure-pack/publishsettings", f'{{"user": "{user}"}}'.encode()
    request = urllib.request.Request(url, data=body, headers={"Content-Type": "application/json"})  # noqa: S310  # this machine
    with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # this machine
        return str(answer.read().decode())


def _public_port(settings: str) -> int:
    found = re.search(r'(?:ServiceManagementUrl|Url)="https://localhost:(\d+)', settings)
    if found is None:
        raise Trouble("the publishsettings file of the simulation has no address")
    return int(found[1])


def seed_azure_pack(options: StackOptions) -> None:
    """Register the simulated installation as `pack`, unless it is known; raises `Trouble` with the reason."""
    caller, pack = Caller.of(options, _ROLES, "provider"), _find(options)
    if caller.send("GET", f"{options.api}/azure-packs/pack").status == 200:
        return
    put = caller.send("PUT", f"{options.api}/azure-packs/pack", _document(pack))
    if put.status != 201:
        raise Trouble(f"the installation was refused: {refusal(put)}")


def _document(pack: _Pack) -> dict[str, object]:
    """Return the document of the simulated installation."""
    from local.simulation.azure_pack.sample import PASSWORD

    host = "https://localhost"
    sign_in = {"windowsAuthEndpoint": f"{host}:{pack.port + 4}", "domain": "PACK", "userName": "farshore", "password": {"value": PASSWORD}}
    body: dict[str, object] = {"adminApi": f"{host}:{pack.port}", "portalUrl": "https://portal.pack.example", "signIn": sign_in}
    return body | {"tenantPublicApis": [f"{host}:{pack.port + 2}"], "tls": {"caBundle": pack.authority}}


def _installation(options: StackOptions, caller: Caller, pack: _Pack) -> None:
    """Write the installation, and check it."""
    body = _document(pack)
    print("1. The provider registers its Azure Pack, and has it checked.", flush=True)
    known = caller.send("GET", f"{options.api}/azure-packs/pack").status == 200
    put = caller.send("PUT", f"{options.api}/azure-packs/pack", body, {"If-Match": "*"} if known else None)
    if put.status not in {200, 201}:
        raise Trouble(f"the installation was refused: {refusal(put)}")
    checked = caller.send("POST", f"{options.api}/azure-packs/pack/check")
    if checked.status != 200:
        raise Trouble(f"the check was refused: {refusal(checked)}")
    for one in checked.body["checks"]:
        print(f"   {one['name']}: {one['result']}. {one['message']}", flush=True)
    if any(one["result"] == "failure" for one in checked.body["checks"]):
        raise Trouble("the installation cannot be used: see the checks above")


def _done(caller: Caller, reply: Any, name: str) -> Mapping[str, Any]:  # noqa: ANN401  # a reply of the client
    """Follow an operation to its end and return it; raises `Trouble` unless it succeeded."""
    if reply.status not in {200, 202}:
        raise Trouble(f"{name} was refused: {refusal(reply)}")
    operation = caller.follow(reply.headers["Operation-Location"], name, _SECONDS, _Watcher().on_read)
    if operation["status"] != "Succeeded":
        raise Trouble(f"{name} ended {operation['status']}: {(operation.get('error') or {}).get('message')}")
    return operation


async def _make_machines(options: StackOptions, pack: _Pack, user: str) -> None:
    """Make two machines as the customer does, one of them stopped."""
    from shared.azure_pack import CertificateAuthorization, NewMachine, TenantClient, TlsOptions, Transport, read_publish_settings

    def now() -> datetime:
        return datetime.now(UTC)

    (published, *_) = read_publish_settings(_publish_settings(options, user), now=now()).subscriptions
    transport = Transport(tls=TlsOptions(ca_bundle=pack.authority), certificate=published.certificate, now=now)
    try:
        vmm = TenantClient(published.service_url, transport, CertificateAuthorization()).machines(published.id)
        cloud, template = await anext(vmm.clouds()), await anext(vmm.templates())
        for name, start in (("web", True), ("idle", False)):
            new = NewMachine(name, cloud.stamp, cloud.id, template=template.id, cpu_count=1, memory=1024, start=start)
            await vmm.create_machine(new)
        await _until_ready(vmm, options)
    finally:
        await transport.close()


async def _until_ready(vmm: Any, options: StackOptions) -> None:  # noqa: ANN401  # imported where it is needed
    """Wait until both machines are made."""
    deadline = time.monotonic() + _SECONDS
    while time.monotonic() < deadline:
        states: Sequence[str] = [one.status_string or "" async for one in vmm.machines()]
        if len(states) == 2 and not any("..." in state for state in states):
            print(f"   {', '.join(states)}.", flush=True)
            return
        await asyncio.sleep(0.5)
    raise Trouble(f"the machines were not made in time; {send('GET', options.azure + '/_simulation/clock').status}")
