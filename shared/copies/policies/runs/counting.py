"""What a run shows in numbers, and how it ends: from its items and from its copies that go on. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from shared.copies.copying.following import COPYING
from shared.copies.policies.runs.items import Decision, DeletionOutcome, Outcome, RunItem, TargetItem
from shared.copies.policies.runs.state import CopyCounts, DeletionCounts, RunCounts
from shared.copies.policies.selection import RunError, error_of_run
from shared.errors import Problem
from shared.operations.model.rows import Active

_MOST_NAMED = 20


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: its counts, the share of its copies and deletions that have ended, and whether all have."""

    counts: RunCounts
    percent: int
    ended: bool


def progress_of(items: Iterable[RunItem], active: Mapping[str, Active], settled: RunCounts | None = None) -> Progress:
    """Return how far a run is; `active` are the rows of its copies that have not ended, `settled` the counts of items left out."""
    counts, left = _counts_of(list(items), active)
    counts = counts if settled is None else total(counts, settled)
    children = counts.copies.accepted + counts.deletions.accepted
    return Progress(counts, 100 * (children - left) // children if children else 100, not left)


def settled_of(items: Iterable[RunItem]) -> RunCounts:
    """Return the counts of the items that have ended."""
    return _counts_of([item for item in items if not item.is_open], {})[0]


def total(one: RunCounts, other: RunCounts) -> RunCounts:
    """Return the sum of two counts."""
    copies = {name: getattr(one.copies, name) + getattr(other.copies, name) for name in CopyCounts.model_fields}
    deletions = {name: getattr(one.deletions, name) + getattr(other.deletions, name) for name in DeletionCounts.model_fields}
    return RunCounts(
        selected=one.selected + other.selected,
        skipped=one.skipped + other.skipped,
        copies=CopyCounts(**copies),
        deletions=DeletionCounts(**deletions),
    )


def _counts_of(known: Sequence[RunItem], active: Mapping[str, Active]) -> tuple[RunCounts, int]:
    """Return the counts of items, and how many of their copies and deletions have not ended."""
    copied = [target for item in known for target in item.targets if target.decision is Decision.COPIED]
    outcomes = Counter(target.outcome for target in copied)
    deleted = Counter(deletion.outcome for item in known for deletion in item.all_deletions)
    copying = sum(target.outcome is None and _is_copying(active.get(target.copy_id or "")) for target in copied)
    counts = RunCounts(
        selected=len(known),
        skipped=sum(item.decision is Decision.SKIPPED for item in known),
        copies=CopyCounts(
            accepted=len(copied),
            waiting=outcomes[None] - copying,
            copying=copying,
            **{outcome.value: outcomes[outcome] for outcome in Outcome},
        ),
        deletions=DeletionCounts(
            accepted=deleted.total(),
            done=deleted[DeletionOutcome.DONE],
            refused=deleted[DeletionOutcome.REFUSED],
            held=sum(item.all_held for item in known),
        ),
    )
    return counts, outcomes[None] + deleted[None]


def problem_at_end(items: Iterable[RunItem], problems: Sequence[Problem]) -> Problem | None:
    """Return the error with which a run ends, None where it succeeded; `problems` are those that its selection and pruning had."""
    failed = [(item, target) for item in items for target in item.targets if target.outcome is Outcome.FAILED]
    by_code = {problem.code: problem for problem in problems}
    if failed:
        details = tuple(_detail(item, target) for item, target in failed[:_MOST_NAMED])
        message = f"{len(failed)} copies failed. The details name {len(details)} of them."
        by_code[RunError.COPIES_FAILED] = Problem(RunError.COPIES_FAILED, message, details=details)
    first = error_of_run([RunError(code) for code in by_code])
    return by_code[first] if first is not None else None


def _detail(item: RunItem, target: TargetItem) -> Problem:
    reason = target.message or "Azure gives no reason."
    return Problem(target.code or RunError.COPIES_FAILED, f"{item.virtual_machine_id} to {target.region}: {reason}", target.copy_id)


def _is_copying(row: Active | None) -> bool:
    return row is not None and row.step == COPYING
