"""Secrets in requests: `{"value"}` or `{"keyVaultSecretId"}` (docs/design/secrets.md).

A model has a field of type `SecretInput` for each. `separate` takes the plain values out of the document before it is stored or
compared; the acceptance stores them in Key Vault and puts references in their places.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, GetPydanticSchema, model_validator
from pydantic.alias_generators import to_camel
from pydantic_core import PydanticCustomError, core_schema

from shared.errors import ErrorCode, Problem, Refused
from shared.secrets.places import Place, name_of, without_secrets
from shared.values.hidden import Hidden
from shared.values.nulls import without_nulls
from shared.values.sent import SentBody

_LONGEST = 25_000  # Key Vault's limit in bytes


def _as_hidden(value: object, read: Callable[[object], Hidden]) -> Hidden:
    return value if isinstance(value, Hidden) else read(value)


def hidden_text(longest: int) -> GetPydanticSchema:
    """Return the schema of a text of at most `longest` characters that is hidden as soon as it has been read."""
    hidden = core_schema.no_info_after_validator_function(Hidden, core_schema.str_schema(strict=True, min_length=1, max_length=longest))
    either = core_schema.json_or_python_schema(
        json_schema=hidden, python_schema=core_schema.no_info_wrap_validator_function(_as_hidden, hidden)
    )
    return GetPydanticSchema(lambda _type, _handler: either)


IN_SCHEMA = Field(json_schema_extra={"format": "password", "writeOnly": True})
"""How a hidden text is described."""
HiddenText = Annotated[Hidden, hidden_text(_LONGEST), IN_SCHEMA]
"""A text that is hidden as soon as it has been read."""


class SecretInput(BaseModel):
    """A secret of a request: its `value`, over HTTP only, or the id of a Key Vault secret."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, defer_build=True, hide_input_in_errors=True)

    value: HiddenText | None = Field(None, description="The secret itself, over HTTP only; it is stored in Key Vault and never shown.")
    key_vault_secret_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = Field(
        None, description="The id of a Key Vault secret, with or without its version."
    )

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return without_nulls(cls, value)

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.key_vault_secret_id is None):
            message = "give either value or keyVaultSecretId"
            raise PydanticCustomError("farshore_field", "{message}", {"message": message})
        return self


@dataclass(frozen=True, slots=True)
class Separated:
    """A request without its plain secrets: `body` has an empty object in the place of each of `secrets`; `references` are the others."""

    body: SentBody
    secrets: Mapping[Place, Hidden] = field(default_factory=dict)
    references: Mapping[Place, str] = field(default_factory=dict)

    def below(self, *place: str | int) -> Mapping[Place, Hidden]:
        """Return the plain secrets by their places in a body that has this one at `place`."""
        return {(*place, *at): value for at, value in self.secrets.items()}


def separate(request: BaseModel, sent: SentBody) -> Separated:
    """Take the plain secrets out of a request; `sent` is the body that the model was read from, and stays as it is."""
    secrets: dict[Place, Hidden] = {}
    references: dict[Place, str] = {}
    for place, given in secret_inputs(request):
        if given.value is not None:
            secrets[place] = given.value
        elif given.key_vault_secret_id is not None:
            references[place] = given.key_vault_secret_id
    return Separated(without_secrets(sent, secrets), secrets, references)


def refuse_plain(separated: Separated) -> None:
    """Refuse with `SecretInMessage` a message that has a plain secret; one detail each."""
    places = [name_of(place) for place in separated.secrets]
    if places:
        message = "A message may not carry a secret. Send a reference instead: keyVaultSecretId."
        details = tuple(Problem(ErrorCode.SECRET_IN_MESSAGE, message, place) for place in places)
        raise Refused(ErrorCode.SECRET_IN_MESSAGE, message, target=places[0], details=details)


def secret_inputs(value: object, place: Place = ()) -> Iterator[tuple[Place, SecretInput]]:
    """Yield the secrets of a model, each with its place in the JSON that the model was read from."""
    if isinstance(value, SecretInput):
        yield place, value
    elif isinstance(value, BaseModel):
        for name, info in type(value).model_fields.items():
            yield from secret_inputs(getattr(value, name), (*place, info.alias or name))
    elif isinstance(value, list | tuple):
        for index, item in enumerate(value):
            yield from secret_inputs(item, (*place, index))
