"""Plans a run: its own code without its writes, and the forecast of what it takes.

Pages of a plan are of one moment: a continuation names the decisions by their digest. The next page decides anew, and is refused where the
world has changed or 15 minutes have passed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice

from shared.access.registry import Registry
from shared.arm.reading import id_key
from shared.clock import Clock, from_text, to_text
from shared.copies.copying.rules.eligibility import MAX_RESTORE_POINTS_PER_VM
from shared.copies.policies.document import PolicyDocument
from shared.copies.policies.management.answers import etag_of
from shared.copies.policies.management.looks import warnings_of
from shared.copies.policies.plans.answers import (
    Forecast,
    ForecastCalls,
    FullCopy,
    LastChain,
    LimitForecast,
    PlanBody,
    PlanLimit,
    PlannedMachine,
    PlannedTarget,
    PlanSummary,
)
from shared.copies.policies.plans.chains import ChainForecast, ChainForecasts, CopiedMachine, by_place
from shared.copies.policies.plans.counting import MachineCalls, TargetCalls, calls_of
from shared.copies.policies.plans.ledger_warnings import ledger_warnings, limit_warnings
from shared.copies.policies.plans.retained import MachineRetained, PlannedRetention, RetentionPlans
from shared.copies.policies.records.store import StoredPolicy
from shared.copies.policies.runs.deciding import Decided
from shared.copies.policies.runs.items import Decision, RunItem
from shared.copies.policies.runs.reading import Deciding
from shared.copies.policies.runs.request import RunRequest
from shared.copies.policies.runs.state import RunInventory
from shared.copies.policies.warnings import PolicyWarning
from shared.web.documents import wrong
from shared.web.lists import Page

LIVES = timedelta(minutes=15)
"""How long the continuation of a plan may be used."""
_DAY = timedelta(days=1)
_YEAR = timedelta(days=366)
_LISTS = 4
"""Reads of an inventory by listing, for each subscription: VMs, disks, collections, network interfaces."""
_LARGEST_PAGE = 1000


@dataclass(frozen=True, slots=True)
class Plan:
    """A page of a plan, and where the next one begins after, None at the end."""

    body: PlanBody
    last: str | None


@dataclass(frozen=True, slots=True)
class Plans:
    """Plans runs; `share` is the part of Azure's budget that is spent."""

    deciding: Deciding
    chains: ChainForecasts
    retention: RetentionPlans
    registry: Registry
    clock: Clock
    share: float

    async def of(self, policy: StoredPolicy, page: Page) -> Plan:
        """Return a page of the plan of a policy's next run; raises `CallFailure` where a VM that it names cannot be read."""
        record = policy.record
        decided = await self.deciding.decide(record.tenant, record.name, record.document, RunRequest())
        slot = record.next_slot(self.clock.now(), policy.deciding)
        planned = _Planned(record.tenant, record.name, record.id, record.document, etag_of(record.document), slot, decided)
        return await self._plan(planned, page)

    async def of_document(
        self, tenant: str, name: str, standing: StoredPolicy | None, document: PolicyDocument, decided: Decided
    ) -> PlanBody:
        """Return the plan of a document that is not stored, as a dry run shows it: its first 1,000 VMs."""
        etag = etag_of(standing.record.document) if standing is not None else None
        policy_id = standing.record.id if standing is not None else ""
        slot = document.schedule.rule().next_slot(self.clock.now()) if document.enabled else None
        planned = _Planned(tenant, name, policy_id, document, etag, slot, decided)
        return (await self._plan(planned, Page(_LARGEST_PAGE, None))).body

    async def warnings(self, tenant: str, policy_id: str, document: PolicyDocument, decided: Decided) -> tuple[PolicyWarning, ...]:
        """Return the warnings about a document that follow from the ledger; `policy_id` is empty where there is no policy yet."""
        forecasts = await self.chains.of(_copied(document, decided), policy_id)
        retained = await self.retention.of(tenant, document, decided)
        return (*await self._of_ledger(tenant, document, forecasts, retained), *limit_warnings(decided.near_limit))

    async def _of_ledger(
        self, tenant: str, document: PolicyDocument, forecasts: Sequence[ChainForecast], retained: PlannedRetention
    ) -> tuple[PolicyWarning, ...]:
        found = await self.registry.by_name(tenant)
        objective = found.settings.recovery_point_objective if found is not None else None
        return tuple(ledger_warnings(document, objective, forecasts, retained, self.clock.now()))

    async def _plan(self, planned: "_Planned", page: Page) -> Plan:
        decided, document = planned.decided, planned.document
        now, inventory = self.clock.now(), decided.inventory
        retained = await self.retention.of(planned.tenant, document, decided)
        digest = retained.digest(decided.hash)
        after = _after(page.after, digest, now)
        rest = [item for item in decided.items if after is None or item.key > after]
        forecasts = await self.chains.of(_copied(document, decided), planned.policy_id)
        places = by_place(forecasts)
        body = PlanBody(
            policy=planned.name,
            etag=planned.etag,
            generated_at=now,
            slot=planned.slot,
            inventory=RunInventory(
                source=inventory.source, taken_at=inventory.taken_at, complete=inventory.complete, problems=inventory.problems
            ),
            hash=digest,
            summary=_summary(decided, retained),
            limits=_limits(document, decided),
            warnings=(
                *warnings_of(document, decided),
                *await self._of_ledger(planned.tenant, document, forecasts, retained),
                *limit_warnings(decided.near_limit),
            ),
            forecast=_forecast(forecasts, decided, retained, self.share).model_copy(
                update={"restore_point_limit": _restore_point_limit(document, decided, retained, now)}
            ),
            value=tuple(_machine(item, places, retained.of(item)) for item in rest[: page.top]),
        )
        following = rest[page.top - 1] if len(rest) > page.top else None
        return Plan(body, f"{digest} {to_text(_began(page.after, now))} {following.key}" if following is not None else None)


