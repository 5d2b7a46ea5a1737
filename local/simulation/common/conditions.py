"""Conditional requests: `If-Match` and `If-None-Match`."""

from local.simulation.arm.call import Call
from local.simulation.arm.errors import ArmError


def check(call: Call, etag: str | None) -> None:
    """Refuse a request whose condition a resource does not fulfil; `etag` None: there is none. Raises `ArmError` 412."""
    if call.if_none_match and etag is not None and _names(call.if_none_match, etag):
        raise _failed(f"The condition '{call.if_none_match}' of If-None-Match is not fulfilled: the resource '{call.path}' exists.")
    if call.if_match and (etag is None or not _names(call.if_match, etag)):
        raise _failed(f"The condition '{call.if_match}' of If-Match is not fulfilled by the resource '{call.path}'.")


def _names(condition: str, etag: str) -> bool:
    bare = etag.removeprefix("W/").strip('"')
    return any(each.strip() == "*" or each.strip().removeprefix("W/").strip('"') == bare for each in condition.split(","))


def _failed(message: str) -> ArmError:
    return ArmError(412, "PreconditionFailed", message)
