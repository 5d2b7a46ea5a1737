"""Ids and addresses as Site Recovery writes them: `/Subscriptions` with a capital, and a regional host in `Location` (recorded in 2021)."""

from dataclasses import replace
from typing import Any

from local.simulation.arm.call import Answer, Call, Handler

_PREFIX = "/subscriptions/"
_WRITTEN = "/Subscriptions/"
_ADDRESSES = ("Location", "Azure-AsyncOperation")
#: The other name of this machine represents a regional host such as `centraluseuap.management.azure.com`.
_HOSTS = {"//127.0.0.1:": "//localhost:"}


def recorded(handle: Handler) -> Handler:
    """Return a handler whose answers have ids and addresses in the recorded form."""

    def answer(call: Call) -> Answer:
        found = handle(call)
        headers = {name: _address(value) if name in _ADDRESSES else value for name, value in found.headers.items()}
        return replace(found, body=_ids(found.body), headers=headers)

    return answer


def _ids(value: Any) -> Any:  # noqa: ANN401  # whatever JSON can hold
    if isinstance(value, str):
        return _id(value) if value.startswith("/") else value
    if isinstance(value, dict):  # JSON has no other `Mapping`, and asking for one is slow
        return {name: _ids(each) for name, each in value.items()}
    return [_ids(each) for each in value] if isinstance(value, list) else value


def _id(text: str) -> str:
    """Return an id of something in a vault with `/Subscriptions`; every other text is kept."""
    lowered = text[:400].lower()
    if lowered.startswith(_PREFIX) and "/providers/microsoft.recoveryservices/vaults/" in lowered and "/replication" in lowered:
        return _WRITTEN + text[len(_PREFIX) :]
    return text


def _address(url: str) -> str:
    scheme, found, rest = url.partition(_PREFIX)
    if not found:
        return url
    for host, regional in _HOSTS.items():
        scheme = scheme.replace(host, regional)
    return scheme + _WRITTEN + rest
