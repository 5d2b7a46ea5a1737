"""A caller of the app over real HTTP, who holds every answer against what all answers have, and against the OpenAPI description."""

import json
import re
import urllib.error
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode, urlsplit

from jsonschema import Draft202012Validator

_DIRECT = urllib.request.build_opener(urllib.request.ProxyHandler({}))
_GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: `headers` by name in lower case, `body` the JSON, or None where it is none."""

    status: int
    headers: Mapping[str, str]
    body: Any

    @property
    def error(self) -> Any:
        """The error object."""
        return self.body["error"]

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.error["code"])

    @property
    def target(self) -> str | None:
        """The error's target."""
        target: str | None = self.error["target"]
        return target

    @property
    def operation(self) -> str:
        """The id of the operation that was accepted."""
        return self.headers["operation-location"].rpartition("/")[2]

    def text_of_body(self) -> str:
        """Return the body as text, to look for what must not be in it."""
        return json.dumps(self.body)

    @property
    def targets(self) -> set[str]:
        """The fields that the error's details are about."""
        return {detail.get("target", "") for detail in self.error.get("details", [])}


class Description:
    """The OpenAPI description that the app gives of itself."""

    def __init__(self, document: Mapping[str, Any]) -> None:
        self.document = document
        self._paths = [
            (re.compile(re.sub(r"\\\{[^}]*\\\}", "[^/]+", re.escape(path))), operations) for path, operations in document["paths"].items()
        ]

    def check(self, method: str, path: str, reply: Reply) -> None:
        """Fail unless the status and the body of an answer are described; a path that is not described was not for the app."""
        found = [operations for pattern, operations in self._paths if pattern.fullmatch(path) and method.lower() in operations]
        if not found:
            return
        literal_first = min(found, key=lambda operations: operations[method.lower()]["operationId"].count("By"))
        responses = literal_first[method.lower()]["responses"]
        assert str(reply.status) in responses, f"{method} {path} answered {reply.status}, which is not described"
        response = responses[str(reply.status)]
        content = response.get("content", {})
        if "application/json" in content:
            schema = {**content["application/json"]["schema"], "components": self.document["components"]}
            problems = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(schema).iter_errors(reply.body)]
            assert not problems, f"{method} {path} {reply.status}: {problems}"
        for name in response["headers"]:
            if name not in ("x-ms-client-request-id",):
                assert name.lower() in reply.headers, f"{method} {path} {reply.status} lacks {name}"


@dataclass(frozen=True, slots=True)
class Caller:
    """A caller with an access token (None: without). `api` is the address of the API with its prefix."""

    api: str
    token: str | None
    description: Description | None = None
    headers: Mapping[str, str] = field(default_factory=dict)

    def get(self, path: str, **query: object) -> Reply:
        """GET a path below the API, or an absolute address."""
        return self.call("GET", path + (f"?{urlencode(query)}" if query else ""))

    def post(self, path: str, body: object = None, *, key: str | None = None, **headers: str) -> Reply:
        """POST JSON; `key` is the Repeatability-Request-ID."""
        content = None if body is None else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        named |= {"Repeatability-Request-ID": key} if key else {}
        return self.call("POST", path, content, {"Content-Type": "application/json", **named})

    def call(self, method: str, path: str, content: bytes | None = None, headers: Mapping[str, str] | None = None) -> Reply:
        """Send a request unchanged, and hold the answer against the contract."""
        url = path if path.startswith("http") else self.api + path
        asked = str(uuid.uuid4())
        sent = {"x-ms-client-request-id": asked, **self.headers, **(headers or {})}
        if self.token is not None:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        if content is None and method in {"POST", "PUT", "PATCH"}:
            sent["Content-Length"] = "0"
        reply = _send(urllib.request.Request(url, data=content, method=method, headers=sent))  # noqa: S310  # http to this machine
        self._hold(method, urlsplit(url).path.removeprefix("/api"), sent["x-ms-client-request-id"], reply)
        return reply

    def _hold(self, method: str, path: str, asked: str, reply: Reply) -> None:
        assert reply.status < 500 or reply.status == 503, (method, path, reply)
        assert _GUID.fullmatch(reply.headers["x-ms-request-id"])
        assert reply.headers["x-ms-client-request-id"] == asked
        if reply.status >= 400:
            assert {"code", "message"} <= reply.error.keys(), reply
            assert reply.error["message"].endswith((".", ".)")), reply.error["message"]
            assert reply.headers["x-ms-error-code"] == reply.code
        if self.description is not None:
            self.description.check(method, path, reply)


def read_reply(status: int, headers: Mapping[str, str], content: bytes) -> Reply:
    """Read an answer: its body is None where it is no JSON."""
    try:
        body = json.loads(content)
    except ValueError:
        body = None
    return Reply(status, {name.lower(): value for name, value in headers.items()}, body)


def _send(request: urllib.request.Request) -> Reply:
    try:
        answer = _DIRECT.open(request, timeout=60)
    except urllib.error.HTTPError as error:
        answer = error
    with answer:
        return read_reply(answer.status, dict(answer.headers.items()), answer.read())
