"""The entry of each API of Azure Pack: who calls, which route, faults, and the effect of a write."""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from urllib.parse import unquote
from uuid import uuid4
from xml.sax.saxutils import escape

from local.simulation.arm.access import Principal
from local.simulation.arm.outcome import Ending
from local.simulation.arm.tables import Change
from local.simulation.azure_pack import accounts, admin_api, service_api, vm_roles, vmm
from local.simulation.azure_pack.request import (
    Caller,
    Listener,
    PackAnswer,
    PackCall,
    PackRequest,
    Refusal,
    error_xml,
    page,
    refused,
)
from local.simulation.azure_pack.routes import Routes
from local.simulation.azure_pack.settling import settle
from local.simulation.azure_pack.sites import SITES, Sites
from local.simulation.azure_pack.state import AzurePackState
from local.simulation.azure_pack.tokens import ADMIN_SITE, TENANT_SITE, Tokens
from local.simulation.faults.fault import ON_PACK_REQUESTS, Fault, Pick
from local.simulation.platform import Late, Platform
from local.simulation.times import http_date, to_text

_ON_REQUESTS = ON_PACK_REQUESTS | {"throttle", "error", "errorAfterEffect", "lostResponse", "timeout", "lateEffect"}
_WRITES = frozenset({"POST", "PUT", "PATCH", "MERGE", "DELETE"})
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class PackOutcome:
    """What becomes of the connection, and the answer."""

    ending: Ending
    answer: PackAnswer


class PackGate:
    """Answers requests to the APIs; without waits, so that requests are handled one after another."""

    def __init__(self, platform: Platform, tokens: Tokens, land: Callable[[], None], wall: Callable[[], datetime]) -> None:
        self._platform = platform
        self._tokens = tokens
        self._sites = Sites(tokens)
        self._land = land
        self._wall = wall
        self._routes = Routes((*service_api.ROUTES, *admin_api.ROUTES, *vmm.ROUTES, *vm_roles.ROUTES, *accounts.ROUTES))
        for listener in Listener:
            platform.late_handlers[str(listener)] = self.land

    @property
    def state(self) -> AzurePackState:
        """The state of the installation."""
        return self._platform.world.of(AzurePackState)

    def settle(self) -> datetime:
        """Let everything happen that is due, and return the time."""
        self._land()
        now = self._platform.clock.now()
        changes = settle(self.state, now)
        if changes:
            self._platform.apply(changes)
        return now

    def apply(self, changes: tuple[Change, ...]) -> None:
        """Make changes that are no effects of a request."""
        self._platform.apply(changes)

    def receive(self, request: PackRequest) -> PackOutcome:
        """Answer a request, with whatever fault it meets."""
        now = self.settle()
        headers = {"Date": http_date(now), "x-ms-request-id": str(uuid4())}
        try:
            caller = self._caller(request)
            outcome = self._outcome(request, caller, now)
        except Refusal as refusal:
            outcome = PackOutcome(Ending.ANSWER, refused(refusal, request.headers.get("accept", "")))
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            failed = Refusal(500, "InternalError", "The simulation failed. Its log holds the exception.")
            outcome = PackOutcome(Ending.ANSWER, refused(failed, "json"))
        self._platform.requests.add(request.method, str(request.listener), "", outcome.answer.status)
        return replace(outcome, answer=replace(outcome.answer, headers={**headers, **outcome.answer.headers}))

    def land(self, late: Late) -> None:
        """Perform a late effect at its time; what is no longer allowed is dropped."""
        request, caller = PackRequest.from_json(late.request)
        with suppress(Refusal):
            self._perform(request, caller, late.due)

    # who calls

    def _caller(self, request: PackRequest) -> Caller:
        if request.listener in SITES:
            return Caller("anonymous")
        authorization = request.headers.get("authorization", "")
        if request.listener is Listener.ADMIN:
            user = self._tokens.user(authorization, ADMIN_SITE)
            if user is None:
                raise Refusal(401, "Unauthorized", "The token is missing, has ended, or is not of the administrator's site.")
            return Caller(unquote(request.headers.get("x-ms-principal-id", user)), administrator=True)
        if request.listener is Listener.ACCOUNTS:
            if authorization != f"Bearer {self.state.setting('accountsToken')}":
                raise Refusal(401, "Unauthorized", "The token is not the hook's.")
            return Caller("hook")
        if request.listener is Listener.TENANT:
            return self._tenant(authorization)
        return self._public(request, authorization)

    def _tenant(self, authorization: str) -> Caller:
        user = self._tokens.user(authorization, TENANT_SITE)
        if user is None:
            raise Refusal(401, "Unauthorized", "The token is missing, has ended, or is not of the tenants' site.")
        return Caller(user)

    def _public(self, request: PackRequest, authorization: str) -> Caller:
        if authorization:
            if not self.state.setting("hybridTenant"):
                raise Refusal(401, "Unauthorized", "Tokens are not taken here.")
            return self._tenant(authorization)
        mark = request.thumbprint
        accepted = frozenset(row["subscription"] for row in self.state.certificates.values() if row["thumbprint"] == mark)
        if mark is None or not accepted:
            raise Refusal(403, "ForbiddenError", service_api.NOT_ASSOCIATED)
        return Caller(mark, subscriptions=accepted)

    # faults

    def _outcome(self, request: PackRequest, caller: Caller, now: datetime) -> PackOutcome:
        has_token = request.listener not in SITES and "authorization" in request.headers
        kinds = _ON_REQUESTS if has_token else _ON_REQUESTS - {"tokenRefused"}
        pick = self._pick(kinds, request, caller, now)
        self._platform.spend(pick)
        fault = pick.fault
        if fault is None:
            return PackOutcome(Ending.ANSWER, self._perform(request, caller, now))
        match fault.kind:
            case "throttle":
                return PackOutcome(Ending.ANSWER, _failure(fault, 429, {"Retry-After": str(fault.number("retryAfter", 30))}))
            case "error":
                return PackOutcome(Ending.ANSWER, _failure(fault, fault.number("status", 500)))
            case "timeout":
                return PackOutcome(Ending.HOLD, PackAnswer(0))
            case "tokenRefused":
                raise Refusal(401, "Unauthorized", "The token was refused.")
            case "loginPage":
                return PackOutcome(Ending.ANSWER, _login_page(fault))
            case "lateEffect":
                self._postpone(fault, request, caller, now)
                return PackOutcome(Ending.CLOSE, PackAnswer(0))
            case "lostResponse" | "errorAfterEffect":
                with suppress(Refusal):  # refused: there is no effect, and the answer is lost all the same
                    self._perform(request, caller, now)
        if fault.kind == "errorAfterEffect":
            return PackOutcome(Ending.ANSWER, _failure(fault, fault.number("status", 500)))
        return PackOutcome(Ending.CLOSE, PackAnswer(0))

    def _pick(self, kinds: frozenset[str], request: PackRequest, caller: Caller, now: datetime) -> Pick:
        query = "&".join(f"{name}={value}" for name, value in request.query.items())
        principal = Principal(caller.name, caller.name)
        return self._platform.faults.pick(kinds, request.method, request.path, query, principal, now, service=str(request.listener))

    def _postpone(self, fault: Fault, request: PackRequest, caller: Caller, now: datetime) -> None:
        if request.method in _WRITES:
            with suppress(Refusal):  # what is refused at receipt has no late effect
                self._decide(request, caller, now)
                self._platform.postpone(now + fault.length("delay", "PT1M"), caller.name, request.as_json(caller))

    # effects

    def _decide(self, request: PackRequest, caller: Caller, now: datetime) -> tuple[PackAnswer, Pick]:
        route, names = self._routes.find(request.listener, request.method, request.path)
        pick = self._pick(route.faults, request, caller, now) if route.faults else Pick()
        return route.handle(PackCall(self.state, now, request, caller, names, pick.fault)), pick

    def _perform(self, request: PackRequest, caller: Caller, now: datetime) -> PackAnswer:
        if request.listener in SITES:
            return self._sites.answer(request, self.state, self._wall())
        answer, pick = self._decide(request, caller, now)
        if answer.changes or (request.method in _WRITES and answer.status < 400):
            effect = {
                "time": to_text(now),
                "service": str(request.listener),
                "method": request.method,
                "path": request.raw_path,
                "status": answer.status,
                "clientRequestId": request.headers.get("x-ms-client-request-id", ""),
                "principal": caller.name,
                "subscriptionId": "",
            }
            self._platform.take_effect(answer.changes, effect, (pick,) if answer.spends_fault else ())
        return answer


