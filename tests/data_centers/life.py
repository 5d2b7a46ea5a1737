"""The five messages of a data center's life, the writes that they come to, and how they are delivered."""

from datetime import timedelta

from shared.data_centers.rules.naming import add_on_id
from tests.data_centers.bench import Bench
from tests.data_centers.documents import TENANT, Json, order

SUCCEEDED = "farshore.dataCenter.succeeded"
ACTIONS = ["create", "change", "suspend", "resume", "delete"]


def messages(*, after: bool = False) -> list[Json]:
    """Return the five messages of a data center's life."""
    found: list[Json] = [
        {"id": "m1", "tenant": TENANT, "operation": "dataCenter.create", "dataCenter": "10042", **order()},
        {"id": "m2", "tenant": TENANT, "operation": "dataCenter.change", "target": "10042", "resources": {"cpuCount": 12}},
        {"id": "m3", "tenant": TENANT, "operation": "dataCenter.suspend", "target": "10042", "reason": "unpaid"},
        {"id": "m4", "tenant": TENANT, "operation": "dataCenter.resume", "target": "10042"},
        {"id": "m5", "tenant": TENANT, "operation": "dataCenter.delete", "target": "10042", "deleteMachines": True},
    ]
    if after:
        found = [one | ({"after": f"m{number}"} if number else {}) for number, one in enumerate(found)]
    return found


def expected(subscription: str) -> list[tuple[str, str]]:
    """Return the writes of a life: the model of what has to reach Azure Pack, each once."""
    add_on = add_on_id("pack", TENANT, "10042", 1)
    return [
        ("POST", "/users"), ("PUT", "/accounts/ada@northwind.example"), ("POST", "/subscriptions"), ("POST", "/addons"),
        ("POST", f"/addons/{add_on}/services"), ("PUT", f"/addons/{add_on}/quota"), ("POST", "/plans/gold-plan/addons"),
        ("POST", f"/subscriptions/{subscription}/addons"), ("PUT", f"/addons/{add_on}/quota"), ("PUT", f"/addons/{add_on}/quota"),
        ("PATCH", f"/subscriptions/{subscription}"), ("PATCH", f"/subscriptions/{subscription}"),
        ("DELETE", f"/subscriptions/{subscription}"), ("DELETE", f"/plans/gold-plan/addons/{add_on}"), ("DELETE", f"/addons/{add_on}"),
        ("DELETE", "/accounts/ada@northwind.example"), ("DELETE", "/users/ada%40northwind.example"),
    ]  # fmt: skip


async def all_taken_in(app: Bench, *sent: Json) -> None:
    """Deliver messages, and again those that may pass, until all have been taken in or rejected."""
    for message in sent:
        app.send(message)
    await app.advance()
    for _ in range(5):
        app.redeliver()
        await app.advance()


async def until(app: Bench, count: int) -> list[Json]:
    """Let time pass until so many events have been sent, and return them."""
    for _ in range(400):
        if len(app.events) >= count:
            return app.events
        await app.advance(timedelta(seconds=30))
    raise AssertionError(app.events)
