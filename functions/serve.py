"""Turns declarations into functions: `@serve` on a handler, and the triggers of queues in a loop over what the capabilities declare."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import ModuleType
from typing import TYPE_CHECKING

import azure.functions as func

from functions.capabilities import load
from shared.capability import Capability, check_queues, intake_queues, step_queues
from shared.settings import get_settings
from shared.web.calls import Endpoint, Handler
from shared.web.entry import answer
from shared.web.routes import Route

if TYPE_CHECKING:
    from shared.composition import Runtime

_STORAGE = "AzureWebJobsStorage"
_building = asyncio.Lock()
_runtime: "Runtime | None" = None
GetRuntime = Callable[[], Awaitable["Runtime"]]
_Work = Callable[["Runtime", func.QueueMessage, str], Awaitable[None]]


def serve(route: Route) -> Callable[[Handler], Endpoint]:
    """Declare a handler as the endpoint of a route; the function in Azure has the handler's name."""
    return lambda handler: Endpoint(route, handler, handler.__name__, (handler.__doc__ or route.summary).partition("\n")[0])


def endpoints(*modules: ModuleType) -> tuple[Endpoint, ...]:
    """Return the endpoints that modules declare, in their order."""
    return tuple(found for module in modules for found in vars(module).values() if isinstance(found, Endpoint))


@dataclass(frozen=True, slots=True)
class Timer:
    """A timer of the system's: what it runs, named as its function in Azure, and when (NCRONTAB, six fields)."""

    run: "Callable[[Runtime], Awaitable[None]]"
    schedule: str


async def runtime() -> "Runtime":
    """Return the process's runtime, with its clock read anew for this invocation."""
    global _runtime  # noqa: PLW0603  # the one place where the process keeps what it has assembled
    if _runtime is None:
        async with _building:
            if _runtime is None:
                from shared.composition import build  # at the first invocation, not at a cold start

                settings = get_settings()
                _runtime = await build(settings, load(settings.capabilities))
    await _runtime.clock.refresh()
    return _runtime


def register(
    app: func.FunctionApp,
    capabilities: Sequence[Capability],
    system: Sequence[Endpoint],
    timers: Sequence[Timer],
    assembled: GetRuntime = runtime,
) -> None:
    """Register the functions of an app that serves these capabilities: HTTP, a trigger for each distinct queue, timers.

    `assembled` returns what they run on, by default the process's runtime.
    """
    for endpoint in (*system, *(one for capability in capabilities for one in capability.endpoints)):
        _register_http(app, endpoint, assembled)
    for queues, work in ((intake_queues, _receive), (step_queues, _run_steps), (check_queues, _run_checks)):
        for queue in queues(capabilities):
            _register_queue(app, queue, work, assembled)
    for timer in timers:
        _register_timer(app, timer, assembled)


def _register_http(app: func.FunctionApp, endpoint: Endpoint, assembled: GetRuntime) -> None:
    async def invoke(req: func.HttpRequest) -> func.HttpResponse:
        return await answer(req, assembled, endpoint)

    invoke.__name__, invoke.__doc__ = endpoint.name, endpoint.summary
    route = endpoint.route
    methods = [route.method, "HEAD"] if route.method == "GET" and route.needed is None else [route.method]
    app.route(route=route.path.removeprefix("/"), methods=methods, auth_level=func.AuthLevel.ANONYMOUS)(invoke)


def _register_queue(app: func.FunctionApp, queue: str, work: _Work, assembled: GetRuntime) -> None:
    async def invoke(msg: func.QueueMessage) -> None:
        app = await assembled()
        async with app.pace.work():
            await work(app, msg, queue)

    invoke.__name__, invoke.__doc__ = queue.replace("-", "_"), f"Process a message of the queue {queue}."
    app.queue_trigger(arg_name="msg", queue_name=queue, connection=_STORAGE)(invoke)


def _register_timer(app: func.FunctionApp, of: Timer, assembled: GetRuntime) -> None:
    async def invoke(timer: func.TimerRequest) -> None:  # noqa: ARG001  # the host gives it by this name
        await of.run(await assembled())

    invoke.__name__, invoke.__doc__ = of.run.__name__, of.run.__doc__
    app.timer_trigger(arg_name="timer", schedule=of.schedule, run_on_startup=False, use_monitor=True)(invoke)


async def _run_steps(app: "Runtime", msg: func.QueueMessage, _queue: str) -> None:
    """Run the step that is due of each operation that a message names."""
    await app.run_steps(msg.get_body())


async def _run_checks(app: "Runtime", msg: func.QueueMessage, _queue: str) -> None:
    """Check the operations that a message names, side by side."""
    await app.run_checks(msg.get_body())


async def _receive(app: "Runtime", msg: func.QueueMessage, queue: str) -> None:
    """Carry out a message of another system."""
    from shared.operations.outside.receiving import Delivery

    inserted = msg.insertion_time or datetime.now(UTC)
    inserted = inserted if inserted.tzinfo else inserted.replace(tzinfo=UTC)
    await app.receive(Delivery(queue, str(msg.id or ""), msg.get_body(), inserted, int(msg.dequeue_count or 1)))
