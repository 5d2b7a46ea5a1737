"""Null members of JSON documents: serializers of PowerShell, C# and Terraform write null for what is not set."""

from collections.abc import Mapping

from pydantic import BaseModel


def without_nulls(model: type[BaseModel], document: object) -> object:
    """Return a document without the members that are null although their field is optional; they count as absent.

    A required field keeps its null, which then has a meaning of its own. Anything but an object is returned unchanged.
    """
    if not isinstance(document, Mapping):
        return document
    optional = {name for name, field in model.model_fields.items() if not field.is_required()}
    optional |= {field.alias for name, field in model.model_fields.items() if name in optional and field.alias}
    return {name: value for name, value in document.items() if value is not None or name not in optional}
