"""The workflow of a run: from the inventory to the end of its last copy. Each step may be run again from its first line.

    selecting ► pruning ► accepting ► following

A slot that is only recorded ends in `selecting`. `RunState` holds what the steps need, `RunDetail` what an answer shows, `RunItems` what
was decided of each VM.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from shared import telemetry
from shared.clock import Clock, to_text
from shared.copies.copying.models import CopyOrigin
from shared.copies.policies.document import Limits
from shared.copies.policies.records.store import PolicyStore, StoredPolicy
from shared.copies.policies.runs.children import Children, RunOf, with_copy_ids
from shared.copies.policies.runs.claim import RunClaim, step
from shared.copies.policies.runs.counting import problem_at_end, progress_of, settled_of, total
from shared.copies.policies.runs.deciding import Decided, problem_of_run
from shared.copies.policies.runs.items import RunItem, RunItems, RunPolicy
from shared.copies.policies.runs.reading import Deciding
from shared.copies.policies.runs.request import SlotRequest
from shared.copies.policies.runs.state import RunCounts, RunInventory
from shared.copies.policies.spreading import at_once, calls_of_items, deletes_of_items
from shared.copies.retention.pruning import PruneRun, Pruning
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.accepting.locks import Locks
from shared.operations.crash_points import crash_point
from shared.operations.model.models import Command, PendingCommand, Status
from shared.operations.model.rows import Active
from shared.operations.running.budgets import GRAPH_QUERIES, Budgets
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.running.workflow import Workflow
from shared.schedules.catching_up import Skipped
from shared.telemetry import Metric

BETWEEN_LOOKS = timedelta(minutes=5)
"""How old the counts of a run may be."""
_AT_ONCE = 100
"""How many VMs are accepted in one claim."""
_PRUNED_AT_ONCE = 50
"""Of how many VMs the deletions are accepted in one claim."""
_UNTIL_FREE = timedelta(minutes=1)
_INVENTORY = "inventory"
"""What `RunState.paid` holds once the inventory's queries are spent."""
_READS_OF_THE_INVENTORY = 3


