"""`python3 -m local demo datacenter`: a virtual data center on the simulated Azure Pack, from its order to its deletion."""

import asyncio
import json
import re
import time
import urllib.request
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import quote

from local.azurite import connection_string
from local.journeys.client import Caller, refusal, send
from local.processes import Trouble
from local.stack import StackOptions

_ROLES: Final = ("Tenants.Write", "Tenants.Read", "Admin")
_SECONDS: Final = 110.0  # wall-clock seconds for one step; at the usual speed it takes a few
_TENANT: Final = "adatum"
_START: Final = "python3 -m local up"
_HOOK_SECRET: Final = "incoming-accounts-hook"  # noqa: S105  # a name, not a secret


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
    print(f"2. The billing system orders {number} by a message: 4 machines, 8 processors, 16 GB, 500 GB.", flush=True)
    _order(options, number, user)
    _until_active(caller, center)
    _open_link(options, _welcome(options, number))
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


def _order(options: StackOptions, number: str, user: str) -> None:
    """Send an order as a billing system does."""
    from azure.storage.queue import QueueClient  # what `up` has installed

    resources = {"vmCount": 4, "cpuCount": 8, "memoryMB": 16384, "storageGB": 500}
    head = {"id": f"{number}-order", "tenant": _TENANT, "operation": "dataCenter.create", "dataCenter": number}
    body = {
        "installation": "pack",
        "plan": "Gold",
        "user": {"name": user},
        "resources": resources,
        "createTenant": {"displayName": "Adatum"},
    }
    with QueueClient.from_connection_string(connection_string(options.storage_port), "tenant-requests") as queue:
        queue.send_message(json.dumps({**head, **body}))


def _until_active(caller: Caller, center: str) -> None:
    """Print each step of an order until the data center is active, and for how long its quota has been waited for."""
    deadline, shown = time.monotonic() + _SECONDS, ""
    while time.monotonic() < deadline:
        reply = caller.send("GET", center)
        found = reply.body if reply.status == 200 else {}
        if found.get("state") in {"Active", "Failed"}:
            if found["state"] == "Failed":
                raise Trouble(f"the order failed; see GET {center}")
            return
        step = next((str(one["step"]) for one in found.get("pending", ())), "")
        if step and step != shown:
            print(f"   {step} …", flush=True)
        elif step == "syncing":
            print(f"   {'▪' * int(_SECONDS - (deadline - time.monotonic()))} quota {found['quotaSync']['state']}", flush=True)
            time.sleep(1)
        shown = step or shown
        time.sleep(0.25)
    raise Trouble(f"the order did not end in time; it continues at {center}")


def _welcome(options: StackOptions, number: str) -> Mapping[str, Any]:
    """Return what a welcome mail needs, from the event of the order's end; the events of others are left on the queue."""
    from azure.storage.queue import QueueClient  # what `up` has installed

    deadline = time.monotonic() + _SECONDS
    with QueueClient.from_connection_string(connection_string(options.storage_port), "outcomes") as queue:
        while time.monotonic() < deadline:
            for message in queue.receive_messages(messages_per_page=32, visibility_timeout=1):
                event = json.loads(message.content)
                result = event["data"].get("result") or {}
                if event["type"] == "farshore.dataCenter.succeeded" and result.get("dataCenter") == number:
                    return dict(result["welcome"])
            time.sleep(0.5)
    raise Trouble(f"the event of the order {number} did not come in time")


def _open_link(options: StackOptions, welcome: Mapping[str, Any]) -> None:
    """Open the one-time link of a welcome mail, which shows the password once."""
    print(f"   The event has what a welcome mail needs: {welcome['userName']} signs in at {welcome['portalUrl']}.", flush=True)
    token = str(welcome["secretUrl"]).partition("#")[2]
    first, second = (send("POST", f"{options.api}/one-time-secrets", {"token": token}) for _ in range(2))
    if (first.status, second.status) != (200, 410):
        raise Trouble(f"a one-time link has to open once: {first.status}, {second.status}")
    print(f"   The link shows a password of {len(first.body['password'])} characters once; a second time: {refusal(second)}", flush=True)


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
    if not _has_users(options):
        return  # kept state of a stack that had none, or an estate without an installation
    caller, pack = Caller.of(options, _ROLES, "provider"), _find(options)
    _keep_hook_token(options)
    if caller.send("GET", f"{options.api}/azure-packs/pack").status == 200:
        return
    put = caller.send("PUT", f"{options.api}/azure-packs/pack", _document(options, pack))
    if put.status != 201:
        raise Trouble(f"the installation was refused: {refusal(put)}")


def _has_users(options: StackOptions) -> bool:
    """Return whether the simulated installation has anything."""
    reply = send("GET", f"{options.azure}/_simulation/azure-pack/state")
    return reply.status == 200 and bool(reply.body["users"])


def _keep_hook_token(options: StackOptions) -> None:
    """Put the token of the simulated accounts service into the simulated Key Vault, as the provider does; raises `Trouble`."""
    identity = f"{options.azure}/_simulation/identity?resource={quote('https://vault.azure.net', safe='')}"
    token = send("GET", identity, headers={"X-IDENTITY-HEADER": "local"}).body["access_token"]
    url = f"{_vault(options)}/secrets/{_HOOK_SECRET}?api-version=7.4"
    body = {"value": "sample-hook-token", "tags": {"tenant": "provider"}}
    put = send("PUT", url, body, {"Authorization": f"Bearer {token}"})
    if put.status != 200:
        raise Trouble(f"the token of the accounts service was refused: {refusal(put)}")


def _vault(options: StackOptions) -> str:
    return f"{options.azure}/_keyvault/farshore"


def _document(options: StackOptions, pack: _Pack) -> dict[str, object]:
    """Return the document of the simulated installation."""
    from local.simulation.azure_pack.sample import PASSWORD

    host = "https://localhost"
    sign_in = {"windowsAuthEndpoint": f"{host}:{pack.port + 4}", "domain": "PACK", "userName": "farshore", "password": {"value": PASSWORD}}
    body: dict[str, object] = {"adminApi": f"{host}:{pack.port}", "portalUrl": "https://portal.pack.example", "signIn": sign_in}
    body["accounts"] = {
        "mode": "hook",
        "url": f"{host}:{pack.port + 6}",
        "token": {"keyVaultSecretId": f"{_vault(options)}/secrets/{_HOOK_SECRET}"},
    }
    return body | {"tenantPublicApis": [f"{host}:{pack.port + 2}"], "tls": {"caBundle": pack.authority}}


def _installation(options: StackOptions, caller: Caller, pack: _Pack) -> None:
    """Write the installation, and check it."""
    body = _document(options, pack)
    _keep_hook_token(options)
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