@dataclass(frozen=True, slots=True)
class _Planned:
    """A policy, stored or not, and what a run of it does; `policy_id` is empty where there is none yet."""

    tenant: str
    name: str
    policy_id: str
    document: PolicyDocument
    etag: str | None
    slot: datetime | None
    decided: Decided


def _after(continuation: str | None, digest: str, now: datetime) -> str | None:
    """Return the key after which a page begins; refuses with `InvalidRequest` one of other decisions, or of more than 15 minutes ago."""
    if continuation is None:
        return None
    known, began, key = continuation.split(" ", 2)
    if known != digest or now - from_text(began) > LIVES:
        raise wrong("continuation", "The plan has changed, or is more than 15 minutes old. Start over.")
    return key


def _began(continuation: str | None, now: datetime) -> datetime:
    return now if continuation is None else from_text(continuation.split(" ", 2)[1])


def _copied(document: PolicyDocument, decided: Decided) -> list[CopiedMachine]:
    """Return the VMs that are copied, each with the targets that it is copied to."""
    targets, machines = {target.region: target for target in document.targets}, {one.key: one for one in decided.inventory.machines}
    copied = [item for item in decided.items if item.decision is Decision.COPIED]
    return [
        CopiedMachine(
            machine=machines[item.vm.key],
            targets=[targets[one.region] for one in item.targets if one.decision is Decision.COPIED],
            excluded=frozenset(disk.lower() for disk in item.excluded_disks),
        )
        for item in copied
        if item.vm.key in machines
    ]


def _machine(item: RunItem, places: Mapping[tuple[str, str], ChainForecast], retained: MachineRetained) -> PlannedMachine:
    targets = []
    for target in item.targets:
        found = places.get((item.vm.key, target.region))
        targets.append(
            PlannedTarget(
                region=target.region,
                decision=target.decision,
                code=target.code,
                message=target.message,
                size_gb=found.size_gb if found is not None else None,
                full=found.full if found is not None else None,
                because=tuple(dict.fromkeys(found.whole.values())) if found is not None else (),
                supersedes=found.supersedes if found is not None else None,
                expected=found.expected if found is not None else None,
            )
        )
    return PlannedMachine(
        virtual_machine_id=item.virtual_machine_id,
        decision=item.decision,
        code=item.code,
        message=item.message,
        targets=tuple(targets),
        deletions=retained.deletions,
        kept=retained.kept,
    )


