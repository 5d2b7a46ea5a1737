"""The OpenAPI 3.1 description, built from the routes that entry points declare and the pydantic models that they use."""

import re
from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, NoDefault, models_json_schema
from pydantic_core.core_schema import WithDefaultSchema

from shared.access.roles import READ_ROLES, Role
from shared.web.operations import ErrorBody
from shared.web.requests import QueryParameter
from shared.web.routes import PATH_PARAMETER, Route

VERSION = "1"
_REF = "#/components/schemas/{model}"
Json = dict[str, Any]


def build(routes: Iterable[Route], server: str) -> Json:
    """Return the description of the routes; `server` is the absolute address of the prefix `api`. The document is JSON-ready."""
    listed = sorted(routes, key=lambda route: (route.path, route.method))
    requests: set[type[BaseModel]] = {model for route in listed for model in (route.request, route.other_request) if model}
    answers = (model for route in listed for model in (route.response, route.dry, route.other_response))
    responses: set[type[BaseModel]] = {ErrorBody, *(model for model in answers if model)}
    models = [(model, "validation") for model in _by_name(requests)] + [(model, "serialization") for model in _by_name(responses)]
    keys, definitions = models_json_schema(models, ref_template=_REF, schema_generator=_Schemas)  # type: ignore[arg-type]  # the tuple's literal is widened
    paths: dict[str, Json] = {}
    for route in listed:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, keys)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Farshore",
            "version": VERSION,
            "description": "Disaster recovery for Azure: restore points copied to another region, and failovers with guard rails.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": server}],
        "security": [{"entra": []}],
        "paths": paths,
        "components": {
            "schemas": definitions.get("$defs", {}),
            "securitySchemes": {"entra": _SECURITY},
            "headers": _HEADERS,
            "parameters": _PARAMETERS,
        },
    }


class _Schemas(GenerateJsonSchema):
    """Shows the default of a member that is a model, which is only made where it is needed."""

    def get_default_value(self, schema: WithDefaultSchema) -> object:
        """Return the default of a member, or `NoDefault`."""
        made_by = schema.get("default_factory")
        if isinstance(made_by, type) and issubclass(made_by, BaseModel):
            return made_by()
        return schema.get("default", NoDefault)


def _by_name(models: Iterable[type[BaseModel]]) -> list[type[BaseModel]]:
    return sorted(models, key=lambda model: model.__name__)


def _operation(route: Route, keys: Any) -> Json:  # noqa: ANN401  # pydantic's own mapping type
    operation: Json = {
        "operationId": operation_id(route),
        "summary": route.summary,
        "description": " ".join(part for part in (route.description, _roles(route)) if part),
        "tags": [route.path.split("/")[1]],
        "parameters": [*_parameters(route)],
        "responses": _responses(route, keys),
    }
    if route.needed is None:
        operation["security"] = [{}]
    if route.request:
        schema = keys[(route.request, "validation")]
        if route.other_request:
            schema = {"anyOf": [schema, keys[(route.other_request, "validation")]]}
        operation["requestBody"] = {"required": True, "content": {"application/json": {"schema": schema}}}
    return operation


def operation_id(route: Route) -> str:
    """Return a name for generated clients: `getRestorePointCopiesById`, `postRestorePointCopiesByIdCancel`."""
    parts = []
    for segment in route.path.strip("/").split("/"):
        named = PATH_PARAMETER.fullmatch(segment)
        parts += ["by", named[1]] if named else re.split(r"[-.]", segment)
    return route.method.lower() + "".join(part[:1].upper() + part[1:] for part in parts)


def _roles(route: Route) -> str:
    if route.needed is None:
        return "Open to all."
    wanted = [route.needed] if isinstance(route.needed, Role) else sorted(route.needed)
    text = f"Needs the app role {' or '.join(f'`{role}`' for role in wanted)}"
    return f"{text} (or the provider's `Admin`)." if set(wanted) <= READ_ROLES else f"{text}."


def _parameters(route: Route) -> Iterable[Json]:
    for name in route.path_parameters:
        yield {"name": name, "in": "path", "required": True, "schema": {"type": "string", "minLength": 1, "maxLength": 260}}
    for parameter in route.known_query:
        yield {"name": parameter.name, "in": "query", "description": parameter.description, "schema": _query_schema(parameter)}
    yield {"$ref": "#/components/parameters/ClientRequestId"}
    if route.conditional:
        yield {"$ref": "#/components/parameters/IfMatch"}
        yield {"$ref": "#/components/parameters/IfNoneMatch"}
    if route.repeatable:
        yield {"$ref": "#/components/parameters/RepeatabilityRequestId"}
        yield {"$ref": "#/components/parameters/RepeatabilityFirstSent"}


def _query_schema(parameter: QueryParameter) -> Json:
    if parameter.is_number:
        return {"type": "integer", "minimum": parameter.minimum, "maximum": parameter.maximum}
    if parameter.values:
        return {"type": "string", "enum": list(parameter.values)}
    return {"type": "string", "maxLength": parameter.max_length}


