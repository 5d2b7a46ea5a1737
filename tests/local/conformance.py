"""Whether bodies fit definitions of a REST specification."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from jsonschema import Draft4Validator
from referencing import Registry
from referencing.jsonschema import DRAFT4


@lru_cache
def specification() -> Registry[Any]:
    """Return the definitions that are kept with the tests, under the paths of Azure/azure-rest-api-specs below `specification/`."""
    files = json.loads((Path(__file__).parent / "specification.json").read_text(encoding="utf-8"))["files"]
    return Registry().with_resources((name, DRAFT4.create_resource(body)) for name, body in files.items())


def problems(registry: Registry[Any], reference: str, body: Any) -> list[str]:
    """Return what of a body a definition does not allow: types, missing members, members that it does not have."""
    errors = Draft4Validator({"$ref": reference}, registry=registry).iter_errors(body)
    unknown = [f"{path}: not in the specification" for path in _unknown_members(registry, reference, body)]
    return [f"{error.json_path}: {error.message}" for error in errors] + unknown


def _known_members(registry: Registry[Any], reference: str) -> dict[str, Any]:
    """Return the members of a definition with those that it takes over from others."""
    resolved = registry.resolver().lookup(reference)
    body, file = resolved.contents, reference.split("#", maxsplit=1)[0]
    members = dict(body.get("properties", {}))
    for each in body.get("allOf", []):
        members |= _known_members(registry, _absolute(each["$ref"], file))
    return {
        name: ({"$ref": _absolute(value["$ref"], file)} if "$ref" in value else {**value, "__file": file})
        for name, value in members.items()
    }


def _absolute(reference: str, file: str) -> str:
    return reference if not reference.startswith("#") else file + reference


def _unknown_members(registry: Registry[Any], reference: str, value: Any, where: str = "$") -> list[str]:
    """Return the paths of members that the definition does not have."""
    if not isinstance(value, dict):
        return []
    members = _known_members(registry, reference)
    if not members:
        return []
    found = []
    for name, inner in value.items():
        path = f"{where}.{name}"
        if name not in members:
            found.append(path)
            continue
        schema = members[name]
        items = schema.get("items") if schema.get("type") == "array" else None
        if "$ref" in schema:
            found += _unknown_members(registry, schema["$ref"], inner, path)
        elif items and "$ref" in items and isinstance(inner, list):
            for index, item in enumerate(inner):
                found += _unknown_members(registry, _absolute(items["$ref"], schema["__file"]), item, f"{path}[{index}]")
    return found
