"""Reads what a request carries: query, body, key, trace and base address; each refusal names the parameter, header or field."""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qsl, urlsplit

from pydantic import BaseModel

from shared.errors import ErrorCode, Problem, Refused, sentence
from shared.operations.model.models import JsonObject
from shared.settings import Settings
from shared.telemetry import current_traceparent
from shared.web.documents import MAX_BYTES, invalid, parse, read_object, wrong

if TYPE_CHECKING:
    import azure.functions as func

M = TypeVar("M", bound=BaseModel)
_GUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}")
_REQUEST_ID = re.compile(r"[\x20-\x7e]{1,128}")
_LONGEST_FIRST_SENT = 128
_UTF8 = frozenset({"utf-8", "utf8"})


@dataclass(frozen=True, slots=True)
class QueryParameter:
    """A query parameter of a route: one of `values`, or a whole number from `minimum` to `maximum`, or any text.

    `check` raises `ValueError`, with a message for the caller, for a text that is wrong.
    """

    name: str
    description: str
    values: tuple[str, ...] = ()
    minimum: int | None = None
    maximum: int | None = None
    max_length: int = 2048
    check: Callable[[str], object] | None = None

    @property
    def is_number(self) -> bool:
        """Whether it is a whole number."""
        return self.minimum is not None and self.maximum is not None


@dataclass(frozen=True, slots=True)
class Repeatability:
    """What makes a request repeatable: its key, a GUID in lower case, and when the client first sent it (only stored)."""

    key: str | None
    first_sent: str | None


def read_body(request: "func.HttpRequest", model: type[M], most: int = MAX_BYTES) -> tuple[M, JsonObject]:
    """Return the body as a model, and the JSON object as it was sent.

    Refuses in this order: 413 over `most` bytes, 415 for another content type than JSON in UTF-8, 400 for what is no JSON object, 400 with
    one detail per field that is wrong. An empty body is 400 whatever its content type is.
    """
    document = read_json(request, most)
    return parse(model, document), document


def read_optional_body(request: "func.HttpRequest") -> JsonObject:
    """Return the body, a JSON object, or an empty object where none was sent; refuses as `read_json`."""
    require_length(request)
    return read_json(request) if (request.get_body() or b"").strip() else {}


def require_length(request: "func.HttpRequest") -> None:
    """Refuse with 411 a chunked body: the Functions host passes a body on only with a Content-Length, and it would be read as none."""
    if "chunked" in (request.headers.get("transfer-encoding") or "").lower() and not request.get_body():
        message = "The body was sent with Transfer-Encoding: chunked, which is not received. Send it with a Content-Length."
        raise Refused(ErrorCode.LENGTH_REQUIRED, message, target="Content-Length")


def read_json(request: "func.HttpRequest", most: int = MAX_BYTES) -> JsonObject:
    """Return the body, a JSON object, as it was sent; refuses as `read_body`, short of the shape."""
    require_length(request)
    body = request.get_body() or b""
    if len(body) <= most and body.strip():
        _require_json(request.headers.get("content-type") or "")
    return read_object(body, most)


def refuse_body(request: "func.HttpRequest") -> None:
    """Refuse with 400 a body where none is read; an empty object is accepted, for clients that cannot send nothing."""
    require_length(request)
    if (request.get_body() or b"").strip() and read_json(request):
        raise Refused(ErrorCode.INVALID_REQUEST, "This call takes no body; send none, or an empty JSON object.")


def read_query(request: "func.HttpRequest", known: Sequence[QueryParameter]) -> Mapping[str, str]:
    """Return the query's parameters by name; 400 for an unknown name, a name given twice, no value, or a value that does not fit.

    Read from the URL: the Functions host drops parameters without a value before the function sees them, and joins repeated ones.
    """
    by_name = {parameter.name: parameter for parameter in known}
    given = parse_qsl(urlsplit(request.url).query, keep_blank_values=True)
    names = [name for name, _ in given]
    problems = [
        Problem(ErrorCode.INVALID_REQUEST, message, name)
        for name, value in dict(given).items()
        if (message := _wrong_value(by_name.get(name), value, sorted(by_name), names.count(name)))
    ]
    if problems:
        raise invalid(problems)
    return dict(given)


def repeatability(request: "func.HttpRequest") -> Repeatability:
    """Read `Repeatability-Request-ID` and `-First-Sent` (OASIS Repeatable Requests 1.0), both optional; 400 for a key that is none.

    When a request was first sent is only stored (docs/design/http.md), so that no way of writing a time is refused.
    """
    key = request.headers.get("repeatability-request-id")
    if key is not None and not _GUID.fullmatch(key):
        raise wrong("Repeatability-Request-ID", "This header must be a GUID, such as 4f3c5d2e-8a53-4a7e-9d0c-3f9f1c1f5a11.")
    sent = request.headers.get("repeatability-first-sent")
    return Repeatability(key.lower() if key else None, sent[:_LONGEST_FIRST_SENT] if sent else None)


def client_request_id(request: "func.HttpRequest") -> str | None:
    """Return `x-ms-client-request-id` to be given back, or None where it is not 1 to 128 printable ASCII characters."""
    sent = request.headers.get("x-ms-client-request-id")
    return sent if sent and _REQUEST_ID.fullmatch(sent) else None


def trace_of(request: "func.HttpRequest") -> str | None:
    """Return the traceparent that belongs to what a request begins: the span that is open for it, else the caller's own."""
    return current_traceparent(request.headers.get("traceparent"))


def base_url(settings: Settings, request: "func.HttpRequest") -> str:
    """Return scheme and host under which the caller reaches the app, no trailing slash: the setting, else the request's own."""
    if settings.public_base_url:
        return settings.public_base_url
    parts = urlsplit(request.url)
    return f"{parts.scheme}://{parts.netloc}"


def _require_json(content_type: str) -> None:
    media, *parameters = (part.strip() for part in content_type.split(";"))
    charset = "utf-8"
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip().lower() == "charset":
            charset = value.strip().strip('"').lower()
    if media.lower() != "application/json" or charset not in _UTF8:
        found = f"is '{content_type[:100]}'" if content_type else "is missing"
        raise Refused(ErrorCode.UNSUPPORTED_MEDIA_TYPE, f"The content type {found}. Send application/json in UTF-8.", target="Content-Type")


def _wrong_value(parameter: QueryParameter | None, value: str, known: Sequence[str], times: int) -> str | None:
    if parameter is None:
        return (
            f"This query parameter is unknown. The known parameters are {', '.join(known)}."
            if known
            else "This call takes no query parameters."
        )
    if times > 1:
        return f"This query parameter is given {times} times. Give it once."
    if not value:
        return "This query parameter has no value. Give one, or leave the parameter out."
    if parameter.values and value not in parameter.values:
        return f"This must be one of {', '.join(parameter.values)}."
    if parameter.minimum is not None and parameter.maximum is not None:
        fits = re.fullmatch(r"[0-9]{1,9}", value) and parameter.minimum <= int(value) <= parameter.maximum
        return None if fits else f"This must be a whole number from {parameter.minimum} to {parameter.maximum}."
    if len(value) > parameter.max_length:
        return f"This must have at most {parameter.max_length} characters."
    try:
        if parameter.check:
            parameter.check(value)
    except ValueError as error:
        return sentence(str(error))
    return None
