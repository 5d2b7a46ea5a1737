"""Errors of jobs, in the members that Azure has for them."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from local.simulation.arm.tables import Json
from local.simulation.faults.fault import Fault
from local.simulation.ids import derived
from local.simulation.times import to_text

_CODE = "28002"


def error_of(fault: Fault) -> Json:
    """Return what a task fails with, as a fault `failJob` defines it: `code`, `message`, `possibleCauses`, `recommendedAction`."""
    given = fault.definition
    code = str(given.get("code") or _CODE)
    return {
        "code": code,
        "message": str(given.get("message") or f"The operation failed with error {code}."),
        "possibleCauses": str(given.get("possibleCauses") or "The provider reported a failure."),
        "recommendedAction": str(given.get("recommendedAction") or "Fix the cause that is named, and try the operation again."),
        "providerErrorCode": int(given.get("providerErrorCode", 31400)),
    }


def body(error: Mapping[str, Any], task_id: str, at: datetime, activity_id: str, *, mild: bool) -> Json:
    """Return a `JobErrorDetails`."""
    texts = {"possibleCauses": error.get("possibleCauses"), "recommendedAction": error.get("recommendedAction")}
    return {
        "serviceErrorDetails": {"code": str(error["code"]), "message": error["message"], **texts, "activityId": activity_id},
        "providerErrorDetails": {
            "errorCode": error.get("providerErrorCode"),
            "errorMessage": error["message"],
            "errorId": derived("provider error", str(error["code"])),
            **texts,
        },
        "errorLevel": "Warning" if mild else "Error",
        "creationTime": to_text(at),
        "taskId": task_id,
    }
