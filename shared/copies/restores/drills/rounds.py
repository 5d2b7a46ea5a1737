"""Begins the drills of policies that are due, by the round of the timer that begins slots.

What was done for an instant is the existence of its drill, whose key is the policy and the instant: fired twice or after a crash it is one.
Drills in further regions are accepted before the one whose key marks the instant as done.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from shared.clock import Clock, to_text
from shared.copies.kinds import RESTORE
from shared.copies.policies.document import DrillKind, DrillPlace, PolicyDocument
from shared.copies.policies.records.record import PolicyRecord
from shared.copies.protection.records.store import ProtectionStore
from shared.copies.restores.accepting.service import Restores, StartRestore
from shared.copies.restores.drills.choosing import Candidate, choose
from shared.copies.restores.drills.timing import drill_key
from shared.copies.restores.evidence import Evidence, place_key
from shared.copies.restores.request import RestoreRequest
from shared.errors import Refused
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor
from shared.values.durations import duration_text
from shared.values.sent import SentBody

_log = logging.getLogger(__name__)
_PAGE = 500
_AGAIN = timedelta(minutes=5)
"""When a drill is begun again whose copies were at work, or whose window is closed."""


@dataclass(frozen=True, slots=True)
class PolicyDrills:
    """Begins drills of policies."""

    restores: Restores
    protection: ProtectionStore
    evidence: Evidence
    clock: Clock

    async def begin(self, record: PolicyRecord) -> datetime | None:
        """Begin the drill of a policy that is due, if one is, and return when to look again; None for a policy without drills."""
        now = self.clock.now()
        instant, following = record.due_drill(now), record.next_drill(now)
        if instant is None:
            return following
        if not record.document.schedule.rule().is_open(now):
            return now + _AGAIN
        key = drill_key(record.id, to_text(instant))
        if await self.restores.acceptance.store.request(operation_id(record.tenant, RESTORE.name, key)) is not None:
            return following
        try:
            await self._accept(record, instant)
        except Refused as refused:
            _log.warning("the drill of the copy policy %s waits: %s", record.name, refused.code, extra={"tenant": record.tenant})
            return now + _AGAIN
        return following

    async def _accept(self, record: PolicyRecord, instant: datetime) -> None:
        drill = record.document.drill
        chosen = choose(await self._candidates(record), drill.machines if drill is not None else 0)
        regions = list(dict.fromkeys(one.region for one in chosen))
        for region in reversed(regions):
            first = region == regions[0]
            key = drill_key(record.id, to_text(instant), None if first else region)
            await self._start(record, [one for one in chosen if one.region == region], key)

    async def _candidates(self, record: PolicyRecord) -> list[Candidate]:
        """Return the usable copies of the VMs of which the policy is in charge, in the regions where it has a place for drills."""
        regions = {target.region for target in record.document.targets if target.drill_in is not None}
        drilled, found = await self.evidence.of_tenant(record.tenant), list[Candidate]()
        after: str | None = None
        while True:
            rows, last = await self.protection.page(record.tenant, _PAGE, after, "")
            for row in rows:
                for target in row.targets:
                    own = (target.policy or "").lower() == record.name.lower() and target.region in regions
                    if own and target.newest is not None:
                        before = drilled.get(place_key(row.virtual_machine_id, target.region))
                        found.append(
                            Candidate(
                                virtual_machine_id=row.virtual_machine_id,
                                region=target.region,
                                copy_id=target.newest.copy_id,
                                good_at=before.good_at if before is not None else None,
                                drilled_at=before.at if before is not None else None,
                            )
                        )
            if last is None:
                return found
            after = last

    async def _start(self, record: PolicyRecord, chosen: Sequence[Candidate], key: str) -> None:
        sent = drill_body(record.document, chosen)
        actor = Actor("system", f"copy policy {record.name}", record.name)
        request = RestoreRequest.model_validate(sent.members)
        await self.restores.accept_drill(StartRestore(request, sent, record.tenant, actor, key, policy=record.name, policy_id=record.id))


def drill_body(document: PolicyDocument, chosen: Sequence[Candidate]) -> SentBody:
    """Return the request of a policy's drill of copies in one region."""
    drill = document.drill
    target = next(one for one in document.targets if one.region == chosen[0].region)
    place = target.drill_in or DrillPlace(resource_group=target.resource_group, subnet_id=None)
    boots = drill is not None and drill.kind is DrillKind.VIRTUAL_MACHINE
    size = {"size": drill.size} if drill is not None and drill.size is not None and boots else {}
    body: dict[str, object] = {
        "kind": drill.kind.value if drill is not None else DrillKind.DISKS.value,
        "machines": [{"source": {"copyId": one.copy_id}, **size} for one in chosen],
        "resourceGroup": place.resource_group,
        "drill": True,
        "keepFor": duration_text(drill.keep_for) if drill is not None else "PT0S",
    }
    if target.subscription_id is not None:
        body["subscriptionId"] = target.subscription_id
    if boots and place.subnet_id is not None:
        body["network"] = {"subnetId": place.subnet_id}
    return SentBody(body)
