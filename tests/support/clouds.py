"""A vault that tenants share, behind a running app: who calls, and what was done in Azure."""

import json

from tests.support.api import Caller, Reply
from tests.support.running import Running, new_key
from tests.support.sharing import BLUE, GREEN, Shared
from tests.support.sites import REQUESTS, Json

ROLES = ("Failovers.Execute", "Failovers.Read", "Failovers.Approve", "Tenants.Read")


class Place:
    """The running stack, with what is in the vault."""

    def __init__(self, stack: Running, shared: Shared) -> None:
        self.stack, self.shared = stack, shared

    def person(self, tenant: str = BLUE) -> Caller:
        return self.stack.caller(*ROLES, "Admin", tenant=tenant, user=f"eve-{tenant}")

    def operator(self) -> Caller:
        """A caller of the provider's without Admin: the provider's own things only."""
        return self.stack.caller(*ROLES, tenant="provider")

    def others(self, tenant: str) -> list[str]:
        """What an answer to a tenant must never hold."""
        found = ["cloud-blue", "cloud-green", "cloud-gold", "cloud-silver", "plan-mixed", "plan-idle", "shop", self.shared.jobs["mixed"]]
        other = GREEN if tenant == BLUE else BLUE
        found += [f"{other}0", f"{other}1", f"{other}-bare", f"plan-{other}", self.shared.jobs[other]]
        return [one for one in found if one != f"cloud-{tenant}"]

    def ended(self, caller: Caller, location: str, step: str = "PT5M") -> Json:
        body: Json = self.stack.until_ended(caller, location, step=step).body
        return body

    def effects(self) -> list[Json]:
        found: list[Json] = self.stack.control("GET", "effects")["value"]
        return found

    def rejected(self, message: object) -> Json:
        sent = self.stack.send(json.dumps(message), REQUESTS)
        rows = self.stack.caller("Admin", tenant="provider").get("/rejected-messages", top=100).body["value"]
        return next(row["reason"] for row in rows if row["messageId"] == sent)


def send(caller: Caller, method: str, path: str, body: object = None) -> Reply:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    return caller.call(method, path, None if body is None else json.dumps(body).encode(), headers)


def start(caller: Caller, body: Json) -> str:
    reply = caller.post("/failovers", body, key=new_key())
    assert reply.status == 202, reply
    return str(reply.body["id"])


def last(id_: str) -> str:
    return id_.rpartition("/")[2]


def ids(reply: Reply) -> set[str]:
    assert reply.status == 200, reply
    return {one["id"] for one in reply.body["value"]}


def event(kind: str, tenant: str | None = None, **data: object) -> Json:
    told: Json = {"specversion": "1.0", "id": new_key(), "source": "tests", "type": f"farshore.{kind}", "data": data}
    return told | ({"tenant": tenant} if tenant else {})
