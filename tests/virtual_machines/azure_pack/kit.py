"""The bench with an imported subscription of the sample installation: two machines run, one is stopped, one is paused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from tests.data_centers.bench import Bench, bench
from tests.data_centers.documents import TENANT, Json
from tests.support.api import Reply

CUSTOMER = (TENANT, "Tenants.Write", "Tenants.Read")
MACHINES = f"/tenants/{TENANT}/virtual-machines"
TEMPLATE: Json = {"name": "app-1", "image": "Ubuntu", "network": "Office"}


@asynccontextmanager
async def customer(**settings: Any) -> AsyncIterator[Bench]:
    """Run the bench, and import the customer's subscription."""
    async with bench(**settings) as app:
        body = {"publishSettings": {"value": app.publish_settings()}}
        reply = await app.request("POST", f"/tenants/{TENANT}/azure-pack-subscriptions/import", body, caller=CUSTOMER)
        assert reply.status == 200, reply
        yield app


async def ask(app: Bench, method: str, path: str, body: object = None, **options: Any) -> Reply:
    """Send a request below the customer's machines as its own caller."""
    return await app.request(method, f"{MACHINES}{path}", body, caller=CUSTOMER, **options)


async def done(app: Bench, reply: Reply) -> Json:
    """Return the operation of a request once it has ended."""
    assert reply.status == 202, reply
    [ended] = await app.until_ended(reply)
    return ended


async def succeeded(app: Bench, reply: Reply) -> Json:
    """Return the result of an operation that succeeds."""
    ended = await done(app, reply)
    assert ended["status"] == "Succeeded", ended
    return cast("Json", ended["result"])


def named(app: Bench, name: str) -> list[Json]:
    """Return the machines of a name as the installation holds them."""
    return [one for one in app.pack.gate.state.entities("VirtualMachines") if one["Name"] == name]
