"""Reads a copy policy's document: its fields, then what they must be together and at this time."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Final

from shared.copies.policies.document import Consistency, DrillKind, Fallback, PolicyDocument
from shared.errors import ErrorCode, Problem
from shared.schedules.checks import check_distance, check_is_due, longest_distance
from shared.schedules.errors import ScheduleError
from shared.values.durations import duration_text
from shared.values.sent import SentBody
from shared.web.documents import invalid, parse, wrong

LEAST_DISTANCE: Final = {Consistency.APPLICATION_CONSISTENT: timedelta(hours=3), Consistency.CRASH_CONSISTENT: timedelta(hours=1)}
"""How far apart restore points of a VM must be (docs/azure/restore-points.md)."""
END_IS_SEEN_AFTER: Final = timedelta(minutes=20)
"""Azure refreshes a copy's progress every ten minutes and shows its end at the second refresh at the earliest."""
LONGEST_PAUSE: Final = timedelta(days=366)
MAX_KEPT: Final = 400
"""Azure keeps 500 restore points of a VM."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)


def policy_name(text: str) -> str:
    """Return the name of a policy; refuses with `InvalidRequest` (name) one that is not allowed."""
    if _NAME.fullmatch(text) is None:
        raise wrong(
            "name", "The name of a policy has 1 to 63 letters, digits, full stops, underscores and hyphens, a letter or digit first."
        )
    return text


def read_policy(sent: SentBody, now: datetime) -> PolicyDocument:
    """Return a document from its JSON as it was sent; refuses with `InvalidRequest` and one detail for each field that is wrong.

    What fields must be together, and by the slots from `now` on, is checked once each field is right.
    """
    document = parse(PolicyDocument, dict(sent.members))
    problems = list(problems_of(document, now))
    if problems:
        raise invalid(problems)
    return document


def problems_of(document: PolicyDocument, now: datetime) -> Iterator[Problem]:
    """Yield what is wrong with the fields together, each with its path."""
    yield from _of_pause(document, now)
    yield from _of_selector(document)
    yield from _of_schedule(document, now)
    yield from _of_targets(document)
    yield from _of_amounts(document)
    yield from _of_drill(document)


def _problem(path: str, message: str) -> Problem:
    return Problem(ErrorCode.INVALID_REQUEST, message, path)


def _of_pause(document: PolicyDocument, now: datetime) -> Iterator[Problem]:
    until = document.paused_until
    if until is not None and until <= now:
        yield _problem("pausedUntil", "The time is past. Give a later one, or null to end the pause.")
    elif until is not None and until > now + LONGEST_PAUSE:
        yield _problem("pausedUntil", f"The time is more than {LONGEST_PAUSE.days} days ahead. Use enabled: false for longer.")


def _of_selector(document: PolicyDocument) -> Iterator[Problem]:
    selector = document.selector
    if selector.everything and selector.has_dimension:
        yield _problem(
            "selector", "everything cannot be used beside subscriptions, resourceGroups, regions or tags. Leave one of them out."
        )
    elif not (selector.everything or selector.has_dimension or selector.virtual_machine_ids):
        yield _problem("selector", "The selector is empty. Name VMs or a dimension, or set everything to true.")


def _of_schedule(document: PolicyDocument, now: datetime) -> Iterator[Problem]:
    schedule = document.schedule
    if (schedule.cron is None) == (schedule.every is None):
        yield _problem("schedule", "Give exactly one of cron and every.")
        return
    if schedule.anchor is not None and schedule.every is None:
        yield _problem("schedule.anchor", "The anchor is used with every only. Leave it out.")
        return
    try:
        rule = schedule.rule()
        check_is_due(rule, now)
        check_distance(rule, now, LEAST_DISTANCE[document.consistency.mode])
    except ScheduleError as error:
        yield _problem(f"schedule.{error.field}", str(error))
        return
    longest = longest_distance(rule, now)
    if document.objective is None or longest is None or document.objective >= longest.span + END_IS_SEEN_AFTER:
        return
    yield _problem(
        "objective",
        f"The objective {duration_text(document.objective)} is shorter than the distance {duration_text(longest.span)} of the slots from "
        f"{longest.begin:%Y-%m-%dT%H:%M:%SZ} to {longest.end:%Y-%m-%dT%H:%M:%SZ} plus {duration_text(END_IS_SEEN_AFTER)}.",
    )


def _of_targets(document: PolicyDocument) -> Iterator[Problem]:
    regions: set[str] = set()
    for number, target in enumerate(document.targets):
        if target.region in regions:
            yield _problem(f"targets[{number}].region", f"The region {target.region} is named twice. Name each region once.")
        regions.add(target.region)


def _of_amounts(document: PolicyDocument) -> Iterator[Problem]:
    consistency, limits, most = document.consistency, document.limits, document.retention.most
    if consistency.mode is Consistency.CRASH_CONSISTENT and consistency.fallback is Fallback.CRASH_CONSISTENT:
        yield _problem("consistency.fallback", "A crash-consistent restore point has no fallback. Use None.")
    if most > MAX_KEPT:
        yield _problem("retention", f"The retention keeps up to {most} copies of a VM. The sum of its numbers must be {MAX_KEPT} at most.")
    if limits.minimum_virtual_machines > limits.virtual_machines:
        message = f"The minimum {limits.minimum_virtual_machines} is over the maximum {limits.virtual_machines}."
        yield _problem("limits.minimumVirtualMachines", message)


def _of_drill(document: PolicyDocument) -> Iterator[Problem]:
    if document.drill is None:
        return
    places = [(number, target.drill_in) for number, target in enumerate(document.targets) if target.drill_in is not None]
    if not places:
        yield _problem("drill", "No target has drillIn. Give at least one target the place of its drills.")
    if document.drill.kind is DrillKind.VIRTUAL_MACHINE:
        for number, place in places:
            if place.subnet_id is None:
                yield _problem(f"targets[{number}].drillIn.subnetId", "A drill of a virtualMachine needs a subnet.")
