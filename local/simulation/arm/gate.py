"""The entry of Resource Manager: authentication, route, authorization, throttling, faults, and the effect of a write."""

import json
import logging
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid4

from local.simulation.arm.access import Principal, authorization_failed
from local.simulation.arm.buckets import Kind
from local.simulation.arm.call import Answer, Call, Route
from local.simulation.arm.errors import ArmError
from local.simulation.arm.outcome import Ending, Outcome, Received, answered, error, refused
from local.simulation.arm.routes import Routes
from local.simulation.arm.tables import Json
from local.simulation.faults import answers
from local.simulation.faults.fault import ON_ANSWERS, ON_JOB_READS, ON_JOBS, ON_POINTS, ON_READS, ON_REQUESTS, ON_RESOURCES, Fault, Pick
from local.simulation.ids import key
from local.simulation.platform import Platform
from local.simulation.resources.models import ResourcesState
from local.simulation.resources.responses import group_not_found
from local.simulation.times import http_date, to_text

#: One JSON object for each request that came in, in order; `python -m local.simulation --log-requests` shows it.
REQUEST_LOG = "local.simulation.requests"
_requests = logging.getLogger(REQUEST_LOG)
_GRAPH = "Microsoft.ResourceGraph/resources"
_KINDS = {"GET": Kind.READS, "HEAD": Kind.READS, "DELETE": Kind.DELETES}


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
    """Answers requests to Resource Manager's paths; without waits, so that requests are handled one after another."""

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
            if known.route.resource_type == _GRAPH:
                headers |= self._platform.buckets.take_query(known.principal.id, now)
            else:
                headers |= self._platform.buckets.take(known.principal.id, known.subscription, kind, now, compute=is_compute)
            outcome = self._outcome(known, now)
        except ArmError as refusal:
            outcome = refused(refusal)
        except Exception:
            logging.getLogger(__name__).exception("%s %s", request.method, request.path)
            outcome = error(500, "InternalServerError", "The simulation failed. Its log holds the exception.")
        operation = known.route.operation if known else "Unknown"
        self._platform.requests.add(request.method, operation, known.subscription if known else "", outcome.status)
        if _requests.isEnabledFor(logging.INFO):
            seen = {"time": to_text(now), "method": request.method, "path": request.path, "status": outcome.status}
            _requests.info(json.dumps(seen | {"clientRequestId": request.client_request_id}))
        return replace(outcome, headers={**headers, **outcome.headers})

    def land(self) -> None:
        """Perform the late effects that are due, each at its own time; what is no longer allowed is dropped."""
        for late in self._platform.due():
            handler = self._platform.late_handlers.get(str(late.request.get("service")))
            if handler is not None:
                handler(late)
                continue
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
            return answered(self._perform(known, now))
        request = known.request
        expired = self._platform.faults.expired(request.authorization)
        if expired is not None:
            return answers.token_expired(expired)
        pick = self._pick(ON_REQUESTS, known, now)
        self._platform.spend(pick)
        outcome = answered(self._perform(known, now)) if pick.fault is None else self._faulty(pick.fault, known, now)
        return self._unusual(self._hidden(outcome, known, now), known, now)

    def _faulty(self, fault: Fault, known: _Known, now: datetime) -> Outcome:
        match fault.kind:
            case "throttle":
                return answers.throttled(fault)
            case "timeout":
                return Outcome(Ending.HOLD)
            case "expireToken":
                self._platform.expire_token(fault, known.request.authorization)
                return answers.token_expired(fault)
            case "error":
                return answers.failure(fault, fault.number("status", 500))
            case "lateEffect":
                self._postpone(fault, known, now)
                return Outcome(Ending.CLOSE)
            case "reshape":
                return answers.reshaped(fault, answered(self._perform(known, now)))
        with suppress(ArmError):  # refused: there is no effect, and the answer is lost all the same
            self._perform(known, now)
        return answers.failure(fault, fault.number("status", 500)) if fault.kind == "errorAfterEffect" else Outcome(Ending.CLOSE)

    def _hidden(self, outcome: Outcome, known: _Known, now: datetime) -> Outcome:
        """Return the answer to a read with what a fault `hide` matches left out: 404 for the resource itself, a shorter list."""
        if known.request.method != "GET" or outcome.ending is not Ending.ANSWER or not 200 <= outcome.status < 300:
            return outcome
        pick = self._pick(ON_READS, known, now)
        self._platform.spend(pick)
        if pick.fault is not None:
            return answers.failure(pick.fault, 404)
        for fault in self._platform.faults.all:
            if fault.hides_from_lists(known.principal, now):
                self._platform.begin(fault, now)
                outcome = replace(outcome, body=answers.without(outcome.body, fault))
        return outcome

    def _unusual(self, outcome: Outcome, known: _Known, now: datetime) -> Outcome:
        if outcome.ending is not Ending.ANSWER or outcome.body is None:
            return outcome
        pick = self._pick(ON_ANSWERS, known, now)
        changed = outcome if pick.fault is None else answers.unusual(pick.fault, outcome)
        self._platform.spend(pick)
        return changed

    def _pick(self, kinds: frozenset[str], known: _Known, now: datetime) -> Pick:
        request, faults = known.request, self._platform.faults
        if not faults.all:
            return Pick()
        return faults.pick(kinds, request.method, request.path, request.query_text, known.principal, now, at=known.route.faults_at)

    def _postpone(self, fault: Fault, known: _Known, now: datetime) -> None:
        if known.request.method in ("GET", "HEAD"):
            return
        try:
            self._decide(known, now)
        except ArmError:
            return  # Azure refuses it at receipt already
        self._platform.postpone(now + fault.length("delay", "PT1M"), known.principal.id, known.request.as_json())

    def _perform(self, known: _Known, now: datetime) -> Answer:
        """Decide, and let it take effect."""
        answer, picks = self._decide(known, now)
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
            self._platform.take_effect(answer.changes, effect, picks if answer.uses_faults else ())
        elif answer.uses_faults:
            for pick in picks:
                self._platform.spend(pick)
        return answer

    def _decide(self, known: _Known, now: datetime) -> tuple[Answer, tuple[Pick, ...]]:
        """Return the answer of Azure's rules and the faults that it meets; nothing changes by it."""
        self._authorize(known)
        request, platform = known.request, self._platform
        pick = hiding = Pick()
        if known.route.operation == "RestorePoints_Create":
            pick = self._pick(ON_POINTS, known, now)
        elif known.route.faults_at is not None:
            pick = self._pick(ON_RESOURCES, known, now)
        elif request.method != "GET" and known.route.resource_type.startswith("Microsoft.RecoveryServices/"):
            pick, hiding = self._pick(ON_JOBS, known, now), self._pick(ON_JOB_READS, known, now)
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
            if_match=request.if_match,
            if_none_match=request.if_none_match,
            fate=pick.fate(),
            fault=pick.fault,
            job_hidden=None if hiding.fault is None else hiding.fault.length("duration", "PT1M"),
            faults=platform.faults.all,
        )
        return known.route.handle(call), (pick, hiding)

    def _authorize(self, known: _Known) -> None:
        resources_state = self._platform.world.of(ResourcesState)
        if known.names and resources_state.subscriptions.get(known.subscription) is None:
            raise ArmError(404, "SubscriptionNotFound", f"The subscription '{known.names[0]}' could not be found.")
        path, action = "/" + known.request.path.strip("/"), known.route.action
        if action is not None and not self._platform.may(known.principal, action, _scope(path, known)):
            raise authorization_failed(known.principal.id, action, _scope(path, known))
        self._check_subscription(known)
        if len(known.names) > 1 and known.route.template.startswith("/subscriptions/*/resourcegroups/*/"):
            group = "/".join(path.split("/")[:5])
            if resources_state.groups.get(key(group)) is None:
                raise group_not_found(known.names[1])

    def _check_subscription(self, known: _Known) -> None:
        """Refuse a write in a disabled subscription, and the creation of a type that a policy of it denies."""
        subscription = self._platform.world.of(ResourcesState).subscriptions.get(known.subscription)
        if subscription is None or known.request.method in ("GET", "HEAD"):
            return
        if subscription.state != "Enabled" and known.request.method != "DELETE":
            raise ArmError(
                409,
                "ReadOnlyDisabledSubscription",
                f"The subscription '{subscription.id}' is disabled and therefore marked as read only. You cannot perform any write "
                "actions on this subscription until it is re-enabled.",
            )
        if known.request.method == "PUT" and known.route.resource_type.lower() in {each.lower() for each in subscription.denied_types}:
            name = known.names[-1]
            raise ArmError(
                403,
                "RequestDisallowedByPolicy",
                f"Resource '{name}' was disallowed by policy. Policy: '{known.route.resource_type}'.",
                target=name,
            )


def _scope(path: str, known: _Known) -> str:
    """Return the scope of an action: the resource itself; of a list, or an operation, the path before its last segment."""
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
