"""Stored documents: pydantic models in a table, one partition for each owner, written under conditions.

`version` is the ETag of the table row: what is written replaces exactly what was read, and of two writers one gets `Conflict`. The ETag of
answers is another: it is made of the document's normal form alone (`shared.web.conditional`; docs/design/http.md, "Documents and
conditions"), so that a write which only touches a time or a revision changes the version and not the ETag.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar
from urllib.parse import quote, unquote

from pydantic import BaseModel

from shared.clock import Ids
from shared.storage.pieces import from_pieces, pieces
from shared.storage.tables import Conflict, Found, Table

T = TypeVar("T", bound=BaseModel)

_READABLE = " !$&'()*+,-.:;@_~"
_LONGEST_KEY = 400
_PREFIX = "d|"
VERSION = 1


@dataclass(frozen=True, slots=True)
class Stored(Generic[T]):
    """A document as it is stored: its owner and name, and the `version` that the next write replaces.

    `columns` are the columns of its row that are not the document's.
    """

    owner: str
    name: str
    document: T
    version: str
    columns: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Documents(Generic[T]):
    """One page of an owner's documents, by name; `last` is the name after which the next page begins, None at the end."""

    documents: tuple[Stored[T], ...]
    last: str | None


def _whole(document: BaseModel) -> object:
    return document.model_dump(mode="json", by_alias=True)


class DocumentStore(Generic[T]):
    """Reads and writes the documents of one model. Errors of storage are raised as the SDK raises them.

    Names differ by case; a caller whose names do not passes them in lower case. Row keys begin with `prefix`; an empty one is for names
    that begin with a letter or a digit.
    """

    def __init__(self, table: Table, model: type[T], ids: Ids, prefix: str = _PREFIX) -> None:
        self._table = table
        self._model = model
        self._ids = ids
        self._prefix = prefix

    async def get(self, owner: str, name: str) -> Stored[T] | None:
        """Return an owner's document of a name, or None; a name that is too long for a key has none."""
        try:
            keys = key_of(owner), self._row_key(name)
        except ValueError:
            return None
        found = await self._table.get(*keys)
        return self._read(owner, found) if found is not None else None

    async def insert(self, owner: str, name: str, document: T, columns: Mapping[str, Any] | None = None) -> Stored[T]:
        """Write a document that must not be there yet, with further columns of its row; raises `Conflict` where it is."""
        entity = self._entity(owner, name, document, columns or {})
        try:
            version = await self._table.insert(entity)
        except Conflict:
            version = await self._own_write(owner, name, entity)
        return Stored(owner, name, document, version, columns or {})

    async def replace(self, stored: Stored[T], document: T, columns: Mapping[str, Any] | None = None) -> Stored[T]:
        """Write a document over the one that was read; raises `Conflict` where that was changed or deleted meanwhile.

        Columns of the row that are not given stay.
        """
        entity = self._entity(stored.owner, stored.name, document, columns or {})
        try:
            version = await self._table.merge(entity, stored.version)
        except Conflict:
            version = await self._own_write(stored.owner, stored.name, entity)
        return Stored(stored.owner, stored.name, document, version, {**stored.columns, **(columns or {})})

    async def delete(self, stored: Stored[T]) -> None:
        """Delete the document that was read; raises `Conflict` where it was changed meanwhile. One that is gone already is deleted."""
        if await self._table.delete(key_of(stored.owner), self._row_key(stored.name), stored.version):
            return
        if await self._table.get(key_of(stored.owner), self._row_key(stored.name)) is not None:
            raise Conflict

    async def page(self, owner: str, top: int, after: str | None = None) -> Documents[T]:
        """Return up to `top` documents of an owner after a name, in the order of their keys, by one range read."""
        first = self._prefix if after is None else self._row_key(after)
        parameters = {"partition": key_of(owner), "after": first, "end": f"{self._prefix[:-1]}}}"}
        filters = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @end"
        found = [self._read(owner, row) async for row in self._table.range(filters, parameters=parameters, limit=top + 1)]
        return Documents(tuple(found[:top]), found[top - 1].name if len(found) > top else None)

    async def page_of_all(self, top: int, after: tuple[str, str] | None = None) -> tuple[Stored[T], ...]:
        """Return up to `top` documents of all owners after an owner and name, in the order of their keys."""
        owner, row = (key_of(after[0]), self._row_key(after[1])) if after is not None else ("", "")
        parameters = {"owner": owner, "row": row, "first": self._prefix, "end": f"{self._prefix[:-1]}}}"}
        # the SDK puts parameters in token by token: brackets need spaces around them
        beyond = "PartitionKey ge @owner and ( PartitionKey gt @owner or RowKey gt @row )"
        found = self._table.range(f"{beyond} and RowKey ge @first and RowKey lt @end", parameters=parameters, limit=top)
        return tuple([self._read(text_of(str(one.entity["PartitionKey"])), one) async for one in found])

    def _row_key(self, name: str) -> str:
        return self._prefix + key_of(name)

    def _entity(self, owner: str, name: str, document: T, columns: Mapping[str, Any]) -> dict[str, object]:
        row = {"PartitionKey": key_of(owner), "RowKey": self._row_key(name), "v": VERSION, "stamp": self._ids.new()}
        return row | dict(columns) | pieces("document", _whole(document))

    async def _own_write(self, owner: str, name: str, entity: dict[str, object]) -> str:
        """Return the version of a write that storage's SDK had repeated against itself; raises `Conflict` where it was another's."""
        found = await self._table.get(key_of(owner), self._row_key(name))
        if found is None or found.entity.get("stamp") != entity["stamp"]:
            raise Conflict
        return found.etag

    def _read(self, owner: str, found: Found) -> Stored[T]:
        document = self._model.model_validate(from_pieces("document", found.entity) or {})
        name = text_of(str(found.entity["RowKey"]).removeprefix(self._prefix))
        columns = {key: value for key, value in found.entity.items() if not key.startswith(("document", "odata."))}
        return Stored(owner, name, document, found.etag, columns)


def key_of(text: str) -> str:
    """Return a text as a key of a table, which takes no slash, backslash, hash or question mark; raises `ValueError` for one too long."""
    key = quote(text, safe=_READABLE, errors="surrogatepass").replace("%", "=")
    if not key or len(key) > _LONGEST_KEY:
        raise ValueError(
            f"'{text[:40]}' cannot be a key: use 1 to {_LONGEST_KEY} characters; others than letters and digits count as 3 or more"
        )
    return key


def text_of(key: str) -> str:
    """Return the text that `key_of` made a key of."""
    return unquote(key.replace("=", "%"), errors="surrogatepass")


def _row_key(name: str) -> str:
    return _PREFIX + key_of(name)
