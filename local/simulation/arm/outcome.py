"""A request as it came in, and what its caller gets."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from local.simulation.arm.call import Answer
from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came in; `path` is decoded and without its query."""

    method: str
    path: str
    query: Mapping[str, str]
    body: bytes
    authorization: str
    client_request_id: str
    base_url: str
    if_match: str = ""
    if_none_match: str = ""

    @property
    def query_text(self) -> str:
        """The query as `name=value&name=value`, decoded."""
        return "&".join(f"{name}={value}" for name, value in self.query.items())

    def as_json(self) -> Json:
        """Return what a late effect needs."""
        return {
            "method": self.method,
            "path": self.path,
            "query": dict(self.query),
            "body": self.body.decode("utf-8", "replace"),
            "client_request_id": self.client_request_id,
            "base_url": self.base_url,
            "if_match": self.if_match,
            "if_none_match": self.if_none_match,
        }

    @staticmethod
    def from_json(body: Json) -> "Received":
        """Read what `as_json` returned."""
        return Received(**{**body, "body": body["body"].encode()}, authorization="")


class Ending(StrEnum):
    """What becomes of the connection."""

    ANSWER = "answer"
    CLOSE = "close"
    HOLD = "hold"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the caller sees."""

    ending: Ending
    status: int = 0
    body: Any = None
    headers: Mapping[str, str] = field(default_factory=dict)


def answered(answer: Answer) -> Outcome:
    """Return the outcome of an answer."""
    return Outcome(Ending.ANSWER, answer.status, answer.body, answer.headers)


def refused(refusal: ArmError) -> Outcome:
    """Return the outcome of a refusal."""
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{refusal.code}"'
    return Outcome(Ending.ANSWER, refusal.status, refusal.body(), headers)


def error(status: int, code: str, message: str) -> Outcome:
    """Return the outcome with ARM's error envelope."""
    return Outcome(Ending.ANSWER, status, {"error": {"code": code, "message": message}})
