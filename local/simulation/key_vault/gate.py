"""The entry of Key Vault's data plane: its challenge, the vault, rights, faults, and the effect of a write.

In Azure each vault has a host of its own; here it has a path, `/_keyvault/{name}`. What it answers is the same.
"""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final
from uuid import uuid4

from local.simulation.arm.access import Principal
from local.simulation.arm.call import Answer
from local.simulation.arm.errors import ArmError
from local.simulation.arm.outcome import Ending, Outcome, Received, answered
from local.simulation.arm.tables import Json
from local.simulation.faults import answers
from local.simulation.faults.fault import ON_REQUESTS, ON_SECRETS, Fault, Pick
from local.simulation.key_vault.models import KeyVault, KeyVaultState
from local.simulation.key_vault.rules import VaultCall, VaultError, VaultRoute, find
from local.simulation.platform import Late, Platform
from local.simulation.times import http_date, to_text

PREFIX: Final = "/_keyvault/"
SERVICE: Final = "keyVault"
RESOURCE: Final = "https://vault.azure.net"
_VERSIONS = frozenset({"7.0", "7.1", "7.2", "7.3", "7.4", "7.5", "7.6", "2025-07-01"})
_READS = frozenset({"GET", "HEAD"})
_INVALID_TOKEN = VaultError(401, "Unauthorized", "AKV10022: Invalid token.")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    request: Received
    principal: Principal
    vault: KeyVault
    route: VaultRoute
    names: tuple[str, ...]