def _responses(route: Route, keys: Any) -> Json:  # noqa: ANN401  # pydantic's own mapping type
    success: Json = {"description": route.summary, "headers": _refs("RequestId", "ClientRequestId")}
    if route.conditional and route.status == 200:
        success["headers"] |= _refs("ETag")
    if route.response:
        success["content"] = {route.media_type: {"schema": _body_schema(route, keys)}}
    elif route.status != 204:
        success["content"] = {route.media_type: {"schema": {"type": "object" if "json" in route.media_type else "string"}}}
    responses: Json = {str(route.status): success}
    if route.status == 202 and route.is_operation:
        success["headers"] |= _refs("OperationLocation", "Location", "RetryAfter")
        responses["200"] = {**success, "description": "The same request was accepted before, and its operation has ended."}
    if route.nothing_left:
        responses["204"] = {"description": route.nothing_left, "headers": _refs("RequestId", "ClientRequestId")}
    if route.conditional and route.method == "PUT":
        responses["201"] = {**success, "description": "It was created."}
    if route.dry:
        either = {"oneOf": [_body_schema(route, keys), keys[(route.dry, "serialization")]]}
        responses["200"] = {
            "description": "For a dry run, the plan. Otherwise: the same request was accepted before, and its operation has ended.",
            "headers": _refs("RequestId", "ClientRequestId"),
            "content": {route.media_type: {"schema": either}},
        }
    for status in sorted(_refusals(route)):
        headers = _refs("RequestId", "ClientRequestId", "ErrorCode")
        headers |= _refs("RetryAfter") if status in {429, 503} else {}
        headers |= _refs("Challenge") if status == 401 else {}
        responses[str(status)] = {
            "description": HTTPStatus(status).phrase,
            "headers": headers,
            "content": {"application/json": {"schema": keys[(ErrorBody, "serialization")]}},
        }
    return responses


def _body_schema(route: Route, keys: Any) -> Json:  # noqa: ANN401  # pydantic's own mapping type
    schema: Json = keys[(route.response, "serialization")]
    if route.other_response:
        schema = {"anyOf": [schema, keys[(route.other_response, "serialization")]]}
    if not route.is_list:
        return schema
    following = {"type": "string", "format": "uri", "description": "The complete address of the next page; absent on the last page."}
    return {"type": "object", "required": ["value"], "properties": {"value": {"type": "array", "items": schema}, "nextLink": following}}


def _refusals(route: Route) -> set[int]:
    found = {500, 503, *route.refusals}
    if route.needed is not None:
        found |= {400, 401, 403}
    if route.path_parameters:
        found.add(404)
    if route.conditional:
        found |= {409, 412} | ({428} if route.method == "PUT" else set())
    if route.request or route.method in {"POST", "PUT", "PATCH"}:
        found |= {400, 413, 415}
    return found - {route.status}


def _refs(*names: str) -> Json:
    return {_HEADER_NAMES[name]: {"$ref": f"#/components/headers/{name}"} for name in names}


def _header(description: str, **schema: object) -> Json:
    return {"description": description, "schema": {"type": "string", **schema}}


_SECURITY: Json = {
    "type": "http",
    "scheme": "bearer",
    "bearerFormat": "JWT",
    "description": "An Entra ID access token with app roles: Authorization: Bearer <token>.",
}
_HEADER_NAMES = {
    "RequestId": "x-ms-request-id",
    "ClientRequestId": "x-ms-client-request-id",
    "ErrorCode": "x-ms-error-code",
    "OperationLocation": "Operation-Location",
    "Location": "Location",
    "RetryAfter": "Retry-After",
    "Challenge": "WWW-Authenticate",
    "ETag": "ETag",
}
_HEADERS: Json = {
    "RequestId": _header("Identifies this request in the log.", format="uuid"),
    "ClientRequestId": _header("The request's own x-ms-client-request-id."),
    "ErrorCode": _header("The error's code, as in the body."),
    "OperationLocation": _header("The operation, absolute: /api/operations/{id}.", format="uri"),
    "Location": _header("The resource, absolute.", format="uri"),
    "RetryAfter": {"description": "When to send the request again, in wall-clock seconds.", "schema": {"type": "integer", "minimum": 1}},
    "ETag": _header("The document's strong tag, for If-Match."),
    "Challenge": _header("Why the access token was refused (RFC 6750)."),
}


def _header_parameter(name: str, description: str, **schema: object) -> Json:
    return {"name": name, "in": "header", "required": False, **_header(description, **schema)}


_PARAMETERS: Json = {
    "IfMatch": _header_parameter("If-Match", "The ETag of the document to change or delete, or * for any."),
    "IfNoneMatch": _header_parameter("If-None-Match", "Only *: creates the document and replaces none.", enum=["*"]),
    "ClientRequestId": _header_parameter(
        "x-ms-client-request-id", "Returned with the answer: 1 to 128 printable ASCII characters; another value is ignored.", maxLength=128
    ),
    "RepeatabilityRequestId": _header_parameter(
        "Repeatability-Request-ID", "Makes the request safe to repeat: the same key and body give the same operation.", format="uuid"
    ),
    "RepeatabilityFirstSent": _header_parameter(
        "Repeatability-First-Sent",
        "When the request was first sent, for example as an HTTP date; it is only stored.",
        examples=["Sun, 06 Nov 1994 08:49:37 GMT"],
    ),
}
