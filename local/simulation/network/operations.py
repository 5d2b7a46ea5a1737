"""Long-running operations of Microsoft.Network."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import uuid4

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Change, Json
from local.simulation.ids import subscription
from local.simulation.network.models import NetworkState
from local.simulation.times import from_text, to_text

#: How long each write takes, and the seconds after which its answer asks for the next look.
LASTS = timedelta(seconds=3)
_RETRY_AFTER = "3"


def begin(call: Call, location: str, error: Mapping[str, Any] | None = None) -> tuple[Change, dict[str, str]]:
    """Return a new operation as a change, and the headers that name it."""
    operation: Json = {
        "id": str(uuid4()),
        "endsAt": to_text(call.now + LASTS),
        "error": None if error is None else dict(error),
    }
    where = f"{call.base_url}/subscriptions/{subscription(call.path)}/providers/Microsoft.Network/locations/{location}"
    query = f"api-version={call.api_version}"
    headers = {
        "Azure-AsyncOperation": f"{where}/operations/{operation['id']}?{query}",
        "Location": f"{where}/operationResults/{operation['id']}?{query}",
        "Retry-After": _RETRY_AFTER,
    }
    return Change(call.world.of(NetworkState).operations, operation["id"], operation), headers


def get(call: Call) -> Answer:
    """Return an operation as `Azure-AsyncOperation` shows it."""
    operation = _operation(call)
    if call.now < from_text(operation["endsAt"]):
        return Answer(200, {"status": "InProgress"}, {"Retry-After": _RETRY_AFTER})
    error = operation["error"]
    return Answer(200, {"status": "Succeeded"} if error is None else {"status": "Failed", "error": error})


def get_result(call: Call) -> Answer:
    """Return an operation as `Location` shows it."""
    operation = _operation(call)
    if call.now < from_text(operation["endsAt"]):
        return Answer(202, None, {"Location": f"{call.base_url}{call.path}?api-version={call.api_version}", "Retry-After": _RETRY_AFTER})
    return Answer(200) if operation["error"] is None else Answer(409, {"error": operation["error"]})


def _operation(call: Call) -> Json:
    found = call.world.of(NetworkState).operations.get(call.names[2])
    if found is None:
        raise not_found("Microsoft.Network/locations/operations", f"{call.names[1]}/{call.names[2]}", "")
    return found
