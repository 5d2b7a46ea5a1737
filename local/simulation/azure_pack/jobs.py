"""VMM's jobs: progress over simulated time, and what becomes of the machine at the end. Pure: returns changes."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack.state import AzurePackState
from local.simulation.faults.fault import Fault
from local.simulation.ids import derived
from local.simulation.times import from_text, to_text

FAULTS = frozenset({"failVmmJob", "stallVmmJob", "lateJob"})


@dataclass(frozen=True, slots=True)
class Work:
    """What a job does to its target at its end: merged with `becomes` (None: removed), or, if it fails, with `undoes`.

    `fails` is the error of a job that VMM's rules let fail.
    """

    name: str
    target_set: str
    target: Json
    becomes: Json | None
    undoes: Json
    fails: Json | None = None


def begin(
    state: AzurePackState, now: datetime, work: Work, subscription: str | None, fault: Fault | None, *, waited_for: bool = False
) -> Json:
    """Return a new job; a fault may let it fail, stall or be late. One that is `waited_for` has ended when its answer is there."""
    lasts = timedelta(0) if waited_for else timedelta(seconds=float(state.setting("jobSeconds")))
    job: Json = {
        "ID": derived("job", str(len(state.jobs)), str(work.target["ID"])),
        "StampId": work.target["StampId"],
        "Name": work.name,
        "Description": work.name,
        "Status": "Running",
        "IsCompleted": False,
        "ProgressValue": "0",
        "StartTime": to_text(now),
        "EndTime": None,
        "ResultObjectID": work.target["ID"],
        "ResultName": work.target.get("Name"),
        "ErrorInfo": None,
        "_set": work.target_set,
        "_subscription": subscription,
        "_ends": to_text(now + lasts),
        "_becomes": work.becomes,
        "_undoes": work.undoes,
        "_fails": work.fails,
    }
    if fault is None:
        return job
    if fault.kind == "failVmmJob":
        job["_fails"] = error(
            fault.text("code", "2606"), fault.text("problem", "The job failed."), fault.text("recommendedAction", "Try again.")
        )
    elif fault.kind == "stallVmmJob":
        job["_stalls"] = to_text(now + lasts / 2)
    elif fault.kind == "lateJob":
        job["_hidden"] = to_text(now + fault.length("delay", "PT30S"))
    return job


def error(code: str, problem: str, action: str) -> Json:
    """Return VMM's ErrorInfo."""
    return {"Code": code, "DetailedErrorCode": None, "Problem": problem, "RecommendedAction": action, "IsSuccess": False}


def view(job: Json, now: datetime) -> Json:
    """Return a job with its progress at a moment; Int64 as text."""
    if job["IsCompleted"]:
        return job
    begins, ends = from_text(job["StartTime"]), from_text(job["_ends"])
    at = min(now, from_text(job["_stalls"])) if "_stalls" in job else now
    share = (at - begins) / (ends - begins) if ends > begins else 1.0
    return job | {"ProgressValue": str(max(0, min(99, int(share * 100))))}


def is_hidden(job: Json, now: datetime) -> bool:
    """Return whether a job is not there yet."""
    return "_hidden" in job and now < from_text(job["_hidden"])


def settle(state: AzurePackState, now: datetime) -> Iterator[Change]:
    """Return the changes of the jobs that have ended."""
    for job in list(state.jobs.values()):
        if job["IsCompleted"] or "_stalls" in job or from_text(job["_ends"]) > now:
            continue
        failed = job["_fails"]
        ended = {"IsCompleted": True, "EndTime": job["_ends"], "ProgressValue": "100"}
        if failed is None:
            yield state.put("jobs", job | ended | {"Status": "Completed"})
        else:
            yield state.put("jobs", job | ended | {"Status": "Failed", "ErrorInfo": failed})
        target = state.entity(job["_set"], job["ResultObjectID"])
        if target is None:
            continue
        becomes = job["_becomes"] if failed is None else job["_undoes"]
        if failed is None and becomes is None:
            yield state.remove_entity(job["_set"], target)
        else:
            yield state.put_entity(job["_set"], target | (becomes or {}) | {"_busy": False})
