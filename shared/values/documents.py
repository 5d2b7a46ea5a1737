"""What the JSON documents of policies have in common: strict to read, camelCase to write."""

from typing import Any

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Document(BaseModel):
    """A document: unknown members are refused, members are written in camelCase."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, populate_by_name=True)

    def as_json(self) -> dict[str, Any]:
        """Return the JSON, members in camelCase."""
        return self.model_dump(mode="json", by_alias=True)
