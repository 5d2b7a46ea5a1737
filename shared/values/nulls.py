"""Null for what is absent: serializers of PowerShell, C# and Terraform write it for what is not set."""

from collections.abc import Mapping
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel


def without_nulls(model: type[BaseModel], document: object) -> object:
    """Return a document without the members that are null although their field is optional and knows no null: they count as absent.

    A required field keeps its null, which is refused; a field whose type has None keeps it too, for it may have a meaning (the network of a
    test failover: null attaches none). Anything but an object is returned unchanged.
    """
    if not isinstance(document, Mapping) or None not in document.values():
        return document
    absent = _know_no_null(model)
    return {name: value for name, value in document.items() if value is not None or name not in absent}


@cache
def _know_no_null(model: type[BaseModel]) -> frozenset[str]:
    """Return the members of a model's optional fields whose types have no None."""
    fields = model.model_fields.items()
    return frozenset(field.alias or name for name, field in fields if not field.is_required() and not _has_none(field.annotation))


def _has_none(annotation: Any) -> bool:  # noqa: ANN401  # any annotation of a field
    """Return whether a value of the type may be None itself; what the entries of a list or an object may be does not matter."""
    if annotation is None or annotation is NoneType:
        return True
    origin, parts = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _has_none(parts[0])
    return origin in {Union, UnionType} and any(_has_none(part) for part in parts)
