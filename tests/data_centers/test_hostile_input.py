"""Hostile input to orders, changes, installations and messages: each field with a value that does not belong there."""

import copy
from collections.abc import Iterator, Mapping
from typing import Any, Final

import pytest

from shared.operations.outside.receiving import Delivery
from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, Json, installation, order
from tests.data_centers.transport import as_text

VALUES: Final[tuple[Any, ...]] = (
    None, True, -1, 1.5, 2**70, "", " ", "x" * 5000, "\u0000", "../../x", "<x>&'", [], [[None]], {}, {"value": 1}, "P9999Y", ["a"] * 100,
)  # fmt: skip
CENTERS: Final = f"/tenants/{TENANT}/data-centers"
ORDER: Final = order(
    name="n", installation="pack", addOns=["backup"], operationAfterSuspension="stop", startOnResume=True, tags={"a": "b"},
    createTenant={"displayName": "x"},
    user={"name": "a@b.example", "email": "a@b.example", "existing": False, "password": {"value": "x" * 12}},
)  # fmt: skip
CHANGE: Final = {name: ORDER[name] for name in ("name", "plan", "resources", "addOns", "operationAfterSuspension", "startOnResume")}
DOCUMENT: Final = installation(
    tls={"caBundle": None, "serverName": None, "securityLevel": 2}, machines={"via": "admin", "update": "PUT", "saveOperation": "Save"},
    defaults={"plan": None, "shutdownTimeout": "PT10M"}, calls={"inFlight": 8, "perMinute": 300}, proxy=None, portalUrl=None,
)  # fmt: skip


def places(document: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The members of a document and of what is in it, and one that is not known."""
    yield (*above, "unknown")
    for name, value in document.items():
        yield (*above, name)
        if isinstance(value, dict):
            yield from places(value, (*above, name))


def spoiled(document: Json, first: int) -> Iterator[tuple[tuple[str, ...], Json]]:
    """Copies of a document, each with one member that holds one of the values in turn."""
    for number, place in enumerate(places(document), first):
        changed = copy.deepcopy(document)
        holder: Any = changed
        for name in place[:-1]:
            holder = holder[name]
        holder[place[-1]] = VALUES[number % len(VALUES)]
        yield place, changed


@pytest.mark.parametrize(
    ("method", "path", "document"),
    [("PUT", f"{CENTERS}/{{}}?dryRun=true", ORDER), ("PATCH", f"{CENTERS}/none", CHANGE), ("PUT", "/azure-packs/p{}", DOCUMENT)],
    ids=["order", "change", "installation"],
)
async def test_each_field_with_a_value_that_does_not_belong_there(method: str, path: str, document: Json) -> None:
    async with bench() as app:
        assert (await app.request(method, path.format("x"), document)).status in {200, 201, 404}, "as it is, only the change has no target"
        for number, (place, body) in enumerate(spoiled(document, 0)):
            reply = await app.request(method, path.format(number), body)
            assert reply.status < 500, (place, body, reply)
            assert reply.status == 400 or place[-1] != "unknown" or place[0] == "tags", (place, reply)
        for body in VALUES:
            assert (await app.request(method, path.format("x"), body)).status < 500, body


async def deliver(app: Bench, content: bytes) -> None:
    """Deliver a message for the fifth time: it is taken in or rejected; what raises goes to the poison queue."""
    await app.runtime.receive(Delivery("tenant-requests", "m", content, app.platform.clock.now(), 5))


async def test_messages_with_values_that_do_not_belong_there_are_taken_in_or_rejected() -> None:
    head = {"tenant": TENANT, "target": "none", "after": "none"}
    kept = {name: value for name, value in ORDER.items() if name != "user"}
    bodies = {
        "create": {"tenant": TENANT, "dataCenter": "1", "after": "none", "user": {"name": "a@b.example"}, **kept},
        "change": {**head, **CHANGE},
        "suspend": {**head, "reason": "r", "operationAfterSuspension": "stop"},
        "delete": {**head, "deleteMachines": True, "force": False},
    }
    async with bench() as app:
        for first, (operation, body) in enumerate(bodies.items()):
            for number, (_, changed) in enumerate(spoiled(body, first)):
                await deliver(app, as_text({"id": f"{operation}{number}", "operation": f"dataCenter.{operation}", **changed}))
        for content in (b"", b"null", b"[]", b"{", b"\xff\xfe", b'{"id": 1}', b'{"id": "a", "operation": "dataCenter."}'):
            await deliver(app, content)
