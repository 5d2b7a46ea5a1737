"""Calls to the app that the journeys share: an authorized caller, requests, and following an operation to its end."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from local.calls import Reply, call
from local.processes import Trouble
from local.stack import StackOptions
from local.tokens import get_token

_INTERVAL: Final = 0.25  # wall-clock seconds between two reads
_FINAL: Final = ("Succeeded", "Failed", "Canceled")


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller of the app with the roles of a tenant's token."""

    headers: Mapping[str, str]

    @staticmethod
    def of(options: StackOptions, roles: Sequence[str], tenant: str) -> "Caller":
        """Return a caller with a new token; raises `Trouble` where none is issued."""
        token = get_token(options.azure_port, {"roles": list(roles), "tenant": tenant})
        return Caller({"Authorization": f"Bearer {token}"})

    def send(self, method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request and return its reply, whatever the status; raises `Trouble` where there is no answer."""
        return send(method, url, body, {**self.headers, **(headers or {})})

    def follow(self, url: str, name: str, seconds: float, on_read: Callable[[Mapping[str, Any]], None]) -> Mapping[str, Any]:
        """Read an operation until it is final and return it; `on_read` gets each state that is not final.

        Raises `Trouble` where it asks for attention, or is not final after `seconds` of wall-clock time.
        """
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            reply = self.send("GET", url)
            if reply.status == 200:
                operation = dict(reply.body)
                if operation["status"] in _FINAL:
                    return operation
                if operation.get("attention"):
                    raise Trouble(f"{name} needs attention: {operation['attention']['message']}")
                on_read(operation)
            time.sleep(_INTERVAL)
        raise Trouble(f"{name} did not end in time; it continues at {url}")


def send(method: str, url: str, body: object = None, headers: Mapping[str, str] | None = None) -> Reply:
    """Send a request and return its reply, whatever the status; raises `Trouble` where there is no answer."""
    try:
        return call(method, url, body, headers=headers)
    except OSError as error:
        raise Trouble(f"no answer from {url} ({error}); start the stack with `python3 -m local up`") from error


def owners_of(estate: Mapping[str, Any]) -> dict[str, str]:
    """Return the tenants of an estate by their subscriptions; a tenant on Azure Pack has none."""
    return {subscription: tenant["name"] for tenant in estate["tenants"] for subscription in tenant.get("subscriptions", ())}


def read_estate(options: StackOptions) -> Mapping[str, Any]:
    """Return what the simulated Azure holds; raises `Trouble` where it does not answer with it."""
    reply = send("GET", f"{options.azure}/_simulation/estate")
    if reply.status != 200:
        raise Trouble(f"the simulated Azure answered {reply.status}; start it with `python3 -m local up`")
    return dict(reply.body)


def refusal(reply: Reply) -> str:
    """Return the status, code, message and details of a reply with an error."""
    error = (reply.body or {}).get("error", {}) if isinstance(reply.body, dict) else {}
    details = "; ".join(str(detail.get("message")) for detail in error.get("details") or [])
    return f"{reply.status} {error.get('code', '')}: {error.get('message', '')} {details}".rstrip()
