"""Indexing: what functions an app has, and what the real host would refuse of them."""

import importlib.util
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from local.host.routes import Entry, RouteTable, compile_route
from local.host.schedule import Schedule


class IndexRefused(Exception):  # noqa: N818  # read by a person as a sentence
    """The app cannot be served; the message names the function and the reason."""


class SdkFunction(Protocol):
    """What the SDK describes of one function."""

    def get_function_name(self) -> str: ...
    def get_raw_bindings(self) -> list[str]: ...
    def get_user_function(self) -> Callable[..., Any]: ...


class SdkApp(Protocol):
    """The SDK's `FunctionApp`."""

    def get_functions(self) -> list[SdkFunction]: ...


class TriggerType(StrEnum):
    """The triggers that this host serves, by the names that bindings carry."""

    HTTP = "httpTrigger"
    QUEUE = "queueTrigger"
    TIMER = "timerTrigger"


_SERVED = frozenset(str(trigger) for trigger in TriggerType)


@dataclass(frozen=True, slots=True)
class Function:
    """One function: its code, the name of its trigger's parameter, and the trigger's binding as JSON has it."""

    name: str
    code: Callable[..., Any]
    trigger: TriggerType
    parameter: str
    binding: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class FunctionIndex:
    """Every function of an app by name, and the routes of those that answer HTTP."""

    functions: Mapping[str, Function]
    routes: RouteTable

    def of(self, trigger: TriggerType) -> tuple[Function, ...]:
        """Return the functions with this trigger."""
        return tuple(function for function in self.functions.values() if function.trigger is trigger)


def load_index(folder: Path, settings: Mapping[str, str]) -> FunctionIndex:
    """Import `folder`/function_app.py and index its `app`; `settings` fills `%NAME%` in bindings.

    Raises `IndexRefused` where the app cannot be imported or a function is wrong.
    """
    return index_functions(_load_app(folder), settings)


def index_functions(app: SdkApp, settings: Mapping[str, str]) -> FunctionIndex:
    """Index a `FunctionApp`, whose functions can be asked for once only; raises `IndexRefused` as `load_index` does."""
    try:
        listed = app.get_functions()
    except ValueError as error:  # the SDK's error for a name used twice or a function without a trigger
        raise IndexRefused(str(error)) from error
    functions: dict[str, Function] = {}
    for item in listed:
        function = _read(item, settings)
        if function.name in functions:
            raise IndexRefused(f"two functions are named {function.name}")
        functions[function.name] = function
    try:
        routes = RouteTable(
            Entry(compile_route(function.binding["route"]), frozenset(function.binding.get("methods") or ()), function.name)
            for function in functions.values()
            if function.trigger is TriggerType.HTTP
        )
    except ValueError as error:
        raise IndexRefused(str(error)) from error
    return FunctionIndex(functions, routes)


def _load_app(folder: Path) -> SdkApp:
    path = folder / "function_app.py"
    if not path.exists():
        raise IndexRefused(f"{path} does not exist")
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location("function_app", path)
    if spec is None or spec.loader is None:
        raise IndexRefused(f"{path} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules["function_app"] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise IndexRefused(f"{path} cannot be imported: {type(error).__name__}: {error}") from error
    if not hasattr(module, "app"):
        raise IndexRefused(f"{path} defines no `app`")
    app: SdkApp = module.app
    return app


def _read(item: SdkFunction, settings: Mapping[str, str]) -> Function:
    name = item.get_function_name()
    bindings = [json.loads(raw) for raw in item.get_raw_bindings()]
    trigger = next((binding for binding in bindings if binding["type"] in _SERVED), None)
    if trigger is None:
        raise IndexRefused(f"{name} has no trigger that is served here ({', '.join(sorted(_SERVED))})")
    for binding in bindings:
        if binding is not trigger and not (trigger["type"] == TriggerType.HTTP and binding["type"] == "http"):
            raise IndexRefused(f"{name} has a binding {binding['type']}, which is not served here: use its SDK")
    trigger = {key: _filled(name, value, settings) if isinstance(value, str) else value for key, value in trigger.items()}
    if trigger["type"] == TriggerType.TIMER:
        try:
            Schedule(trigger["schedule"])
        except ValueError as error:
            raise IndexRefused(f"{name}: {error}") from error
    if trigger["type"] == TriggerType.QUEUE and not settings.get(trigger["connection"]):
        raise IndexRefused(f"{name}: the setting {trigger['connection']} with the storage connection string is missing")
    return Function(name, item.get_user_function(), TriggerType(trigger["type"]), trigger["name"], trigger)


def _filled(name: str, value: str, settings: Mapping[str, str]) -> str:
    if not (len(value) > 2 and value[0] == value[-1] == "%"):
        return value
    if value[1:-1] not in settings:
        raise IndexRefused(f"{name}: the setting {value[1:-1]} is missing")
    return settings[value[1:-1]]
