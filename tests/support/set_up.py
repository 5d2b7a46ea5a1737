"""Requests of the set-up, and what they read and wrote."""

import json
from typing import Any

from tests.support.api import Caller, Reply
from tests.support.running import Running

ROLES = ("Failovers.Read", "Failovers.Execute")


def send(caller: Caller, method: str, path: str, body: object = None, key: str | None = None) -> Reply:
    headers = {"Content-Type": "application/json"} if body is not None else {}
    headers |= {"Repeatability-Request-ID": key} if key else {}
    return caller.call(method, path, None if body is None else json.dumps(body).encode(), headers)


def done(stack: Running, caller: Caller, method: str, path: str, body: object = None, status: str = "Succeeded") -> Any:
    reply = send(caller, method, path, body)
    assert reply.status == 202, reply
    ended = stack.until_ended(caller, reply.headers["operation-location"], step="PT1M")
    assert ended.body["status"] == status, ended.body
    return ended.body


def values(caller: Caller, path: str) -> list[dict[str, Any]]:
    reply = caller.get(path)
    assert reply.status == 200, reply
    found: list[dict[str, Any]] = reply.body["value"]
    return found


def cloud(caller: Caller, name: str) -> str:
    return str(next(one for one in values(caller, "/clouds") if one["name"] == name)["id"])


def machine(caller: Caller, name: str) -> dict[str, Any]:
    return next(one for one in values(caller, "/protectable-items") if one["name"] == name)


def writes(stack: Running, path: str) -> list[str]:
    return [write["method"] for write in stack.writes(path)]
