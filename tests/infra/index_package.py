"""Run in the package's folder: prints its functions and the kinds of their triggers, as JSON. `runtime` asks Microsoft's own engine."""

import asyncio
import json
import os
import sys
from types import SimpleNamespace
from typing import Any

_DIRECTIONS = {"in": 0, "out": 1, "inout": 2}


class Stand:
    """Any message of the worker's protocol: keeps what it is given."""

    def __init__(self, **fields: Any) -> None:
        self.__dict__.update(fields)

    def __getattr__(self, name: str) -> Any:
        return None


class Status(Stand):
    """The protocol's result: its states by name."""

    Success, Failure = 1, 0


class Protos:
    """The protocol's messages, all of one kind here."""

    StatusResult = Status

    def __getattr__(self, name: str) -> Any:
        return Binding if name == "BindingInfo" else Stand


class Names(type):
    """Enumerations: of directions as the SDK numbers them, else each name is its own value."""

    def __getattr__(cls, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return SimpleNamespace(Value=str) if name[0].isupper() else _DIRECTIONS.get(name, name)


class Binding(Stand, metaclass=Names):
    """The protocol's description of a binding, with its enumerations."""


def of_sdk() -> dict[str, str]:
    """Index with the SDK alone, as Azure's engines before Python 3.13 do."""
    import function_app

    listed: list[Any] = function_app.app.get_functions()
    return {found.get_function_name(): found.get_trigger().type for found in listed}


async def of_runtime() -> dict[str, str]:
    """Index with Microsoft's engine for Python 3.13."""
    import azure_functions_runtime as engine

    engine.start_threadpool_executor()
    folder = os.getcwd()
    begin = SimpleNamespace(
        request=SimpleNamespace(
            worker_init_request=SimpleNamespace(
                capabilities={}, log_categories={}, host_version="4.1042.0", worker_directory=folder, function_app_directory=folder
            )
        ),
        properties={"protos": Protos(), "host": "127.0.0.1"},
    )
    begun = await engine.worker_init_request(begin)
    if begun.result.exception is not None:
        raise SystemExit(f"the engine refused the app: {vars(begun.result.exception)}")
    asked = SimpleNamespace(
        request=SimpleNamespace(functions_metadata_request=SimpleNamespace(function_app_directory=folder)),
        properties={"protos": Protos(), "host": "127.0.0.1"},
    )
    answer = await engine.functions_metadata_request(asked)
    return {found.name: _trigger(found.raw_bindings) for found in answer.function_metadata_results}


def _trigger(bindings: Any) -> str:
    kinds = [str(json.loads(binding)["type"]) for binding in bindings]
    (trigger,) = [kind for kind in kinds if kind.endswith("Trigger")]
    return trigger


if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    found = asyncio.run(of_runtime()) if sys.argv[1] == "runtime" else of_sdk()
    print(json.dumps(found, sort_keys=True))
