"""The templates as data: what `infra/main.bicep` deploys for given parameters, by the stand-in for the compiler.

The tool is found through FARSHORE_SHARED; without it, everything that needs it is skipped.
"""

import importlib
import json
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
INFRA = ROOT / "infra"
_DEEP = 20_000
SUBSCRIPTION = "11111111-1111-4111-8111-111111111111"
VAULT = f"/subscriptions/{SUBSCRIPTION}/resourceGroups/recovery/providers/Microsoft.RecoveryServices/vaults/vault"
PARAMETERS: Mapping[str, Any] = {
    "environmentName": "test",
    "location": "swedencentral",
    "protectedRegions": ["westeurope"],
    "vaultLocation": "northeurope",
    "entraClientId": "22222222-2222-4222-8222-222222222222",
    "targets": [{"subscriptionId": SUBSCRIPTION, "copies": True, "vaults": [{"resourceGroup": "recovery", "name": "vault"}]}],
    "existingVaultId": VAULT,
}


@dataclass(frozen=True, slots=True)
class Resource:
    """A resource that is deployed: its type, its symbol, its body with what is not known as text, and the symbol of its scope."""

    type: str
    symbol: str
    body: Mapping[str, Any]
    scope: str | None
    parent: str | None
    file: str

    @property
    def properties(self) -> Mapping[str, Any]:
        """Its properties."""
        return dict(self.body.get("properties", {}))


def tool() -> list[str]:
    """Return the command of the stand-in; skips the test without it."""
    return [sys.executable, str(_folder())]


def is_there() -> bool:
    """Whether the stand-in is there."""
    return _found() is not None


def _folder() -> Path:
    found = _found()
    if found is None:
        pytest.skip("FARSHORE_SHARED names no folder with tools/bicepcheck: the templates are not looked into")
    return found


def _found() -> Path | None:
    shared = os.environ.get("FARSHORE_SHARED")
    found = Path(shared) / "tools" / "bicepcheck" if shared else None
    return found if found is not None and found.is_dir() else None


@lru_cache(maxsize=1)
def _stand_in() -> tuple[Any, Any]:
    folder = _folder()
    sys.path.append(str(folder.parent))  # in this process: a process of its own for each module would take a minute
    sys.setrecursionlimit(max(sys.getrecursionlimit(), _DEEP))
    model, dumping = (importlib.import_module(f"bicepcheck.{name}") for name in ("model", "dump"))
    types = folder.parents[1] / "spec" / "bicep-types"
    return dumping.dump_file, lambda: model.Workspace(types)


def dump(file: Path, parameters: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a file declares, with the values that follow from these parameters."""
    return _dump(file, json.dumps(parameters, sort_keys=True))


@lru_cache(maxsize=1024)
def _dump(file: Path, parameters: str) -> Mapping[str, Any]:
    dump_file, workspace = _stand_in()
    return dict(json.loads(json.dumps(dump_file(workspace(), str(file), json.loads(parameters)))))


def main(**parameters: Any) -> Mapping[str, Any]:
    """Return what `main.bicep` declares with `PARAMETERS` and these."""
    return dump(INFRA / "main.bicep", {**PARAMETERS, **parameters})


def known(value: Any, names: Mapping[str, Any] | None = None) -> Any:
    """Return a value with what is not known as its source, in letters that a parameter can have; `names` are a loop's variables."""
    if isinstance(value, dict):
        if "$expr" in value:
            return _source(str(value.get("resolved", value["$expr"])), names or {})
        return {name: known(item, names) for name, item in value.items()}
    return [known(item, names) for item in value] if isinstance(value, list) else value


def _source(text: str, names: Mapping[str, Any]) -> Any:
    for name, item in names.items():
        fields = {f"{name}.{field}": known(inner) for field, inner in item.items()} if isinstance(item, dict) else {name: known(item)}
        if text in fields:
            return fields[text]
        for field, inner in fields.items():
            if isinstance(inner, str | int):
                text = re.sub(rf"\b{re.escape(field)}\b", lambda _, inner=inner: _literal(inner), text)  # type: ignore[misc]
    return text


def _literal(value: str | int) -> str:
    return f"'{value}'" if isinstance(value, str) and not value.startswith("'") else str(value)


def resources(dumped: Mapping[str, Any], folder: Path = INFRA) -> Iterator[Resource]:
    """Yield every resource that a dump and its modules deploy, each of a loop for itself."""
    for item in dumped["resources"]:
        if item.get("existing") or item.get("deployed") is False:
            continue
        for one in item.get("instances", [item]):
            body, scope = known(one["body"]), known(item.get("scope"))
            yield Resource(item["type"], item["symbol"], body, scope, item.get("parent"), dumped["file"])
    for module in deployed_modules(dumped):
        path = folder / module["path"]
        yield from resources(dump(path, module["params"]), path.parent)


def deployed_modules(dumped: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the modules that are deployed, each of a loop for itself: `symbol`, `path`, `params`, and `item` of its loop."""
    for module in dumped["modules"]:
        if module.get("deployed") is False:
            continue
        loop = module.get("loop", {"variables": [], "over": [None]})
        over = loop["over"] if isinstance(loop["over"], list) else [None]
        for index, item in enumerate(over):
            one = module["instances"][index] if "instances" in module else module
            if one.get("deployed") is False:
                continue
            names = dict(zip(loop["variables"], (item, index), strict=False))
            yield {"symbol": module["symbol"], "path": module["path"], "params": known(one["params"], names), "item": known(item)}


def of_type(found: list[Resource], kind: str) -> list[Resource]:
    """Return the resources of a type."""
    return [item for item in found if item.type.lower() == kind.lower()]
