"""Typed views of stored JSON documents."""

from typing import Any, Self

from pydantic import BaseModel, ConfigDict, PrivateAttr
from pydantic.alias_generators import to_camel


class StoredView(BaseModel):
    """A typed view of a stored JSON object: reading converts its members, assigning a field writes its member at once.

    Members of a newer version stay where they are, in the document and in the objects within it that are not assigned. A field that is
    assigned None has no member. Values are assigned whole; fields hold immutable values.
    """

    model_config = ConfigDict(extra="allow", alias_generator=to_camel, populate_by_name=True, defer_build=True)

    _stored: dict[str, Any] = PrivateAttr(default_factory=dict)

    @classmethod
    def of(cls, stored: dict[str, Any]) -> Self:
        """Return the view of a document, which it changes from then on; raises `pydantic.ValidationError` for an unreadable one."""
        view = cls.model_validate(stored, extra="allow")
        object.__setattr__(view, "__pydantic_private__", {"_stored": stored})
        return view

    @property
    def stored(self) -> dict[str, Any]:
        """The stored document."""
        return self._stored

    def forget(self, *names: str) -> None:
        """Remove the members of optional fields, by their names in Python."""
        for name in names:
            setattr(self, name, None)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        field = type(self).model_fields.get(name)
        if field is None:
            return
        member = field.alias or name
        if value is None:
            self._stored.pop(member, None)
        else:
            self._stored[member] = self.model_dump(mode="json", by_alias=True, include={name})[member]
