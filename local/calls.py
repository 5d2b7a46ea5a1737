"""Plain HTTP calls to the parts of the stack, with the standard library: JSON in, JSON out."""

import json
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from email.message import Message
from typing import Any, Final

# Everything here talks to 127.0.0.1: a proxy of the user's environment must not see it.
_DIRECT: Final = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back; a header's name may be in any case, `body` is None where it was not JSON."""

    status: int
    headers: Message
    body: Any


def call(method: str, url: str, body: object = None, *, headers: Mapping[str, str] | None = None, timeout: float = 30) -> Reply:
    """Make a call and return the reply, whatever its status; raises `OSError` where no answer comes within `timeout` wall-clock seconds."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=content, method=method, headers=dict(headers or {}))  # noqa: S310  # http to this machine
    if content is not None:
        request.add_header("Content-Type", "application/json")
    try:
        with _DIRECT.open(request, timeout=timeout) as answer:
            return Reply(answer.status, answer.headers, _json(answer.read()))
    except urllib.error.HTTPError as error:
        with error:
            return Reply(error.code, error.headers, _json(error.read()))


def answers(url: str, status: int = 200) -> bool:
    """Whether a GET of `url` gives `status` just now."""
    try:
        return call("GET", url, timeout=5).status == status
    except OSError:
        return False


def _json(content: bytes) -> object:
    try:
        body: object = json.loads(content)
    except ValueError:
        return None
    return body
