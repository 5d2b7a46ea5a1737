"""Each route and message of virtual machines on each backend: it works, or it is 409 with what does (docs/design/azure-pack.md)."""

import re

from functions.capabilities import load
from shared.access.records.tenant import Backend
from shared.virtual_machines.azure_pack.messages import of_both_backends
from shared.virtual_machines.messages import MESSAGES as MESSAGES_OF_MACHINES
from tests.data_centers.bench import Bench
from tests.data_centers.documents import OTHER, TENANT, WRITER, Json
from tests.virtual_machines.azure_pack.kit import CUSTOMER, TEMPLATE, customer

MACHINE, CHECKPOINT = "/virtual-machines/{vm}", "/virtual-machines/{vm}/checkpoints"
PORT: Json = {"name": "ssh", "protocol": "tcp", "port": 2222, "localPort": 22}
BOTH: list[tuple[str, str, object]] = [
    ("GET", "/virtual-machines", None), ("GET", MACHINE, None), ("POST", "/virtual-machines", TEMPLATE),
    ("PATCH", MACHINE, {"description": "d"}), ("POST", f"{MACHINE}/start", None), ("POST", f"{MACHINE}/restart", None),
    ("POST", f"{MACHINE}/shut-down", {"state": "stopped"}),
    ("GET", f"{MACHINE}/ports", None), ("POST", f"{MACHINE}/ports", PORT), ("DELETE", MACHINE + "/ports/{port}", None),
    ("GET", "/sizes", None), ("GET", "/networks", None), ("GET", "/images", None), ("GET", "/images/{image}", None),
    ("DELETE", MACHINE, {"confirm": "web-1", "deleteDisks": "all"}),
]  # fmt: skip
"""Routes that work on both backends, with a body that is right on Azure Pack."""
AZURE_PACK_ONLY: list[tuple[str, str, object]] = [
    *(("POST", f"{MACHINE}/{action}", None) for action in ("stop", "pause", "resume", "save", "repair")),
    ("GET", CHECKPOINT, None), ("POST", CHECKPOINT, {"name": "c"}),
    ("POST", CHECKPOINT + "/{checkpoint}/restore", None), ("DELETE", CHECKPOINT + "/{checkpoint}", None),
]  # fmt: skip
RESOURCE_MANAGER_ONLY: list[tuple[str, str, object]] = [
    ("GET", f"{MACHINE}/data-disks", None), ("POST", f"{MACHINE}/data-disks", {"sizeGB": 1}),
    ("PATCH", MACHINE + "/data-disks/{lun}", {"sizeGB": 2}), ("DELETE", MACHINE + "/data-disks/{lun}", None),
    ("GET", "/services", None), ("GET", "/services/{service}", None), ("POST", "/services", {"name": "xx"}),
    ("GET", "/services/{service}/deployments", None), ("GET", "/services/{service}/deployments/{deployment}", None),
    ("POST", "/images", {"name": "x"}), ("DELETE", "/images/{image}", None), ("POST", f"{MACHINE}/capture", {}),
    ("GET", "/disks", None), ("GET", "/disks/{disk}", None), ("DELETE", "/disks/{disk}", None),
    ("POST", "/disks/{disk}/access", {"duration": "PT1H"}), ("DELETE", "/disks/{disk}/access", None),
    ("POST", "/disks/{disk}/access/{operation}/reveal", None),
]  # fmt: skip
MESSAGES: dict[str, Backend | None] = {
    **dict.fromkeys(("create", "update", "delete", "start", "shutDown", "restart", "addPort", "removePort")),
    **dict.fromkeys(
        ("stop", "pause", "resume", "save", "repair", "createCheckpoint", "restoreCheckpoint", "deleteCheckpoint"), Backend.AZURE_PACK
    ),
}
"""Messages of machines, with the one backend that has them; None: both. Every other one is Resource Manager's."""
NAMES = {"vm": "web-1", "image": "Ubuntu", "lun": "0", "checkpoint": "none", "port": "none", "operation": "a" * 26}


def filled(tenant: str, path: str) -> str:
    """Return the path of a tenant's route with names in it."""
    return f"/tenants/{tenant}" + re.sub(r"\{(\w+)\}", lambda found: NAMES.get(found[1], "x"), path)


def test_the_table_has_every_route() -> None:
    (capability,) = load(("virtual_machines",))
    known = {(one.route.method, one.route.path.removeprefix("/tenants/{tenant}")) for one in capability.endpoints}
    assert known == {(method, path) for method, path, _ in (*BOTH, *AZURE_PACK_ONLY, *RESOURCE_MANAGER_ONLY)}


async def test_each_route_works_or_is_409_with_what_does() -> None:
    async with customer() as app:
        before = len(app.sent)
        for method, path, body in RESOURCE_MANAGER_ONLY:
            await refused(app, method, filled(TENANT, path), body, CUSTOMER)
        for method, path, body in AZURE_PACK_ONLY:
            await refused(app, method, filled(OTHER, path), body, WRITER)
        assert len(app.sent) == before, "Azure Pack is not asked"
        for method, path, body in (*BOTH, *AZURE_PACK_ONLY):
            reply = await app.request(method, filled(TENANT, path), body, caller=CUSTOMER)
            ours = reply.status in {200, 202} or reply.code in {"NotFound", "NetworkWithoutGateway", "ScopeBusy"}
            assert ours, (method, path, reply)
            await app.advance(120)


async def refused(app: Bench, method: str, path: str, body: object, caller: tuple[str, ...]) -> None:
    """Require that a request is refused for its backend, with what is offered instead."""
    reply = await app.request(method, path, body, caller=caller)
    assert (reply.status, reply.code) == (409, "NotSupportedByBackend"), (method, path, reply)
    assert len(reply.body["error"]["message"]) > 40, "it has what is offered instead"


async def test_each_message_goes_to_a_backend_that_has_it() -> None:
    offered = of_both_backends(MESSAGES_OF_MACHINES)
    words = [word for kind, word in offered if kind == "virtualMachine" and word not in {"cancel", "retry", "resolve"}]
    async with customer() as app:
        wrong: set[str] = set()
        for word in words:
            backend = MESSAGES.get(word, Backend.RESOURCE_MANAGER)
            for tenant, of_tenant in ((TENANT, Backend.AZURE_PACK), (OTHER, Backend.RESOURCE_MANAGER)):
                if backend is not None and backend is not of_tenant:
                    wrong.add(f"{tenant}-{word}")
                    app.send(
                        {"id": f"{tenant}-{word}", "tenant": tenant, "operation": f"virtualMachine.{word}", "target": "web-1", "name": "c"}
                    )
        await app.advance()
        for _ in range(5):
            app.redeliver()
            await app.advance()
        rejected = (await app.request("GET", "/rejected-messages?top=100")).body["value"]
        assert {one["messageId"]: one["reason"]["code"] for one in rejected} == dict.fromkeys(wrong, "NotSupportedByBackend")
        assert MESSAGES.keys() <= set(words)
