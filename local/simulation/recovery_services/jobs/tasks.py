"""The tasks of a job: what there is to do, and the times that it takes once the job is laid down. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.times import moment, text_or_none


@dataclass(frozen=True, slots=True)
class Task:
    """A task: `seconds` of Azure's time, or what its `children` take: side by side, or (not `parallel`) one after another.

    `item` is the protected item that it, with its children, is for. `group` are the members of Azure's details of a plan's group.
    `waits`: the job stays suspended in it until it is resumed. `error` makes it fail at its end; with `mild` the job goes on.
    """

    id: str
    name: str
    friendly_name: str
    seconds: float = 0
    children: tuple["Task", ...] = ()
    parallel: bool = False
    item: str | None = None
    group: Mapping[str, Any] | None = None
    waits: bool = False
    error: Mapping[str, Any] | None = None
    mild: bool = False
    start: datetime | None = None
    end: datetime | None = None

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Task":
        """Read a task of the estate."""
        return Task(
            id=str(body.get("id") or body["name"]),
            name=str(body["name"]),
            friendly_name=str(body.get("friendlyName") or body["name"]),
            seconds=float(body.get("seconds", 0)),
            children=tuple(Task.from_json(each) for each in body.get("children") or []),
            parallel=bool(body.get("parallel", False)),
            item=body.get("item"),
            group=body.get("group"),
            waits=bool(body.get("waits", False)),
            error=body.get("error"),
            mild=bool(body.get("mild", False)),
            start=moment(body, "start"),
            end=moment(body, "end"),
        )

    def as_json(self) -> Json:
        """Write it as the estate has it."""
        body: Json = {"id": self.id, "name": self.name, "friendlyName": self.friendly_name, "seconds": self.seconds}
        optional = {
            "children": [each.as_json() for each in self.children] or None,
            "parallel": self.parallel or None,
            "item": self.item,
            "group": None if self.group is None else dict(self.group),
            "waits": self.waits or None,
            "error": None if self.error is None else dict(self.error),
            "mild": self.mild or None,
            "start": text_or_none(self.start),
            "end": text_or_none(self.end),
        }
        return body | {member: value for member, value in optional.items() if value is not None}

    def fails(self) -> bool:
        """Whether it, or a task in it, fails so that what follows is not begun."""
        own = self.error is not None and not self.mild
        return own or (any(each.fails() for each in self.children) and not self.mild)

    def waiting(self) -> bool:
        """Whether it, or a task in it, waits for a person."""
        return (self.waits and self.start is not None and self.end is None) or any(each.waiting() for each in self.children)

    def tree(self) -> Iterator["Task"]:
        """Yield it and every task in it."""
        yield self
        for child in self.children:
            yield from child.tree()


def lay(tasks: Sequence[Task], start: datetime) -> tuple[tuple[Task, ...], datetime | None]:
    """Return tasks, one after another, with their times, and the end of the last: None while one waits.

    Tasks that have an end keep it, so a job that is resumed goes on; what follows a failure, or a task that waits, has no times.
    """
    laid: list[Task] = []
    at: datetime | None = start
    stopped = False
    for task in tasks:
        if stopped or at is None:
            laid.append(_cleared(task))
            continue
        done = _laid(task, at)
        laid.append(done)
        at = None if done.end is None else max(at, done.end)
        stopped = done.fails()
    return tuple(laid), at


def _laid(task: Task, start: datetime) -> Task:
    if task.start is not None and task.end is not None:
        return task
    if task.waits:
        return replace(task, start=start, end=None)
    if not task.children:
        return replace(task, start=start, end=start + timedelta(seconds=task.seconds))
    if not task.parallel:
        children, end = lay(task.children, start)
        return replace(task, start=start, children=children, end=end)
    children = tuple(_laid(child, start) for child in task.children)
    ends = [child.end for child in children]
    return replace(task, start=start, children=children, end=None if None in ends else max(each for each in ends if each is not None))


def _cleared(task: Task) -> Task:
    return replace(task, start=None, end=None, children=tuple(_cleared(child) for child in task.children))


def resumed(tasks: Sequence[Task], now: datetime) -> tuple[tuple[Task, ...], datetime | None]:
    """Return the tasks of a suspended job as they go on from now, and the end of the last."""
    woken = tuple(_woken(task, now) for task in tasks)
    first = next((task.start for task in woken if task.start is not None), now)
    return lay(woken, first)


def _woken(task: Task, now: datetime) -> Task:
    if task.waits and task.start is not None and task.start <= now and task.end is None:
        return replace(task, end=now)
    return replace(task, children=tuple(_woken(child, now) for child in task.children)) if task.children else task


def restarted(tasks: Sequence[Task], now: datetime) -> tuple[tuple[Task, ...], datetime | None]:
    """Return the tasks of a failed job as they begin again with the one that failed, and the end of the last."""
    done = [task for task in tasks if task.end is not None and not task.fails()]
    laid, end = lay([_forgiven(task) for task in tasks if task not in done], now)
    return (*done, *laid), end


def _forgiven(task: Task) -> Task:
    """Return a task without its failure, and without times but for those of the tasks in it that were done."""
    if task.end is not None and not task.fails():
        return task
    return replace(task, error=None, mild=False, start=None, end=None, children=tuple(_forgiven(child) for child in task.children))


def cancelled(task: Task, now: datetime) -> Task:
    """Return a task as the cancellation of its job leaves it: what runs ends now, what has not begun never does."""
    children = tuple(cancelled(child, now) for child in task.children)
    if task.start is None or task.start > now:
        return _cleared(replace(task, children=children))
    return task if task.end is not None and task.end <= now else replace(task, end=now, children=children, group=_marked(task))


def _marked(task: Task) -> Json:
    return {**(task.group or {}), "cancelled": True}


def state(task: Task, now: datetime) -> str:
    """Return Azure's `state` of a task."""
    if task.start is None or task.start > now:
        return "NotStarted"
    if task.end is None or task.end > now:
        return "Suspended" if task.waiting() and task.waits else "InProgress"
    if task.group is not None and task.group.get("cancelled"):
        return "Cancelled"
    failed = task.error is not None or any(child.fails() for child in task.children)
    return "Failed" if failed else "Succeeded"
