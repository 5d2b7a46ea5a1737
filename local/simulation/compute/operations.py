"""Long-running operations of Microsoft.Compute: started by a write, read at the URLs that its answer names."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.compute import bodies
from local.simulation.compute.disks import bodies as disk_bodies
from local.simulation.compute.models import Operation
from local.simulation.compute.state import ComputeState
from local.simulation.ids import subscription
from local.simulation.times import to_text

#: Seconds after which the answer to a write asks for the next look.
RETRY_AFTER = "10"


def begin(
    call: Call,
    location: str,
    lasts: timedelta,
    *,
    resource: str | None = None,
    output: Json | None = None,
    error: Mapping[str, Any] | None = None,
) -> tuple[Change, dict[str, str]]:
    """Return a new operation as a change, and the two headers that name it; with `error` it ends `Failed`."""
    operation = Operation(
        id=str(uuid4()),
        subscription_id=subscription(call.path),
        location=location,
        started_at=call.now,
        ends_at=call.now + lasts,
        resource=resource,
        output=output,
        error=error,
    )
    url = (
        f"{call.base_url}/subscriptions/{operation.subscription_id}/providers/Microsoft.Compute/locations/{location}"
        f"/operations/{operation.id}?api-version={call.api_version}"
    )
    headers = {"Azure-AsyncOperation": url, "Location": f"{url}&monitor=true"}
    return Change(call.world.of(ComputeState).operations, operation.id, operation), headers


def accepted(
    call: Call,
    location: str,
    lasts: timedelta,
    *,
    resource: str | None = None,
    output: Json | None = None,
    error: Mapping[str, Any] | None = None,
) -> tuple[Change, dict[str, str]]:
    """Return what `begin` returns, with the seconds after which the next look is asked for."""
    operation, headers = begin(call, location, lasts, resource=resource, output=output, error=error)
    return operation, headers | {"Retry-After": RETRY_AFTER}


def get(call: Call) -> Answer:
    """Return an operation: as `Azure-AsyncOperation` shows it, or with `monitor=true` as `Location` does."""
    operation = call.world.of(ComputeState).operations.get(call.names[2])
    if operation is None:
        raise not_found("Microsoft.Compute/locations/operations", f"{call.names[1]}/{call.names[2]}", "")
    running = call.now < operation.ends_at
    if call.query.get("monitor", "").lower() == "true":
        return (
            Answer(202, None, {"Location": f"{call.base_url}{call.path}?api-version={call.api_version}&monitor=true"})
            if running
            else _result(call, operation)
        )
    body: dict[str, Any] = {
        "name": operation.id,
        "startTime": to_text(operation.started_at),
        "status": "InProgress" if running else "Succeeded" if operation.error is None else "Failed",
    }
    if not running:
        body["endTime"] = to_text(operation.ends_at)
        if operation.error is not None:
            body["error"] = dict(operation.error)
        elif operation.output is not None:
            body["properties"] = {"output": dict(operation.output)}
    return Answer(200, body)


def _result(call: Call, operation: Operation) -> Answer:
    if operation.error is not None:
        return Answer(409, {"error": dict(operation.error)})
    if operation.output is not None:
        return Answer(200, dict(operation.output))
    body = None if operation.resource is None else _resource(call, operation.resource)
    return Answer(204) if body is None else Answer(200, body)


def _resource(call: Call, resource_id: str) -> Json | None:
    state = call.world.of(ComputeState)
    point = state.point(resource_id, call.now)
    if point is not None:
        return bodies.point(point, call.now)
    disk = state.disk(resource_id, call.now)
    if disk is not None:
        return disk_bodies.disk(disk, state.attached_to(disk.id, call.now), call.now)
    return None
