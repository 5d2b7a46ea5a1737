"""Runs the app in Microsoft's own engine, `azure-functions-runtime`, without a host: `engine.py FOLDER`, on Python 3.13 or newer.

Reads one JSON object per line, an invocation: {"function", "http" | "queue" | "timer"}; writes one per line: what came back. The first
line written is the index. The engine wants gRPC messages; plain classes with the same members stand in for them
(docs/azure/functions-host.md, "Versions").
"""

import asyncio
import json
import sys
import uuid
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import azure_functions_runtime as engine


class Message:
    """A message with whatever members it is given; `data` names the member that holds its value."""

    def __init__(self, **members: Any) -> None:
        self.members = members
        self.__dict__.update(members)

    def WhichOneof(self, _: str) -> str | None:  # noqa: N802  # protobuf's name
        """Return the member that is there."""
        return next(iter(self.members), None)


class StatusResult(Message):
    """How a request to the engine went."""

    Failure, Success = 0, 1


class BindingInfo(Message):
    """A binding; the numbers are those of the SDK's `BindingDirection` and `DataType`."""

    undefined, out, inout = 0, 1, 2


class Protos:
    """Every message that the engine makes; those without constants are all alike."""

    StatusResult = StatusResult
    BindingInfo = BindingInfo

    def __getattr__(self, name: str) -> type[Message]:
        return type(name, (Message,), {})


PROTOS = Protos()


def told(verb: str, body: Any) -> Any:
    """Return a request as the engine takes it."""
    return SimpleNamespace(request=SimpleNamespace(**{verb: body}), properties={"protos": PROTOS, "host": "127.0.0.1"})


def checked(response: Any) -> Any:
    """Return a response; raises the engine's message where it failed."""
    if response.result.status != StatusResult.Success:
        raise RuntimeError(f"{response.result.exception.message}\n{response.result.exception.stack_trace}")
    return response


def text(value: str) -> Message:
    """Return a text as the engine takes it."""
    return Message(string=value)


def trigger_of(invocation: dict[str, Any]) -> tuple[Message, dict[str, Message]]:
    """Return the trigger's data and its metadata, as the host sends them."""
    if "http" in invocation:
        http = invocation["http"]
        body = Message(bytes=http.get("body", "").encode())
        members = {name: http.get(name, {}) for name in ("headers", "params", "query")}
        return Message(http=Message(method=http["method"], url=http["url"], body=body, **members)), {}
    if "queue" in invocation:
        now = datetime.now(UTC).isoformat()
        metadata = {"Id": text(str(uuid.uuid4())), "DequeueCount": text("1"), "InsertionTime": text(now), "PopReceipt": text("x")}
        return text(invocation["queue"]), metadata
    return Message(json=json.dumps({"IsPastDue": False, "ScheduleStatus": {}, "Schedule": {}})), {}


async def main(folder: str) -> None:
    """Index the app, then invoke what the lines ask for."""
    engine.start_threadpool_executor()
    sys.path.insert(0, folder)
    checked(await engine.worker_init_request(told("worker_init_request", SimpleNamespace(capabilities={}, function_app_directory=folder))))
    found = checked(await engine.functions_metadata_request(told("functions_metadata_request", None))).function_metadata_results
    functions = {function.name: function for function in found}
    for function in found:
        checked(await engine.function_load_request(told("function_load_request", SimpleNamespace(function_id=function.function_id))))
    show({name: [json.loads(binding) for binding in function.raw_bindings] for name, function in functions.items()})
    for line in sys.stdin:
        invocation = json.loads(line)
        function = functions[invocation["function"]]
        data, metadata = trigger_of(invocation)
        parameter = next(name for name in function.bindings if name != "$return")
        context = SimpleNamespace(trace_parent="", trace_state="", attributes={})
        request = SimpleNamespace(
            invocation_id=str(uuid.uuid4()),
            function_id=function.function_id,
            input_data=[SimpleNamespace(name=parameter, data=data, WhichOneof=lambda _: "data")],
            trigger_metadata=metadata,
            trace_context=context,
            retry_context=SimpleNamespace(retry_count=0, max_retry_count=0, exception=None),
        )
        response = checked(await engine.invocation_request(told("invocation_request", request)))
        http = response.return_value.http if response.return_value is not None else None
        show({"status": int(http.status_code), "headers": http.headers, "body": http.body.bytes.decode()} if http else None)


def show(value: object) -> None:
    """Write a line."""
    print(json.dumps(value), flush=True)


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1]))
