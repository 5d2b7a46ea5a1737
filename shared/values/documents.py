"""What the JSON documents of requests and answers have in common: strict to read, camelCase to write."""

from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator
from pydantic.alias_generators import to_camel

from shared.values.nulls import without_nulls


class Request(BaseModel):
    """The body of a request: members in camelCase, unknown ones are refused, null counts as absent where a field is optional."""

    # built when first used: a cold start declares many models and uses few
    model_config = ConfigDict(frozen=True, defer_build=True, extra="forbid", alias_generator=to_camel)

    @model_validator(mode="before")
    @classmethod
    def _null_is_absent(cls, value: object) -> object:
        return without_nulls(cls, value)


class Document(Request):
    """An answer, or a document in storage: built by the names of its fields, written in camelCase."""

    model_config = ConfigDict(populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True)


class PartialDocument(Document):
    """An answer with the members that were set, and no others."""

    def as_json(self) -> dict[str, Any]:
        """Return the JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)


def without_null(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Return a body without a member that is null: one that most documents do not have."""
    return body if body.get(name) is not None else {key: value for key, value in body.items() if key != name}
