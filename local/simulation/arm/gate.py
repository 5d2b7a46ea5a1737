"""Resource Manager's front door: who calls, what is called, whether it may, which fault it meets, what then takes effect."""

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import uuid4

from local.simulation.arm.access import Principal, authorization_failed
from local.simulation.arm.buckets import Kind
from local.simulation.arm.call import Answer, Call, Route
from local.simulation.arm.errors import ArmError
from local.simulation.arm.routes import Routes
from local.simulation.arm.tables import Json
from local.simulation.faults.fault import ON_COPIES, ON_JOBS, ON_REQUESTS, Fault, Pick
from local.simulation.ids import key
from local.simulation.platform import Platform
from local.simulation.resources.models import ResourcesState
from local.simulation.resources.responses import group_not_found
from local.simulation.times import http_date, to_text

#: One JSON object for each request that came in, in order; `python -m local.simulation --log-requests` shows it.
REQUEST_LOG = "local.simulation.requests"
_requests = logging.getLogger(REQUEST_LOG)
_KINDS = {"GET": Kind.READS, "HEAD": Kind.READS, "DELETE": Kind.DELETES}
_WORDS = {500: "InternalServerError", 502: "BadGateway", 503: "ServiceUnavailable", 504: "GatewayTimeout", 429: "TooManyRequests"}


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

    def as_json(self) -> Json:
        """Write what a late effect needs."""
        return {
            "method": self.method,
            "path": self.path,
            "query": dict(self.query),
            "body": self.body.decode("utf-8", "replace"),
            "client_request_id": self.client_request_id,
            "base_url": self.base_url,
        }

    @staticmethod
    def from_json(body: Json) -> "Received":
        """Read it again."""
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
    headers: Mapping[str, str] | None = None


@dataclass(frozen=True, slots=True)
class _Known:
    request: Received
    principal: Principal
    route: Route
    names: tuple[str, ...]

    @property
    def subscription(self) -> str:
        return self.names[0].lower() if self.names else ""


