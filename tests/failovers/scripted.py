"""A vault whose answers a test scripts, in place of the gateway."""

from dataclasses import dataclass, field
from typing import Any

from shared.access.records.tenant import Tenant
from shared.access.registry import Registry
from shared.arm.ids import ResourceId
from shared.errors import CallFailure
from shared.failovers.vault.gateway import StartedJob
from tests.access.kit import MovedClock, Rows
from tests.failovers.samples import VAULT
from tests.support.clocks import ManualClock

REQUEST = "0bcc90bf-08b9-4f81-afe9-e3388bd47463"
"""The client request id with which the sample job's activity id begins."""
PROVIDER = Tenant(name="provider", kind="provider", subscriptions=("00000000-0000-0000-0000-000000000001",), vault_id=VAULT)


def registry() -> Registry:
    """A registry of the provider alone, whose own is the sample vault."""
    return Registry(Rows(PROVIDER), MovedClock())  # type: ignore[arg-type]  # a stand-in for the table


@dataclass
class Gateway:
    """A vault of some resources, virtual machines and networks.

    `hidden` ids answer 404 and `unlisted` ones are left out of lists, each until a test shows them.
    """

    clock: ManualClock
    things: list[dict[str, Any]] = field(default_factory=list)
    hidden: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    answer: StartedJob | CallFailure | None = None
    sent: list[tuple[str, str, Any]] = field(default_factory=list)

    async def find(self, resource: ResourceId) -> dict[str, Any] | None:
        found = [one for one in self.things if ResourceId.parse(one["id"]).key == resource.key and one["id"] not in self.hidden]
        return found[0] if found else None

    async def children(self, _parent: ResourceId, kind: str) -> list[dict[str, Any]]:
        return [one for one in self.things if one["id"].split("/")[-2] == kind and one["id"] not in self.unlisted]

    async def change(self, method: str, resource: ResourceId, segment: str, body: Any, request_id: str, timeout: float) -> StartedJob:
        self.sent.append((method, f"{resource}/{segment}" if segment else str(resource), body))
        assert request_id == REQUEST
        assert timeout > 0
        if isinstance(self.answer, CallFailure):
            raise self.answer
        return self.answer or StartedJob("job1", self.clock.now(), accepted=True)

    machine = network = find