@dataclass(frozen=True, slots=True)
class RunSteps:
    """The steps; `share` is the part of Azure's budget that is spent."""

    policies: PolicyStore
    items: RunItems
    deciding: Deciding
    children: Children
    retention: Pruning
    locks: Locks
    budgets: Budgets
    clock: Clock
    share: float

    async def selecting(self, run: RunClaim) -> Outcome:
        """Decide what is done with each VM, and write it before anything is accepted."""
        slot = run.request.slot
        if slot is not None and slot.skipped is not None:
            return _skipped(slot, slot.skipped)
        stored = await self._policy(run)
        if stored is None:
            return _policy_deleted(run)
        run.detail.policy_id = run.policy_id
        held = await self.locks.take([run.lock], run.id)
        if held is not None:
            return self._wait_for_lock(run, stored)
        run.hold(run.lock)
        record = stored.record
        begun = RunPolicy(policy_id=record.id, name=record.name, revision=record.revision, document=record.document)
        policy = await self.items.keep_policy(run.id, begun)
        run.detail.revision = policy.revision
        delay = await self._spend_queries(run)
        if delay:
            return Wait(self.clock.now() + delay)
        decided = await self.deciding.decide(run.tenant, policy.name, policy.document, run.request.by_hand)
        if not decided.inventory.complete and run.attempts < _READS_OF_THE_INVENTORY:
            problem = decided.inventory.problems[0]
            raise CallFailure(FailureKind.IN_DOUBT, code=problem.code, message=problem.message)
        return await self._decided(run, policy, stored, decided)

    async def _spend_queries(self, run: RunClaim) -> timedelta:
        """Spend the query of an inventory, once, and return after how long it may be read: many runs may begin at one moment."""
        if run.state.paid is not None or self.deciding.inventories.graph is None:
            return timedelta()
        run.state.paid = _INVENTORY
        return await self.budgets.charge({GRAPH_QUERIES: 1})

    async def _decided(self, run: RunClaim, policy: RunPolicy, stored: StoredPolicy, decided: Decided) -> Outcome:
        inventory = decided.inventory
        run.detail.inventory = RunInventory(
            source=inventory.source, taken_at=inventory.taken_at, complete=inventory.complete, problems=inventory.problems
        )
        if decided.not_covered:
            return End(Status.FAILED, not_covered(policy.name, decided.not_covered))
        problem = problem_of_run(decided, run.request.by_hand.limits.over(policy.document.limits))
        if not decided.bounds.copies:
            return End(Status.FAILED, problem)
        items = [with_copy_ids(run.id, run.tenant, item) for item in decided.items]
        await self.items.replace_all(run.id, items)
        crash_point("run.itemsWritten")
        run.state.marks_open = True
        run.state.problem = Problem(problem.code, problem.message) if problem is not None else None
        run.state.prunes = decided.bounds.prunes and run.request.by_hand.prune and self._is_in_charge(stored)
        run.detail.counts = progress_of(items, {}).counts
        if run.state.prunes:
            return Wait(self.clock.now(), step="pruning")  # the items that this step writes have no deletions: it must not run again
        return Next("pruning")

    def _is_in_charge(self, stored: StoredPolicy) -> bool:
        """Return whether retention works: a run by hand of a disabled or paused policy copies as if it were neither, and prunes nothing."""
        return stored.record.document.enabled and not stored.record.is_paused(self.clock.now())

    def _wait_for_lock(self, run: RunClaim, stored: StoredPolicy) -> Outcome:
        """Wait for another run of the policy; a slot gives way to its next one."""
        slot = run.request.slot
        following = stored.record.document.schedule.rule().next_slot(slot.slot) if slot is not None else None
        if following is not None and following <= self.clock.now():
            message = f"Another run of the policy was selecting or accepting until the next slot, {to_text(following)}."
            return End(Status.CANCELED, Problem(ErrorCode.SLOT_PASSED, message))
        return Wait(self.clock.now() + _UNTIL_FREE)

    async def pruning(self, run: RunClaim) -> Outcome:
        """Accept the deletions of retention for some VMs, before anything is made."""
        if not run.state.prunes:
            return Next("accepting")
        policy = await self.items.policy(run.id)
        items = await self.items.after(run.id, run.state.pruned, _PRUNED_AT_ONCE)
        scope = PruneRun(run.id, run.tenant, policy.name, policy.policy_id, policy.revision, policy.document, _limits(run, policy))
        await self.retention.prune(scope, items)
        decided = await self.items.after(run.id, run.state.pruned, _PRUNED_AT_ONCE)
        delay = await self.budgets.charge(deletes_of_items(decided, policy.document))
        if len(items) < _PRUNED_AT_ONCE:
            return Next("accepting")
        run.state.pruned = items[-1].key
        return Wait(self.clock.now() + delay)

    async def accepting(self, run: RunClaim) -> Outcome:
        """Accept the copies of some VMs; their calls are spent before, and waited for, so that each subscription's budget suffices."""
        if await self._policy(run) is None:
            return _policy_deleted(run)
        items, of = await self.items.after(run.id, run.state.after, _AT_ONCE), await self._run_of(run)
        left = list(items)
        while left:
            batch = at_once(left, self.share)
            delay = await self._spend(run, batch)
            if delay:
                return Wait(self.clock.now() + delay)
            await self.children.accept_all(of, batch)
            run.state.after = batch[-1].key
            left = left[len(batch) :]
        if len(items) < _AT_ONCE:
            run.drop(run.lock)
            return Next("following")
        return Wait(self.clock.now())

    async def _spend(self, run: RunClaim, batch: Sequence[RunItem]) -> timedelta:
        """Spend the calls of a batch, once, and return after how long its copies may be accepted."""
        if run.state.paid == batch[-1].key:
            return timedelta()
        run.state.paid = batch[-1].key
        return await self.budgets.charge(calls_of_items(batch))

    async def following(self, run: RunClaim) -> Outcome:
        """Look at the copies until every one has ended: all items at first, and after a look that was cut short; then those still open."""
        of = await self._run_of(run)
        settled = run.state.settled if run.attempts <= 1 else None
        before = [item async for item in (self.items.all(run.id) if settled is None else self.items.open(run.id))]
        copied, active = await self.children.follow(of, before)
        after = await self.retention.follow(copied)
        await self.items.write(run.id, [item for item, known in zip(after, before, strict=True) if item != known])
        progress = progress_of(after, active, settled)
        run.detail.counts = progress.counts
        run.show_percent(progress.percent)
        if not progress.ended:
            if run.state.marks_open:
                run.state.settled = total(settled or RunCounts(), settled_of(after))
            return Wait(self.clock.now() + BETWEEN_LOOKS)
        return await self._ended(run, of, after if settled is None else [item async for item in self.items.all(run.id)])

    async def _ended(self, run: RunClaim, of: RunOf, items: Sequence[RunItem]) -> End:
        _count_held(run.tenant, of.policy.name, items)
        held = self.retention.problem_of(items, _limits(run, of.policy))
        problem = problem_at_end(items, [one for one in (_with_details(run), held) if one is not None])
        return End(Status.FAILED, problem) if problem is not None else End(Status.SUCCEEDED)

    async def _run_of(self, run: RunClaim) -> RunOf:
        policy, slot = await self.items.policy(run.id), run.request.slot
        origin = CopyOrigin(
            policy=policy.name, policy_id=policy.policy_id, run=run.id, slot=slot.slot if slot is not None else None, point=""
        )
        return RunOf(run.id, run.tenant, policy, origin)

    async def _policy(self, run: RunClaim) -> StoredPolicy | None:
        """Return the run's policy as it is stored now; None where it was deleted, or deleted and made anew."""
        stored = await self.policies.get(run.tenant, run.request.policy)
        return stored if stored is not None and stored.record.id == run.policy_id else None

    async def on_command(self, row: Active, command: PendingCommand) -> None:
        """With a cancellation, cancel the copies that wait; those that copy go on."""
        if command.command is Command.CANCEL:
            await self.children.cancel_waiting(self.items.all(row.id), command.by)