class VaultGate:
    """Answers requests to key vaults."""

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        platform.late_handlers[SERVICE] = self._land

    def receive(self, request: Received) -> Outcome:
        """Answer a request, with whatever fault it meets."""
        now = self._platform.clock.now()
        headers = {"Date": http_date(now), "x-ms-request-id": str(uuid4()), "Cache-Control": "no-cache", "Pragma": "no-cache"}
        operation = "KeyVault"
        try:
            known = self._known(request, self._principal(request))
            operation = known.route.operation
            outcome = self._outcome(known, now)
        except ArmError as refusal:
            outcome = self._refused(refusal, request)
        except Exception:
            _log.exception("%s %s", request.method, request.path)
            outcome = Outcome(Ending.ANSWER, 500, {"error": {"code": "InternalServerError", "message": "The simulation failed."}})
        self._platform.requests.add(request.method, operation, "", outcome.status)
        return replace(outcome, headers={**headers, **outcome.headers})

    def _principal(self, request: Received) -> Principal:
        if not request.authorization:
            raise VaultError(401, "Unauthorized", "AKV10000: Request is missing a Bearer or PoP token.")
        try:
            object_id = self._platform.issuer.object_id(request.authorization, lambda audience: audience.rstrip("/") == RESOURCE)
        except ArmError as refusal:
            raise VaultError(401, "Unauthorized", f"AKV10022: Invalid token. {refusal.code}") from None
        return self._platform.world.principals.get(object_id.lower()) or Principal(object_id, object_id)

    def _refused(self, refusal: ArmError, request: Received) -> Outcome:
        headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
        if refusal.status == 401:
            tenant = next((str(each["tenantId"]) for each in self._platform.world.tenants if "tenantId" in each), "common")
            headers["WWW-Authenticate"] = f'Bearer authorization="{request.base_url}/{tenant}", resource="{RESOURCE}"'
        return Outcome(Ending.ANSWER, refusal.status, refusal.body(), headers)

    def _known(self, request: Received, principal: Principal) -> _Known:
        name, _, path = request.path.removeprefix(PREFIX).partition("/")
        vault = self._platform.world.of(KeyVaultState).vaults.get(name.lower())
        if vault is None:  # in Azure its host is not found
            raise VaultError(404, "VaultNotFound", f"There is no vault '{name}'.")
        version = request.query.get("api-version")
        if version not in _VERSIONS:
            raise VaultError(400, "BadParameter", "api-version must be specified" if not version else f"api-version {version} is not known")
        return _Known(request, principal, vault, *find(request.method, path))

    # faults

    def _outcome(self, known: _Known, now: datetime) -> Outcome:
        if self._platform.faults.expired(known.request.authorization) is not None:
            raise _INVALID_TOKEN
        pick = self._pick(known, now)
        self._platform.spend(pick)
        return answered(self._perform(known, now)) if pick.fault is None else self._faulty(pick.fault, known, now)

    def _faulty(self, fault: Fault, known: _Known, now: datetime) -> Outcome:
        match fault.kind:
            case "secretsDown":
                return answers.failure(fault, fault.number("status", 503))
            case "throttle":
                return answers.throttled(fault)
            case "timeout":
                return Outcome(Ending.HOLD)
            case "expireToken":
                self._platform.expire_token(fault, known.request.authorization)
                raise _INVALID_TOKEN
            case "error":
                return answers.failure(fault, fault.number("status", 500))
            case "reshape":
                return answers.reshaped(fault, answered(self._perform(known, now)))
            case "lateEffect":
                self._postpone(fault, known, now)
                return Outcome(Ending.CLOSE)
        with suppress(ArmError):  # refused: there is no effect, and the answer is lost all the same
            self._perform(known, now)
        return answers.failure(fault, fault.number("status", 500)) if fault.kind == "errorAfterEffect" else Outcome(Ending.CLOSE)

    def _pick(self, known: _Known, now: datetime) -> Pick:
        request, faults = known.request, self._platform.faults
        kinds = ON_REQUESTS | ON_SECRETS
        return faults.pick(kinds, request.method, request.path, request.query_text, known.principal, now, SERVICE) if faults.all else Pick()

    # effects

    def _perform(self, known: _Known, now: datetime) -> Answer:
        answer, request = self._decide(known, now), known.request
        if answer.changes:
            effect: Json = {
                "time": to_text(now),
                "service": SERVICE,
                "method": request.method,
                "path": request.path,
                "status": answer.status,
                "clientRequestId": request.client_request_id,
                "principal": known.principal.name,
                "subscriptionId": "",
            }
            self._platform.take_effect(answer.changes, effect, ())
        return answer

    def _decide(self, known: _Known, now: datetime) -> Answer:
        vault, names, action = known.vault, known.names, known.route.action
        scope = f"{vault.id}/secrets/{names[0]}" if names else vault.id
        if not known.principal.may_data(action, scope):
            message = (
                "Caller is not authorized to perform action on resource.\r\nIf role assignments, deny assignments or role definitions were "
                f"changed recently, please observe propagation time.\r\nCaller: oid={known.principal.id}\r\nAction: '{action}'\r\n"
                f"Resource: '{scope}'\r\nAssignment: (not found)\r\nVault: {vault.name};location={vault.location}"
            )
            raise VaultError(403, "Forbidden", message, "ForbiddenByRbac")
        state, base = self._platform.world.of(KeyVaultState), f"{known.request.base_url}{PREFIX}{vault.name}"
        return known.route.handle(VaultCall(state, vault, base, now, names, known.request.query, _json(known.request)))

    def _postpone(self, fault: Fault, known: _Known, now: datetime) -> None:
        if known.request.method in _READS:
            return
        with suppress(ArmError):  # what is refused at receipt has no late effect
            self._decide(known, now)
            late = {"service": SERVICE, "request": known.request.as_json()}
            self._platform.postpone(now + fault.length("delay", "PT1M"), known.principal.id, late)

    def _land(self, late: Late) -> None:
        """Perform a late effect at its time; what is no longer allowed is dropped."""
        principal = self._platform.world.principals.get(late.principal.lower()) or Principal(late.principal, late.principal)
        with suppress(ArmError):
            self._perform(self._known(Received.from_json(late.request["request"]), principal), late.due)


def _json(request: Received) -> Json:
    if not request.body:
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        body = None
    if not isinstance(body, dict):
        raise VaultError(400, "BadParameter", "The request body is not valid JSON.")
    return body
