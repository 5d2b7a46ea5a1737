"""A request to a listener, its caller, and the answer."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from xml.sax.saxutils import escape

from local.simulation.arm.tables import Change, Json
from local.simulation.azure_pack.state import AzurePackState
from local.simulation.faults.fault import Fault

SERVICE_NAMESPACE = "http://schemas.microsoft.com/windowsazure"


class Listener(StrEnum):
    """The listeners, in the order of their ports; the value is the `service` of effects and faults."""

    ADMIN = "azurePack.admin"
    TENANT = "azurePack.tenant"
    PUBLIC = "azurePack.public"
    SIGN_IN = "azurePack.signIn"
    WINDOWS_SIGN_IN = "azurePack.windowsSignIn"
    ADFS = "azurePack.adfs"
    ACCOUNTS = "azurePack.accounts"


TENANTS = frozenset({Listener.TENANT, Listener.PUBLIC})
APIS = TENANTS | {Listener.ADMIN}


@dataclass(frozen=True, slots=True)
class PackRequest:
    """A request as it came in: `path` decoded, `raw_path` as sent, header names in lower case.

    `connection` is its connection, `server_hash` the SHA-256 of the certificate that it was served with: NTLM is bound to both.
    """

    listener: Listener
    method: str
    path: str
    raw_path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    base_url: str
    thumbprint: str | None = None
    connection: object | None = field(default=None, repr=False, compare=False)
    server_hash: bytes = b""

    def as_json(self, caller: "Caller") -> Json:
        """Return what a late effect needs; of its headers none that proves anything."""
        return {
            "service": str(self.listener),
            "method": self.method,
            "path": self.path,
            "rawPath": self.raw_path,
            "query": dict(self.query),
            "body": self.body.decode("utf-8", "replace"),
            "baseUrl": self.base_url,
            "caller": {
                "name": caller.name,
                "administrator": caller.administrator,
                "subscriptions": None if caller.subscriptions is None else sorted(caller.subscriptions),
            },
        }

    @staticmethod
    def from_json(body: Json) -> tuple["PackRequest", "Caller"]:
        """Read what `as_json` returned."""
        given = body["caller"]
        subscriptions = None if given["subscriptions"] is None else frozenset(given["subscriptions"])
        request = PackRequest(
            Listener(body["service"]),
            body["method"],
            body["path"],
            body["rawPath"],
            body["query"],
            {},
            body["body"].encode(),
            body["baseUrl"],
        )
        return request, Caller(given["name"], administrator=given["administrator"], subscriptions=subscriptions)


@dataclass(frozen=True, slots=True)
class Caller:
    """Who calls. `subscriptions`: those that accept the client certificate, lower case; None with a token."""

    name: str
    administrator: bool = False
    subscriptions: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class PackAnswer:
    """An answer, and what changes by it. `body` is written as JSON, `text` as it is; `authenticate` are WWW-Authenticate headers.

    `spends_fault`: whether it began the work that the fault of its call is for.
    """

    status: int = 200
    body: Any = None
    text: str | None = None
    content_type: str = "application/json; charset=utf-8"
    headers: Mapping[str, str] = field(default_factory=dict)
    changes: tuple[Change, ...] = ()
    spends_fault: bool = True
    authenticate: tuple[str, ...] = ()


class Refusal(Exception):  # noqa: N818  # an answer, not a defect
    """A request that Azure Pack refuses; `code` None is an answer without a body of the service, as IIS gives it."""

    def __init__(self, status: int, code: str | None, message: str, *, vmm: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.vmm = vmm


@dataclass(frozen=True, slots=True)
class PackCall:
    """A request that is allowed, with what its handler decides by. `fault` acts on the job or synchronisation that it begins."""

    state: AzurePackState
    now: datetime
    request: PackRequest
    caller: Caller
    names: Mapping[str, str]
    fault: Fault | None = None

    @property
    def body(self) -> Json:
        """The body as an object; raises `Refusal` 400."""
        try:
            body = json.loads(self.request.body or b"{}")
        except ValueError:
            raise Refusal(400, "BadRequest", "The body is not JSON.") from None
        if not isinstance(body, dict):
            raise Refusal(400, "BadRequest", "The body is not an object.")
        return body

    def flag(self, name: str) -> bool:
        """Return whether a flag of the query is True."""
        return self.request.query.get(name, "").lower() in ("true", "1")


Handler = Callable[[PackCall], PackAnswer]


def refused(refusal: Refusal, accept: str) -> PackAnswer:
    """Return the answer of a refusal: of the service XML or JSON by `Accept`, of VMM OData's JSON, else a page of IIS."""
    if refusal.code is None:
        return PackAnswer(refusal.status, text=page(f"{refusal.status} - {refusal.message}"), content_type="text/html")
    if refusal.vmm:
        return PackAnswer(refusal.status, {"odata.error": {"code": refusal.code, "message": {"lang": "en-US", "value": refusal.message}}})
    if "json" in accept:
        return PackAnswer(refusal.status, {"Code": refusal.code, "Message": refusal.message, "Details": []})
    return PackAnswer(refusal.status, text=error_xml(refusal.code, refusal.message), content_type="application/xml; charset=utf-8")


def error_xml(code: str, message: str) -> str:
    """Return the service's XML of an error."""
    return f'<Error xmlns="{SERVICE_NAMESPACE}"><Code>{escape(code)}</Code><Message>{escape(message)}</Message><Details/></Error>'


def page(title: str) -> str:
    """Return an HTML page."""
    return f"<!DOCTYPE html><html><head><title>{escape(title)}</title></head><body><h2>{escape(title)}</h2></body></html>"
