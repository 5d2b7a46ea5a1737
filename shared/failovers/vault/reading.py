"""Tolerant reading of ARM's JSON: what is missing or of another type is unknown, never an error."""

from collections.abc import Mapping
from datetime import datetime

from shared.arm.ids import ResourceId
from shared.clock import from_text
from shared.failovers.vault.answers import ErrorView

Json = Mapping[str, object]
"""A JSON object as `json.loads` gives it."""

_FIRST_REAL_YEAR = 1970
"""Site Recovery writes 0001-01-01 and 1753-01-01 where there is no time (facts/site-recovery.md, "Jobs")."""


def an_object(holder: Json, name: str) -> Json:
    """Return a member that is an object, else an empty one."""
    value = holder.get(name)
    return value if isinstance(value, Mapping) else {}


def objects(holder: Json, name: str) -> list[Json]:
    """Return the objects in a member that is a list."""
    value = holder.get(name)
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list | tuple) else []


def text(holder: Json, *names: str) -> str | None:
    """Return the first of some members that is a text with something in it."""
    return next((value for name in names if isinstance(value := holder.get(name), str) and value), None)


def texts(holder: Json, name: str) -> tuple[str, ...] | None:
    """Return the texts in a member that is a list, None where it is no list."""
    value = holder.get(name)
    return tuple(item for item in value if isinstance(item, str)) if isinstance(value, list | tuple) else None


def whole(holder: Json, *names: str) -> int | None:
    """Return the first of some members that is a whole number."""
    return next((value for name in names if isinstance(value := holder.get(name), int) and not isinstance(value, bool)), None)


def moment(holder: Json, *names: str) -> datetime | None:
    """Return the first of some members that is a time, aware UTC; one before 1970 is Site Recovery's word for none."""
    for name in names:
        found = text(holder, name)
        try:
            read = from_text(found) if found is not None else None
        except (ValueError, OverflowError):
            continue
        if read is not None and read.year >= _FIRST_REAL_YEAR:
            return read
    return None


def resource_id(holder: Json, *names: str) -> str | None:
    """Return the first of some members that is a text, as ARM writes ids if it is one."""
    found = text(holder, *names)
    try:
        return str(ResourceId.parse(found)) if found is not None else None
    except ValueError:
        return found


def own_id(resource: Json) -> str:
    """Return a resource's id as ARM writes it; empty where there is none."""
    return resource_id(resource, "id") or ""


def last_segment(id_or_name: str | None) -> str:
    """Return a name: that which ends an id, or the name itself."""
    return (id_or_name or "").rstrip("/").rpartition("/")[2]


def id_key(id_: str | None) -> str | None:
    """Return the form that ids are compared by, or None for what is no id."""
    try:
        return ResourceId.parse(id_).key if id_ is not None else None
    except ValueError:
        return None


def same_name(a: str | None, b: str | None) -> bool:
    """Say whether two ids or names end in the same name."""
    left, right = last_segment(a).lower(), last_segment(b).lower()
    return bool(left) and left == right


def health_error(error: Json) -> ErrorView:
    """Read one of an item's `healthErrors`."""
    return ErrorView(
        code=text(error, "errorCode") or str(whole(error, "errorCode") or "Unknown"),
        message=text(error, "errorMessage", "summaryMessage", "recoveryProviderErrorMessage") or "Azure gives no words",
        possible_causes=text(error, "possibleCauses"),
        recommended_action=text(error, "recommendedAction"),
        source="provider" if text(error, "recoveryProviderErrorMessage") and not text(error, "errorMessage") else "service",
    )


def job_errors(holder: Json) -> tuple[ErrorView, ...]:
    """Read the `errors` of a job or a task: each may carry the service's error, the provider's, or both."""
    return tuple(view for error in objects(holder, "errors") for view in _both(error))


def _both(error: Json) -> list[ErrorView]:
    service, provider = an_object(error, "serviceErrorDetails"), an_object(error, "providerErrorDetails")
    found = []
    if service:
        found.append(
            ErrorView(
                code=text(service, "code") or str(whole(service, "code") or "Unknown"),
                message=text(service, "message") or "Azure gives no words",
                possible_causes=text(service, "possibleCauses"),
                recommended_action=text(service, "recommendedAction"),
                source="service",
            )
        )
    if provider:
        found.append(
            ErrorView(
                code=text(provider, "errorCode", "errorId") or str(whole(provider, "errorCode") or "Unknown"),
                message=text(provider, "errorMessage") or "the provider gives no words",
                possible_causes=text(provider, "possibleCauses"),
                recommended_action=text(provider, "recommendedAction"),
                source="provider",
            )
        )
    return found
