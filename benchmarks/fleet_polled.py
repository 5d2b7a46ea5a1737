"""The loops that users write from the how-to, on some of the fleet's copies and on its clock: what they cost, and when they see an end."""

import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from azure.mgmt.compute.aio import ComputeManagementClient

from benchmarks.fleet_of_copies import Fleet, counted_for
from tests.histories.in_memory import AZURE, GateTransport, IssuedTokens


@dataclass
class Polled:
    """Some of the fleet's copies, read by the SDK once a minute, as the how-to does it: when their end was seen, and at what cost."""

    fleet: Fleet
    count: int
    chosen: dict[str, datetime] = field(default_factory=dict)
    seen: dict[str, datetime] = field(default_factory=dict)
    gets_of: Counter[str] = field(default_factory=Counter)
    cpu: float = 0.0

    async def look(self) -> None:
        """Read the chosen copies that have not been seen to end."""
        if len(self.chosen) < self.count:
            started = {point.id.lower(): point.started_at for point in self.fleet.copies_in_azure()}
            left = [one for one in sorted(started) if one not in self.chosen]
            self.chosen |= {one: started[one] for one in left[: self.count - len(self.chosen)]}
        open_ones = [one for one in self.chosen if one not in self.seen]
        azure, began = self.fleet.counts.azure_cpu, time.process_time()
        with counted_for("polling"):
            for one in open_ones:
                self.gets_of[one] += 1
                if await self._has_ended(one):
                    self.seen[one] = self.fleet.now
        self.cpu += time.process_time() - began - (self.fleet.counts.azure_cpu - azure)

    async def _has_ended(self, point: str) -> bool:
        parts = point.split("/")
        found = await self._client(parts[2]).restore_points.get(parts[4], parts[8], parts[10], expand="instanceView")
        view = found.instance_view
        disks = (view.disk_restore_points if view is not None else None) or []
        return bool(disks) and all(disk.replication_status.completion_percent == 100 for disk in disks)

    def every_ten_minutes(self, ends: Mapping[str, datetime]) -> tuple[float, list[float]]:
        """Return the GETs for each copy of a loop that looks every ten minutes, and its delays in minutes; it begins with the copy."""
        lasted = [(ends[one] - started).total_seconds() / 60 for one, started in self.chosen.items() if one in ends]
        looks = [math.ceil(minutes / 10) for minutes in lasted]
        return sum(looks) / max(len(looks), 1), sorted(10 * look - minutes for look, minutes in zip(looks, lasted, strict=True))

    def _client(self, subscription: str) -> ComputeManagementClient:
        app = self.fleet.app
        clients = _CLIENTS.setdefault(id(app), {})
        if subscription not in clients:
            credential: Any = _Credential(app.platform)
            transport: Any = GateTransport(app.gate)
            clients[subscription] = ComputeManagementClient(
                credential, subscription, base_url=AZURE, transport=transport, authentication_policy=_Bearer(credential)
            )
        return clients[subscription]


_CLIENTS: dict[int, dict[str, ComputeManagementClient]] = {}


class _Credential(IssuedTokens):
    """The token of the app's identity."""

    async def get_token(self, *_scopes: str, **_: object) -> Any:
        return await self.get_token_info()


class _Bearer:
    """Sends the token, which the SDK's own policy refuses to do over plain HTTP."""

    def __init__(self, credential: _Credential) -> None:
        self._credential = credential
        self._token: str | None = None
        self.next: Any = None

    async def send(self, request: Any) -> Any:
        """Add the header and go on."""
        if self._token is None:
            self._token = (await self._credential.get_token()).token
        request.http_request.headers["Authorization"] = f"Bearer {self._token}"
        return await self.next.send(request)
