"""The bodies of requests that were accepted before, by this version or an earlier one: checks that came later do not apply to them."""

from collections.abc import Mapping
from typing import Final, TypeVar

from pydantic import BaseModel, ValidationInfo

from shared.values.sent import SentBody

M = TypeVar("M", bound=BaseModel)
_STORED: Final = "stored"


def stored_request(model: type[M], body: SentBody) -> M:
    """Read the stored body of an operation that was accepted."""
    return model.model_validate(body.members, context={_STORED: True})


def is_stored(info: ValidationInfo) -> bool:
    """Return whether the body that is read was accepted before, so that what was taken then is taken now."""
    return isinstance(info.context, Mapping) and info.context.get(_STORED) is True