class Gate:
    """Answers requests to Resource Manager's paths. Nothing in it waits, so every request is whole before the next."""

    def __init__(self, platform: Platform, routes: Routes) -> None:
        self._platform = platform
        self._routes = routes

    def receive(self, request: Received) -> Outcome:
        """Answer a request, with whatever fault it meets."""
        self.land()
        now = self._platform.clock.now()
        headers = {
            "Date": http_date(now),
            "x-ms-request-id": str(uuid4()),
            "x-ms-correlation-request-id": str(uuid4()),
            "Cache-Control": "no-cache",
        }
        if request.client_request_id:
            headers["x-ms-client-request-id"] = request.client_request_id
        known: _Known | None = None
        try:
            known = self._known(request)
            is_compute = known.route.template.find("/microsoft.compute") > 0
            kind = _KINDS.get(request.method, Kind.WRITES)
            headers |= self._platform.buckets.take(known.principal.id, known.subscription, kind, now, compute=is_compute)
            outcome = self._outcome(known, now)
        except ArmError as refusal:
            outcome = _refused(refusal)
        except Exception:
            logging.getLogger(__name__).exception("%s %s", request.method, request.path)
            outcome = Outcome(Ending.ANSWER, 500, _error("InternalServerError", "The simulation failed; its log says why."))
        operation = known.route.operation if known else "Unknown"
        self._platform.requests.add(request.method, operation, known.subscription if known else "", outcome.status)
        if _requests.isEnabledFor(logging.INFO):
            seen = {"time": to_text(now), "method": request.method, "path": request.path, "status": outcome.status}
            _requests.info(json.dumps(seen | {"clientRequestId": request.client_request_id}))
        return replace(outcome, headers={**headers, **(outcome.headers or {})})

    def land(self) -> None:
        """Let late effects take effect whose time has come, each at its own time; Azure is asked again, and may refuse by then."""
        for late in self._platform.due():
            request = Received.from_json(late.request)
            try:
                route, names = self._routes.find(request.method, request.path)
                known = _Known(request, self._principal(late.principal), route, names)
                self._perform(known, late.due)
            except ArmError:
                continue

    def _known(self, request: Received) -> _Known:
        accepted = (request.base_url, "http://127.0.0.1", "http://localhost", "https://management.")
        object_id = self._platform.issuer.object_id(request.authorization, lambda audience: audience.startswith(accepted))
        route, names = self._routes.find(request.method, request.path)
        self._routes.check_version(route, request.query)
        return _Known(request, self._principal(object_id), route, names)

    def _principal(self, object_id: str) -> Principal:
        return self._platform.world.principals.get(object_id.lower()) or Principal(object_id, object_id)

    def _outcome(self, known: _Known, now: datetime) -> Outcome:
        if not self._platform.faults.all:
            return _told(self._perform(known, now))
        request = known.request
        pick = self._platform.faults.pick(ON_REQUESTS, request.method, request.path, known.principal)
        self._platform.spend(pick)
        if pick.fault is None:
            return _told(self._perform(known, now))
        return self._faulty(pick.fault, known, now)

    def _faulty(self, fault: Fault, known: _Known, now: datetime) -> Outcome:
        if fault.kind == "throttle":
            message = "The request was throttled by a fault of the simulation."
            return _refused(ArmError(429, "TooManyRequests", message, retry_after=float(fault.definition.get("retryAfter", 30))))
        if fault.kind == "timeout":
            return Outcome(Ending.HOLD)
        status = fault.number("status", 500)
        failed = Outcome(Ending.ANSWER, status, _error(_WORDS.get(status, "InternalServerError"), "A fault of the simulation."))
        if "retryAfter" in fault.definition:
            failed = replace(failed, headers={"Retry-After": str(fault.number("retryAfter", 0))})
        if fault.kind == "error":
            return failed
        if fault.kind == "lateEffect":
            self._postpone(fault, known, now)
            return Outcome(Ending.CLOSE)
        with suppress(ArmError):  # refused: there was no effect to be had, and the answer is lost all the same
            self._perform(known, now)
        return failed if fault.kind == "errorAfterEffect" else Outcome(Ending.CLOSE)

    def _postpone(self, fault: Fault, known: _Known, now: datetime) -> None:
        if known.request.method in ("GET", "HEAD"):
            return
        try:
            self._decide(known, now)
        except ArmError:
            return  # Azure refuses it at receipt already
        self._platform.postpone(now + fault.delay, known.principal.id, known.request.as_json())

    def _perform(self, known: _Known, now: datetime) -> Answer:
        """Decide, and let it take effect."""
        answer, pick = self._decide(known, now)
        if answer.changes:
            effect = {
                "time": to_text(now),
                "method": known.request.method,
                "path": known.request.path,
                "status": answer.status,
                "clientRequestId": known.request.client_request_id,
                "principal": known.principal.name,
                "subscriptionId": known.subscription,
            }
            self._platform.take_effect(answer.changes, effect, pick if answer.copied else Pick())
        return answer

    def _decide(self, known: _Known, now: datetime) -> tuple[Answer, Pick]:
        """Ask Azure's rules; nothing changes by it."""
        self._authorize(known)
        request, platform = known.request, self._platform
        pick = Pick()
        if platform.faults.all and known.route.operation == "RestorePoints_Create":
            pick = platform.faults.pick(ON_COPIES, request.method, request.path, known.principal)
        elif platform.faults.all and request.method != "GET" and known.route.resource_type.startswith("Microsoft.RecoveryServices/"):
            pick = platform.faults.pick(ON_JOBS, request.method, request.path, known.principal)
        call = Call(
            world=platform.world,
            now=now,
            method=request.method,
            path="/" + request.path.strip("/"),
            names=known.names,
            query=request.query,
            body=_json(request),
            principal=known.principal,
            base_url=request.base_url,
            client_request_id=request.client_request_id,
            fate=pick.fate(),
            fault=pick.fault,
            faults=platform.faults.all,
        )
        return known.route.handle(call), pick

    def _authorize(self, known: _Known) -> None:
        resources_state = self._platform.world.of(ResourcesState)
        if known.names and resources_state.subscriptions.get(known.subscription) is None:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{known.names[0]}' could not be found.")
        path, action = "/" + known.request.path.strip("/"), known.route.action
        if action is not None and not self._platform.may(known.principal, action, _scope(path, known)):
            raise authorization_failed(known.principal.id, action, _scope(path, known))
        if len(known.names) > 1 and known.route.template.startswith("/subscriptions/*/resourcegroups/*/"):
            group = "/".join(path.split("/")[:5])
            if resources_state.groups.get(key(group)) is None:
                raise group_not_found(known.names[1])


def _scope(path: str, known: _Known) -> str:
    """Return what an action is asked over: the thing itself; of a list, or a deed, what stands before its last word."""
    return path if known.route.template.endswith("*") else path.rsplit("/", 1)[0]


def _json(request: Received) -> Json:
    if not request.body:
        if request.method in ("PUT", "PATCH"):
            raise ArmError(400, "MissingRequestBody", "The request body is missing.")
        return {}
    try:
        body = json.loads(request.body)
    except ValueError as problem:
        raise ArmError(
            400, "InvalidRequestContent", f"The request content was invalid and could not be deserialized: '{problem}'."
        ) from None
    if not isinstance(body, dict):
        raise ArmError(
            400, "InvalidRequestContent", "The request content was invalid and could not be deserialized: an object is expected."
        )
    return body


def _told(answer: Answer) -> Outcome:
    return Outcome(Ending.ANSWER, answer.status, answer.body, answer.headers)


def _refused(refusal: ArmError) -> Outcome:
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = f'Bearer error="invalid_token", error_description="{refusal.code}"'
    return Outcome(Ending.ANSWER, refusal.status, refusal.body(), headers)


def _error(code: str, message: str) -> Json:
    return {"error": {"code": code, "message": message}}