def _login_page(fault: Fault) -> PackAnswer:
    if fault.number("status", 302) == 200:
        return PackAnswer(200, text=page("Sign in"), content_type="text/html; charset=utf-8")
    return PackAnswer(
        302, headers={"Location": "https://login.pack.local/adfs/ls/?wa=wsignin1.0"}, text=page("Object moved"), content_type="text/html"
    )


def _failure(fault: Fault, status: int, headers: dict[str, str] | None = None) -> PackAnswer:
    """Return an error of a fault, in its `errorShape`."""
    code, message = fault.text("code", "InternalError"), fault.text("message", "A fault of the simulation.")
    answer = PackAnswer(status, headers=headers or {})
    match fault.text("errorShape", "service"):
        case "odata":
            return replace(answer, body={"odata.error": {"code": code, "message": {"lang": "en-US", "value": message}}})
        case "atom":
            namespace = "http://schemas.microsoft.com/ado/2007/08/dataservices/metadata"
            text = f'<m:error xmlns:m="{namespace}"><m:code>{escape(code)}</m:code><m:message>{escape(message)}</m:message></m:error>'
            return replace(answer, text=text, content_type="application/xml")
        case "html":
            return replace(answer, text=page(f"{status} - {message}"), content_type="text/html")
        case "soap":
            text = (
                '<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body><s:Fault><s:Code><s:Value>s:Receiver</s:Value>'
                f'</s:Code><s:Reason><s:Text xml:lang="en-US">{escape(message)}</s:Text></s:Reason></s:Fault></s:Body></s:Envelope>'
            )
            return replace(answer, text=text, content_type="application/soap+xml")
        case _:
            return replace(answer, text=error_xml(code, message), content_type="application/xml; charset=utf-8")
