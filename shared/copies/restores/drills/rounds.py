"""Begins the drills of policies that are due, by the round of the timer that begins slots.

What was done for an instant is the existence of its drill, whose key is the policy and the instant: fired twice or after a crash it is one.
Drills in further regions are accepted before the one whose key marks the instant as done. The VMs of a drill are recorded before it is
accepted, so that the next one takes others while it runs. A drill that cannot begin is recorded too, as one that failed.
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
from shared.copies.restores.request import AcceptedRequest
from shared.errors import ErrorCode, Refused
from shared.operations.model.identity import operation_id
from shared.operations.model.models import Actor
from shared.values.durations import duration_text
from shared.values.sent import SentBody

_log = logging.getLogger(__name__)
_PAGE = 500
_AGAIN = timedelta(minutes=5)
"""When a drill is begun again whose copies were at work, or whose window is closed."""
_BUSY_FOR = timedelta(hours=1)
"""How long after its instant a drill waits for copies that are at work, before it is recorded as one that failed."""


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
        if await self.restores.acceptance.store.request(_id(record, drill_key(record.id, to_text(instant)))) is not None:
            return following
        try:
            await self._accept(record, instant)
        except Refused as refused:
            _log.warning("the drill of the copy policy %s waits: %s", record.name, refused.code, extra={"tenant": record.tenant})
            return now + _AGAIN
        return following

    async def _accept(self, record: PolicyRecord, instant: datetime) -> None:
        """Accept the drill of an instant, in each region one. Raises `Refused` where copies are at work and it can wait for them."""
        drill = record.document.drill
        first = drill_key(record.id, to_text(instant))
        candidates = await self._candidates(record, but=_id(record, first))
        chosen = choose(candidates, drill.machines if drill is not None else 0)
        regions = list(dict.fromkeys(one.region for one in chosen))
        for region in reversed(regions):
            key = first if region == regions[0] else drill_key(record.id, to_text(instant), region)
            await self._start(record, region, [one for one in chosen if one.region == region], key, instant)
        if not regions:
            message = f"No VM of the copy policy '{record.name}' has a usable copy in a region with drillIn."
            await self.restores.record_refused(_start(record, drill_regions(record.document)[0], [], first), _skipped(message))

    async def _candidates(self, record: PolicyRecord, but: str) -> list[Candidate]:
        """Return the usable copies of the VMs of which the policy is in charge, in the regions where it has a place for drills.

        The drill `but` is this one: what an earlier attempt has recorded of it does not count.
        """
        regions = set(drill_regions(record.document))
        drilled, running = await self.evidence.of_tenant(record.tenant), await self.evidence.running(record.tenant)
        found: list[Candidate] = []
        after: str | None = None
        while True:
            rows, last = await self.protection.page(record.tenant, _PAGE, after, "")
            for row in rows:
                for target in row.targets:
                    own = (target.policy or "").lower() == record.name.lower() and target.region in regions
                    if own and target.newest is not None and target.newest.copy_id:
                        place = place_key(row.virtual_machine_id, target.region)
                        before, now = drilled.get(place), running.get(place)
                        found.append(
                            Candidate(
                                virtual_machine_id=row.virtual_machine_id,
                                region=target.region,
                                copy_id=target.newest.copy_id,
                                good_at=before.good_at if before is not None else None,
                                drilled_at=before.at if before is not None else None,
                                running_since=now.since if now is not None and now.restore != but else None,
                            )
                        )
            if last is None:
                return found
            after = last

    async def _start(self, record: PolicyRecord, region: str, chosen: Sequence[Candidate], key: str, instant: datetime) -> None:
        start, now = _start(record, region, chosen, key), self.clock.now()
        restore = _id(record, key)
        await self.evidence.begin(record.tenant, restore, [(one.virtual_machine_id, region) for one in chosen], now)
        try:
            await self.restores.accept_drill(start)
        except Refused as refused:
            if refused.code is ErrorCode.SCOPE_BUSY and now < instant + _BUSY_FOR:
                await self.evidence.end(record.tenant, restore)
                raise
            await self.restores.record_refused(start, refused)


def drill_regions(document: PolicyDocument) -> list[str]:
    """Return the regions in which a policy has a place for drills."""
    return [target.region for target in document.targets if target.drill_in is not None]


def drill_body(document: PolicyDocument, region: str, chosen: Sequence[Candidate]) -> SentBody:
    """Return the request of a policy's drill of copies in one region."""
    drill = document.drill
    target = next(one for one in document.targets if one.region == region)
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


def _start(record: PolicyRecord, region: str, chosen: Sequence[Candidate], key: str) -> StartRestore:
    sent = drill_body(record.document, region, chosen)
    actor = Actor("system", f"copy policy {record.name}", record.name)
    request = AcceptedRequest.model_validate(sent.members)
    return StartRestore(request, sent, record.tenant, actor, key, policy=record.name, policy_id=record.id)


def _id(record: PolicyRecord, key: str) -> str:
    return operation_id(record.tenant, RESTORE.name, key)


def _skipped(message: str) -> Refused:
    return Refused(ErrorCode.DRILL_SKIPPED, message)
