"""What a fault makes of an answer: errors with a chosen code and body, answers with members changed, things left out of lists. Pure."""

import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from local.simulation.arm.outcome import Outcome, error
from local.simulation.faults.fault import Fault
from local.simulation.faults.odd import KINDS, odd

_CODES = {
    400: "BadRequest",
    401: "ExpiredAuthenticationToken",
    403: "AuthorizationFailed",
    404: "ResourceNotFound",
    409: "Conflict",
    412: "PreconditionFailed",
    429: "TooManyRequests",
    502: "BadGateway",
    503: "ServiceUnavailable",
    504: "GatewayTimeout",
}


def failure(fault: Fault, status: int) -> Outcome:
    """Return the error that a fault answers with: its `code`, `message`, `headers`, `body` and `retryAfter`, or the status's own."""
    code = fault.text("code", _CODES.get(status, "InternalServerError"))
    outcome = error(status, code, fault.text("message", "A fault of the simulation."))
    headers: dict[str, str] = {}
    if "retryAfter" in fault.definition:
        headers["Retry-After"] = str(fault.number("retryAfter", 0))
    if status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{code}"'
    body = fault.definition.get("body", outcome.body)
    return replace(outcome, body=body, headers=_changed(headers, fault))


def throttled(fault: Fault) -> Outcome:
    """Return the 429 of the fault `throttle`; `retryAfter` is 30 seconds where it is not given."""
    outcome = failure(fault, 429)
    headers = {"Retry-After": str(fault.number("retryAfter", 30)), **outcome.headers}
    return replace(outcome, headers=_changed(headers, fault))


def token_expired(fault: Fault) -> Outcome:
    """Return the 401 of the fault `expireToken`."""
    outcome = failure(fault, 401)
    if "body" in fault.definition or "message" in fault.definition:
        return outcome
    message = "The access token expiry UTC time is earlier than current UTC time."
    return replace(outcome, body={"error": {"code": outcome.body["error"]["code"], "message": message}})


def reshaped(fault: Fault, outcome: Outcome) -> Outcome:
    """Return an answer with `status` and `headers` changed, and its body merged with `body` (RFC 7396: null removes a member)."""
    body = outcome.body
    if "body" in fault.definition:
        body = merged(body, fault.definition["body"])
    return replace(outcome, status=fault.number("status", outcome.status), body=body, headers=_changed(outcome.headers, fault))


def without(body: Any, fault: Fault) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """Return a body whose lists, at any depth, leave out the resources whose id a fault `hide` matches."""
    if isinstance(body, Mapping):
        return {name: without(value, fault) for name, value in body.items()}
    if isinstance(body, list):
        return [without(each, fault) for each in body if not (isinstance(each, Mapping) and fault.path.search(str(each.get("id") or "")))]
    return body


def unusual(fault: Fault, outcome: Outcome) -> Outcome:
    """Return the answer in an unusual form, for the fault's `kinds` (default: all); the same draw gives the same form."""
    chance = random.Random(f"odd:{fault.seed}:{fault.draws}")  # noqa: S311  # chance that can be repeated, not a secret
    return replace(outcome, body=odd(outcome.body, fault.definition.get("kinds", sorted(KINDS)), chance))


def merged(body: Any, patch: Any) -> Any:  # noqa: ANN401  # whatever JSON can hold
    """Return a JSON value with a merge patch applied."""
    if not isinstance(patch, Mapping):
        return patch
    found = dict(body) if isinstance(body, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            found.pop(name, None)
        else:
            found[name] = merged(found.get(name), value)
    return found


def _changed(headers: Mapping[str, str], fault: Fault) -> dict[str, str]:
    given = fault.definition.get("headers") or {}
    names = {name.lower() for name in given}
    kept = {name: value for name, value in headers.items() if name.lower() not in names}
    return kept | {name: value for name, value in given.items() if value is not None}
