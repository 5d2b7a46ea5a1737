"""Turns declarations into functions: `@serve` on a handler, and the triggers of queues in a loop over what the capabilities declare."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import azure.functions as func

from functions.capabilities import load
from shared.access.sender import queue_actor, require_queue_role
from shared.capability import Capability, Message, MessageCall, check_queues, intake_queues, step_queues
from shared.composition import Runtime, build
from shared.errors import ErrorCode, Refused
from shared.operations.outside.intake import Intake
from shared.operations.outside.messages import read_check, read_step
from shared.operations.outside.receiving import Delivery
from shared.settings import get_settings
from shared.web.calls import Endpoint, Handler
from shared.web.entry import answer
from shared.web.routes import Route

GetRuntime = Callable[[], Awaitable[Runtime]]
"""Returns the assembled app, its clock read anew for this invocation."""

_STORAGE = "AzureWebJobsStorage"
_building = asyncio.Lock()
_runtime: Runtime | None = None


def serve(route: Route) -> Callable[[Handler], Endpoint]:
    """Declare a handler as the endpoint of a route; the function in Azure has the handler's name."""

    def declared(handler: Handler) -> Endpoint:
        return Endpoint(route, handler, handler.__name__, (handler.__doc__ or "").partition("\n")[0])

    return declared


def endpoints(*modules: ModuleType) -> tuple[Endpoint, ...]:
    """Return the endpoints that modules declare, in their order."""
    return tuple(found for module in modules for found in vars(module).values() if isinstance(found, Endpoint))


async def runtime() -> Runtime:
    """Return the process's runtime, with its clock read anew for this invocation."""
    global _runtime  # noqa: PLW0603  # the one place where the process keeps what it has assembled
    if _runtime is None:
        async with _building:
            if _runtime is None:
                settings = get_settings()
                _runtime = await build(settings, load(settings.capabilities))
    await _runtime.clock.refresh()
    return _runtime


def register(
    app: func.FunctionApp, capabilities: Sequence[Capability], system: Sequence[Endpoint], assembled: GetRuntime = runtime
) -> None:
    """Register the functions of an app that serves these capabilities: HTTP, then a trigger for each distinct queue.

    `assembled` returns what they run on, by default the process's runtime.
    """
    for endpoint in (*system, *(one for capability in capabilities for one in capability.endpoints)):
        _register_http(app, endpoint, assembled)
    for queue in intake_queues(capabilities):
        _register_queue(app, queue, _receiving(queue, [one for one in capabilities if one.intake == queue], assembled))
    for queue in step_queues(capabilities):
        _register_queue(app, queue, _running_steps(assembled))
    for queue in check_queues(capabilities):
        _register_queue(app, queue, _running_checks(assembled))


def _register_http(app: func.FunctionApp, endpoint: Endpoint, assembled: GetRuntime) -> None:
    async def invoke(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(req, assembled, endpoint)

    invoke.__name__, invoke.__doc__ = endpoint.name, endpoint.summary
    route = endpoint.route
    methods = [route.method, "HEAD"] if route.method == "GET" and route.needed is None else [route.method]
    app.route(route=route.path.removeprefix("/"), methods=methods, auth_level=func.AuthLevel.ANONYMOUS)(invoke)


def _register_queue(app: func.FunctionApp, queue: str, work: Callable[[func.QueueMessage], Any]) -> None:
    async def invoke(msg: func.QueueMessage) -> None:
        await work(msg)

    invoke.__name__, invoke.__doc__ = queue.replace("-", "_"), f"Process a message of the queue {queue}."
    app.queue_trigger(arg_name="msg", queue_name=queue, connection=_STORAGE)(invoke)


def _running_steps(assembled: GetRuntime) -> Callable[[func.QueueMessage], Any]:
    """Return what runs the step that is due of each operation that a message names."""

    async def run(msg: func.QueueMessage) -> None:
        app = await assembled()
        message = read_step(msg.get_body().decode("utf-8", "replace"))
        for operation in message.ids if message else ():
            await app.runner.run(operation)
        await app.feed_budgets()

    return run


def _running_checks(assembled: GetRuntime) -> Callable[[func.QueueMessage], Any]:
    """Return what checks the operations that a message names, side by side."""

    async def run(msg: func.QueueMessage) -> None:
        app = await assembled()
        message = read_check(msg.get_body().decode("utf-8", "replace"))
        if message is not None:
            await app.checks.run(message)
            await app.feed_budgets()

    return run


def _receiving(queue: str, capabilities: Sequence[Capability], assembled: GetRuntime) -> Callable[[func.QueueMessage], Any]:
    """Return what carries out the messages of an intake queue by the handlers that its capabilities declare."""
    messages = {key: message for one in capabilities for key, message in one.messages.items()}
    default = next((one.default_kind for one in capabilities if one.default_kind is not None), None)
    kinds = frozenset(kind for kind, _ in messages)

    async def receive(msg: func.QueueMessage) -> None:
        app = await assembled()

        async def carry_out(intake: Intake) -> None:
            message = _message(messages, intake.kind or default, intake.operation)
            require_queue_role(app.settings.queue_roles, message.role, queue)
            await message.handler(MessageCall(app, intake, queue_actor(queue)))

        await app.receiver.receive(_delivery(msg, queue), kinds, carry_out)

    return receive


def _message(messages: dict[tuple[str, str], Message], kind: str | None, operation: str) -> Message:
    found = messages.get((kind or "", operation))
    if found is None:
        known = ", ".join(sorted(name for of, name in messages if of == kind))
        message = f"'{operation}' is not an operation of {kind or 'a message without a kind'}. Use one of {known}."
        raise Refused(ErrorCode.INVALID_REQUEST, message, target="operation")
    return found


def _delivery(msg: func.QueueMessage, queue: str) -> Delivery:
    inserted = msg.insertion_time or datetime.now(UTC)
    return Delivery(
        queue=queue,
        message_id=str(msg.id or ""),
        raw=msg.get_body(),
        inserted_at=inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC),
        count=int(msg.dequeue_count or 1),
    )
