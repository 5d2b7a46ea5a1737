"""JSON from outside: read strictly, checked against a model, and refused with the path of each field that is wrong."""

import json
import types
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from shared.errors import ErrorCode, Problem, Refused, sentence
from shared.operations.model.models import JsonObject
from shared.values import json_objects
from shared.values.json_objects import InvalidJsonError

MAX_BYTES = 64 * 1024
MAX_DETAILS = 50
M = TypeVar("M", bound=BaseModel)


def read_object(body: bytes, most: int = MAX_BYTES) -> JsonObject:
    """Read a body as one JSON object; refuses with `PayloadTooLarge` beyond `most` bytes, and with `InvalidRequest` what is not one."""
    if len(body) > most:
        raise Refused(ErrorCode.PAYLOAD_TOO_LARGE, f"The body has {len(body)} bytes. At most {most} are read.")
    try:
        return json_objects.read_object(body)
    except InvalidJsonError as error:
        if error.target is not None:
            raise wrong(error.target, str(error)) from error
        raise Refused(ErrorCode.INVALID_REQUEST, str(error)) from error


def parse(model: type[M], document: Mapping[str, object]) -> M:
    """Check a document against a model; refuses with `InvalidRequest` and one detail per error, whose target is the field's path.

    Paths are written as the sender writes the fields: `source.virtualMachineId`, `excludeDisks[2]`. Values are never repeated.
    """
    try:
        return model.model_validate_json(json.dumps(document), by_alias=True, by_name=False)  # never the spelling of Python
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        problems = [_problem(model, document, item) for item in errors if not _follows(item, errors)]
        raise invalid(list(dict.fromkeys(problems))) from error


def invalid(problems: Sequence[Problem]) -> Refused:
    """Return the refusal of a request for one or more fields, each a problem with its target; `details` has at most 50."""
    first = problems[0]
    message = f"{first.target}: {first.message}" if first.target else first.message
    if len(problems) > 1:
        message += f" ({len(problems) - 1} more: see details.)"
    return Refused(ErrorCode.INVALID_REQUEST, message, target=first.target, details=problems[:MAX_DETAILS])


def wrong(target: str, message: str) -> Refused:
    """Return the refusal of a request for one field, parameter or header."""
    return invalid([Problem(ErrorCode.INVALID_REQUEST, message, target)])


def with_query(document: Mapping[str, object], given: Mapping[str, object]) -> JsonObject:
    """Return a body with members that were given as query parameters; refuses with 400 a member that the body has with another value."""
    problems = [
        Problem(ErrorCode.INVALID_REQUEST, "This is given twice, in the query and in the body, with different values.", name)
        for name, value in given.items()
        if document.get(name) is not None and document[name] != value
    ]
    if problems:
        raise invalid(problems)
    return {**document, **given}


def _problem(model: type[BaseModel], document: Mapping[str, object], error: ErrorDetails) -> Problem:
    path = _path(document, error)
    target = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).removeprefix(".")
    return Problem(ErrorCode.INVALID_REQUEST, _message(model, path, error), target or None)


def _path(document: Mapping[str, object], error: ErrorDetails) -> tuple[str | int, ...]:
    """Leave out of pydantic's location what the sender never wrote: the branches of a union, `[key]`, validators.

    A model's own errors of the type `farshore_field` name exactly the field that is meant, also one that is missing.
    """
    if error["type"] == "farshore_field":
        return tuple(error["loc"])
    path: list[str | int] = []
    here: Any = document
    for position, part in enumerate(error["loc"]):
        if _holds(here, part):
            here = here[part]
        elif not (error["type"] == "missing" and position == len(error["loc"]) - 1):
            continue
        path.append(part)
    return tuple(path)


def _follows(error: ErrorDetails, errors: Sequence[ErrorDetails]) -> bool:
    """Return whether a list is too short only because items of it are wrong."""
    where = tuple(error["loc"])
    return error["type"] == "too_short" and any(len(other["loc"]) > len(where) and other["loc"][: len(where)] == where for other in errors)


def _holds(container: object, part: str | int) -> bool:
    if isinstance(container, dict):
        return part in container
    return isinstance(container, list) and isinstance(part, int) and part < len(container)


def _message(model: type[BaseModel], path: tuple[str | int, ...], error: ErrorDetails) -> str:
    match error["type"]:
        case "missing":
            return "This field is required."
        case "extra_forbidden":
            known = sorted(_fields(_at(model, path[:-1])))
            return f"This field is unknown. The known fields are {', '.join(known)}." if known else "This field is unknown."
        case "value_error":
            message = error["msg"].removeprefix("Value error, ")
        case _:
            message = error["msg"].replace("Input should", "This should")
    return sentence(message)


def _at(annotation: Any, path: Sequence[str | int]) -> list[type[BaseModel]]:  # noqa: ANN401  # any annotation of a field
    found = _models(annotation)
    for part in path:
        steps = [member for model in found for member in _steps(model, part)]
        found = [model for step in steps for model in _models(step)]
    return found


def _steps(model: type[BaseModel], part: str | int) -> list[Any]:
    if isinstance(part, int):  # an item of the list that led here
        return [model]
    return [info.annotation for name, info in model.model_fields.items() if (info.alias or name) == part]


def _models(annotation: Any) -> list[type[BaseModel]]:  # noqa: ANN401  # any annotation of a field
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    origin = get_origin(annotation)
    if origin is Annotated:
        return _models(get_args(annotation)[0])
    if origin in {Union, types.UnionType} or (isinstance(origin, type) and issubclass(origin, list | tuple | Mapping)):
        return [model for argument in get_args(annotation) for model in _models(argument)]
    return []


def _fields(models: Sequence[type[BaseModel]]) -> set[str]:
    return {info.alias or name for model in models for name, info in model.model_fields.items()}