def _summary(decided: Decided, retained: PlannedRetention) -> PlanSummary:
    copies = sum(target.decision is Decision.COPIED for item in decided.items for target in item.targets)
    skipped = sum(item.decision is Decision.SKIPPED for item in decided.items)
    machines, deletions = len(decided.items), len(retained.due)
    return PlanSummary(virtual_machines=machines, copies=copies, skipped=skipped, deletions=deletions, held=retained.held)


def _limits(document: PolicyDocument, decided: Decided) -> tuple[PlanLimit, ...]:
    limits = document.limits
    return (
        PlanLimit(name="virtualMachines", limit=limits.virtual_machines, would=decided.covered),
        PlanLimit(name="minimumVirtualMachines", limit=limits.minimum_virtual_machines, would=decided.covered),
    )


def _forecast(forecasts: Sequence[ChainForecast], decided: Decided, retained: PlannedRetention, share: float) -> Forecast:
    full, incremental = 0, 0
    whole: list[FullCopy] = []
    for one in forecasts:
        for disk in one.disks:
            name = disk.id or disk.name
            if name not in one.whole:
                incremental += disk.size_gb or 0
                continue
            full += disk.size_gb or 0
            whole.append(
                FullCopy(
                    virtual_machine_id=str(one.machine.machine.id),
                    region=one.target.region,
                    disk=name,
                    gb=disk.size_gb,
                    because=one.whole[name],
                )
            )
    last = max(forecasts, key=lambda one: one.done_at, default=None)
    return Forecast(
        calls=_calls(forecasts, decided, retained, share),
        chains=len(forecasts),
        chain_days=round(sum((one.adds for one in forecasts), timedelta()) / _DAY, 3),
        last_chain_done=LastChain(virtual_machine_id=str(last.machine.machine.id), region=last.target.region, at=last.done_at)
        if last is not None
        else None,
        full_gb=full,
        incremental_gb_at_most=incremental,
        full_copies=tuple(whole[:_LARGEST_PAGE]),
        restore_point_limit=(),
    )


def _restore_point_limit(
    document: PolicyDocument, decided: Decided, retained: PlannedRetention, now: datetime
) -> tuple[LimitForecast, ...]:
    items = {item.virtual_machine_id: item for item in decided.items}
    slots = list(islice(document.schedule.rule().slots(now, now + _YEAR), MAX_RESTORE_POINTS_PER_VM)) if decided.near_limit else []
    found = []
    for machine, count in decided.near_limit:
        item = items[machine]
        grows = item.decision is Decision.COPIED and document.enabled and retained.of_source(item.key) == 0
        left = MAX_RESTORE_POINTS_PER_VM - count
        reached = now if left <= 0 else slots[left - 1] if grows and left <= len(slots) else None
        found.append(LimitForecast(virtual_machine_id=machine, count=count, reached_at=reached))
    return tuple(found)


def _calls(forecasts: Sequence[ChainForecast], decided: Decided, retained: PlannedRetention, share: float) -> ForecastCalls:
    inventory = decided.inventory
    listed = dict.fromkeys(inventory.listed, _LISTS)
    grouped: dict[str, list[ChainForecast]] = {}
    for one in forecasts:
        grouped.setdefault(one.machine.key, []).append(one)
    machines = [
        MachineCalls(
            subscription=of_one[0].machine.machine.id.subscription_id,
            disks=len(of_one[0].machine.facts.disks),
            has_collection=inventory.has_collection(of_one[0].machine.machine),
            targets=tuple(
                TargetCalls(one.collection.subscription_id, id_key(str(one.collection)) in inventory.collections, one.expected)
                for one in of_one
            ),
        )
        for of_one in grouped.values()
    ]
    by_subscription = calls_of(machines, listed, retained.deletes(), share)
    return ForecastCalls(
        reads=sum(one.reads for one in by_subscription) + 1,  # the list of the subscriptions
        writes=sum(one.writes for one in by_subscription),
        deletes=sum(one.deletes for one in by_subscription),
        graph_queries=inventory.graph_queries,
        by_subscription=by_subscription,
    )