def run_workflow(steps: RunSteps) -> Workflow:
    """Return the workflow of a run."""
    return Workflow(
        steps={
            "selecting": step(steps.selecting),
            "pruning": step(steps.pruning),
            "accepting": step(steps.accepting),
            "following": step(steps.following),
        },
        on_command=steps.on_command,
    )


def not_covered(policy: str, machines: Sequence[str]) -> Problem:
    """Return the error of a run by hand of VMs that its policy does not cover."""
    details = tuple(Problem(ErrorCode.NOT_COVERED, f"The policy does not cover {one}.", one) for one in machines[:20])
    return Problem(ErrorCode.NOT_COVERED, f"The policy '{policy}' does not cover each of these VMs.", "virtualMachineIds", details)


def _limits(run: RunClaim, policy: RunPolicy) -> Limits:
    return run.request.by_hand.limits.over(policy.document.limits)


def _count_held(tenant: str, policy: str, items: Sequence[RunItem]) -> None:
    """Count the copies that a run would have deleted and did not: more of a place than the limit, or all while retention is off."""
    held = sum(target.held for item in items for target in item.targets)
    if held:
        telemetry.count(Metric.DELETIONS_HELD, held, tenant=tenant, policy=policy)


def _with_details(run: RunClaim) -> Problem | None:
    """Return the error of the selection with what was not read; the row itself holds no details."""
    problem, inventory = run.state.problem, run.detail.inventory
    return replace(problem, details=inventory.problems[:20]) if problem is not None and inventory is not None else problem


def _skipped(slot: SlotRequest, why: Skipped) -> End:
    reasons = {
        Skipped.BY_SCHEDULE: "the schedule has catchUp: skip",
        Skipped.NEXT_SLOT_NEAR: "less than an hour is left until the next slot",
    }
    count = slot.missed.count if slot.missed is not None else 1
    message = f"{count} slots were missed, the last one {to_text(slot.slot)}. Nothing was copied for them, because {reasons[why]}."
    return End(Status.CANCELED, Problem(ErrorCode.SLOT_SKIPPED, message))


def _policy_deleted(run: RunClaim) -> End:
    message = f"The policy '{run.request.policy}' was deleted. What the run had accepted goes on."
    return End(Status.CANCELED, Problem(ErrorCode.POLICY_DELETED, message))
