"""A small app with one function for each thing that the host must do; what was done is written to the queue `seen`."""

import asyncio
import contextlib
import json
import os
import time

import azure.functions as func
from azure.core.exceptions import ResourceExistsError
from azure.storage.queue import QueueServiceClient

STORAGE = "AzureWebJobsStorage"  # the name that the platform gives it

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


def tell(queue: str, body: dict[str, object]) -> None:
    """Put a message on a queue, making the queue first where it is missing."""
    with QueueServiceClient.from_connection_string(os.environ[STORAGE]) as service:
        with contextlib.suppress(ResourceExistsError):
            service.create_queue(queue)
        service.get_queue_client(queue).send_message(json.dumps(body))


@app.route(route="echo/{name}", methods=["POST", "GET"])
async def echo(req: func.HttpRequest, context: func.Context) -> func.HttpResponse:
    """Write what came in to `seen`."""
    told = {
        "method": req.method,
        "url": req.url,
        "headers": dict(req.headers),
        "params": dict(req.params),
        "route": dict(req.route_params),
        "body": req.get_body().decode(),
        "function": context.function_name,
        "pid": os.getpid(),
    }
    return func.HttpResponse(json.dumps(told), status_code=201, mimetype="application/json", headers={"x-told": "yes"})


@app.route(route="echo/fixed", methods=["GET"])
def fixed(req: func.HttpRequest) -> str:  # noqa: ARG001  # the binding needs it
    """A literal segment, and an answer that is only text, from a function that is not async."""
    return "fixed"


@app.route(route="broken", methods=["GET"])
async def broken(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the binding needs it
    """Fail."""
    raise RuntimeError("broken on purpose")


@app.route(route="nothing", methods=["GET"])
async def nothing(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the binding needs it
    """Return what an HTTP function must not return."""
    return None  # type: ignore[return-value]  # on purpose


@app.route(route="guarded", methods=["GET"], auth_level=func.AuthLevel.FUNCTION)
async def guarded(req: func.HttpRequest) -> str:  # noqa: ARG001  # the binding needs it
    """Never reached without the key."""
    return "open"


@app.route(route="slow/{seconds}", methods=["GET"])
async def slow(req: func.HttpRequest) -> str:
    """Take a while."""
    await asyncio.sleep(float(req.route_params["seconds"]))
    return "done"


@app.queue_trigger(arg_name="message", queue_name="work", connection="AzureWebJobsStorage")
def work(message: func.QueueMessage) -> None:
    """`{"fail": true}` fails; `{"hops": n}` goes round n times; `{"sleep": s}` takes s seconds; the end is written to `seen`."""
    body = json.loads(message.get_body())
    if body.get("fail"):
        tell("seen", {"failed": message.id, "delivery": message.dequeue_count})
        raise RuntimeError("failed on purpose")
    time.sleep(body.get("sleep", 0))
    if body.get("hops", 0) > 0:
        tell("work", body | {"hops": body["hops"] - 1})
    else:
        tell("seen", {"worked": body, "pid": os.getpid()})


@app.timer_trigger(arg_name="timer", schedule="*/30 * * * * *")
async def tick(timer: func.TimerRequest) -> None:
    """Write to `seen` that it fired, and bring the work that the queue `due` holds."""
    await asyncio.to_thread(tell, "ticks", {"pastDue": timer.past_due, "last": timer.schedule_status["Last"], "pid": os.getpid()})
    await asyncio.to_thread(_bring_one_due)


@app.timer_trigger(arg_name="timer", schedule="0 0 0 1 1 *")
async def yearly(timer: func.TimerRequest) -> None:
    """Write to `seen` that a year went by."""
    await asyncio.to_thread(tell, "years", {"pastDue": timer.past_due})


def _bring_one_due() -> None:
    with QueueServiceClient.from_connection_string(os.environ[STORAGE]) as service:
        due = service.get_queue_client("due")
        try:
            message = due.receive_message()
        except Exception:
            return  # the queue was not made: nothing is due
        if message is not None:
            tell("work", json.loads(message.content))
            due.delete_message(message)
