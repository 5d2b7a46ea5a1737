"""The system's own functions: health, description, operations of every kind, rejected messages, and the timers."""

import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from functions.capabilities import load
from functions.serve import Timer, endpoints, serve
from shared.access.principal import not_found
from shared.access.roles import READ_ROLES, WRITE_ROLES, Role
from shared.operations.accepting.resolving import not_in_doubt
from shared.operations.model.models import Operation
from shared.web.answers import API, HttpAnswer, absolute
from shared.web.calls import Call, require_kind_role
from shared.web.health import HealthBody, health_answer
from shared.web.operations import OPERATION_FILTERS, OperationBody, RejectedMessageBody, ResolveRequest, readable_operations
from shared.web.routes import Owner, Route

if TYPE_CHECKING:
    from shared.composition import Runtime

_command = partial(Route, owner=Owner.OPERATION, response=OperationBody, status=202, refusals=(409,))
_provider = partial(Route, owner=Owner.PROVIDER, response=RejectedMessageBody)
HEALTH = Route("GET", "/health", "Whether work can be accepted; 503 while it cannot", owner=Owner.OPEN, response=HealthBody)
OPENAPI = Route("GET", "/openapi.json", "The OpenAPI description of this API", owner=Owner.OPEN)
DOCS = Route("GET", "/docs", "The page that shows this description", owner=Owner.OPEN, media_type="text/html")
LIST = Route(
    "GET", "/operations", "Operations, newest first", READ_ROLES,
    owner=Owner.CALLER, response=OperationBody, is_list=True, query=OPERATION_FILTERS, refusals=(404,),
)  # fmt: skip
GET = Route("GET", "/operations/{id}", "One operation", READ_ROLES, owner=Owner.OPERATION, response=OperationBody)
CANCEL = _command("POST", "/operations/{id}/cancel", "Cancel an operation before it starts", WRITE_ROLES)
RETRY = _command("POST", "/operations/{id}/retry", "Run an operation's next step now", WRITE_ROLES)
RESOLVE = _command(
    "POST", "/operations/{id}/resolve", "Resolve an operation of unknown outcome", WRITE_ROLES, person=True, request=ResolveRequest
)
REJECTED = _provider("GET", "/rejected-messages", "Messages that could not be accepted, newest first", Role.ADMIN, is_list=True)
REPLAY = _provider(
    "POST", "/rejected-messages/{id}/replay", "Queue a rejected message again", Role.ADMIN,
    status=202, refusals=(409,), is_operation=False,
)  # fmt: skip


@serve(HEALTH)
async def health(call: Call[None]) -> HttpAnswer:
    """Return up (200) or down (503)."""
    return await health_answer(call.app, call.authorization)


@serve(OPENAPI)
async def openapi(call: Call[None]) -> HttpAnswer:
    """Return the OpenAPI description."""
    from shared.web.openapi import build

    return call.ok(build(declared_routes(call.app.settings.capabilities), call.base_url + API))


@serve(DOCS)
async def docs(_call: Call[None]) -> HttpAnswer:
    """Return the page that shows the description."""
    from shared.web.docs import docs_page

    return docs_page()


@serve(LIST)
async def list_operations(call: Call[None]) -> HttpAnswer:
    """List the operations whose kind and tenant the caller may read."""
    page, query = call.page, await readable_operations(call)
    read = call.app.lists.needing_attention if "attention" in call.query else call.app.lists.page
    found = await read(query, page.top, page.after)
    return call.listed([call.shown(operation) for operation in found.operations], found.last)


@serve(GET)
async def get_operation(call: Call[None]) -> HttpAnswer:
    """Return one operation; one of a kind that the caller may not read is answered as one that does not exist."""
    if not call.caller.has(Role(call.app.kinds.named(call.operation.kind).read)):
        raise not_found(f"operation '{call.operation.id}'")
    return call.ok(call.shown(call.operation))


@serve(CANCEL)
async def cancel_operation(call: Call[None]) -> HttpAnswer:
    """Cancel an operation before it starts."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    return _accepted(call, await call.app.commands.cancel(call.operation, call.caller.actor))


@serve(RETRY)
async def retry_operation(call: Call[None]) -> HttpAnswer:
    """Run an operation's next step now."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    return _accepted(call, await call.app.commands.retry(call.operation, call.caller.actor))


@serve(RESOLVE)
async def resolve_operation(call: Call[ResolveRequest]) -> HttpAnswer:
    """Resolve an operation of unknown outcome; a failover is resolved under its own path."""
    require_kind_role(call.app, call.caller, call.operation, writes=True)
    resolver = call.app.resolvers.get(call.operation.kind)
    if resolver is None:
        raise not_in_doubt(call.operation, call.app.kinds.named(call.operation.kind).noun)
    return _accepted(call, await resolver(call.operation, call.body.resolution, call.caller.actor))


@serve(REJECTED)
async def list_rejected_messages(call: Call[None]) -> HttpAnswer:
    """List the rejected messages."""
    kept, last = await call.app.rejected.page(call.page.top, call.page.after)
    return call.listed(kept, last)


@serve(REPLAY)
async def replay_rejected_message(call: Call[None]) -> HttpAnswer:
    """Queue a rejected message again."""
    kept = await call.app.rejected.replay(call.path["id"])
    return HttpAnswer(202, kept.as_json(), {"Location": absolute(call.base_url, f"/rejected-messages/{kept.id}")})


ENDPOINTS = endpoints(sys.modules[__name__])


async def tick(app: "Runtime") -> None:
    """Find what is due and queue it; a late or doubled tick does no harm."""
    await app.tick.run()
    await app.run_each(app.gauges)


async def schedule(app: "Runtime") -> None:
    """Start what is due of the capabilities' schedules; a slot starts once, however often this fires."""
    await app.run_each(app.timers)


async def poison(app: "Runtime") -> None:
    """Drain the poison queues: other systems' messages become rejected messages, internal ones are counted and dropped."""
    await app.poisoned.drain()


TIMERS = (Timer(tick, "*/30 * * * * *"), Timer(schedule, "0 * * * * *"), Timer(poison, "15 * * * * *"))


def declared_routes(capabilities: tuple[str, ...]) -> tuple[Route, ...]:
    """Return the routes that an app with these capabilities serves."""
    served = (one for capability in load(capabilities) for one in capability.endpoints)
    return tuple(one.route for one in (*ENDPOINTS, *served))


def _accepted(call: Call[Any], operation: Operation) -> HttpAnswer:
    return call.accepted(operation)
