"""The rows of data centers in the table `dataCenters` (docs/design/data-centers.md, "Storage").

    {hash of the tenant} , d|{hash of the id}                the document, with the operations that wait for their turn
    {hash of the tenant} , s|{hash of the id}|{suspension}   the record of a suspension
    {hash of the tenant} , t|{inverted time}|{hash}          the tenant's list
    all                  , p|{inverted time}|{tenant}|{hash} the provider's list
    installation|{name}  , i|{tenant}|{hash}                 which data centers an installation has
    users                , u|{hash of installation and name} whose a user of an installation is
    secrets              , w|{tenant}|{hash}                 which data centers have a password that waits to be shown
    closed               , k|{time}|{tenant}|{hash}|{id}     which records of suspensions were closed, and when
    keys                 , one-time-links                    where Key Vault has the key of one-time links

List rows are written before the document; one without a document, or of another time, is left out.
"""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from shared.clock import Clock, Ids, from_text, to_text
from shared.data_centers.records.record import DataCenter, SecretState, Suspension
from shared.operations.model.identity import inverted, short_hash
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Conflict, Found, Table
from shared.web.lists import Page, read_rows

_ALL: Final = "all"
_USERS: Final = "users"
_SECRETS: Final = "secrets"
_CLOSED: Final = "closed"
_KEYS: Final = "keys"
_LINKS: Final = "one-time-links"
_TRIES: Final = 20
Change = Callable[[DataCenter], DataCenter]


@dataclass(frozen=True, slots=True)
class _Listed:
    """A row of a list: where its document is, and since when that must be there."""

    key: str
    owner: str
    name: str
    created_at: str


class DataCenterStore:
    """Reads and writes data centers. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, clock: Clock, ids: Ids) -> None:
        self._table = table
        self._clock = clock
        self._ids = ids
        self._documents = DocumentStore(table, DataCenter, ids)

    async def get(self, tenant: str, data_center: str) -> Stored[DataCenter] | None:
        """Return the data center of an order number, whatever its case, or None."""
        return await self._documents.get(short_hash(tenant), _name(data_center))

    async def insert(self, record: DataCenter) -> Stored[DataCenter]:
        """Write a new data center; raises `Conflict` where there is one of the id."""
        owner, name, at = short_hash(record.tenant), _name(record.id), inverted(from_text(record.created_at))
        columns = {"v": 1, "owner": owner, "name": name, "createdAt": record.created_at}
        for partition, row in ((owner, f"t|{at}|{name}"), (_ALL, f"p|{at}|{owner}|{name}")):
            await self._table.upsert({"PartitionKey": partition, "RowKey": row, **columns})
        await self.note_installation(record)
        return await self._documents.insert(owner, name, record)

    async def note_installation(self, record: DataCenter) -> None:
        """Note that an installation has a data center."""
        owner, name = short_hash(record.tenant), _name(record.id)
        row = {"PartitionKey": f"installation|{record.installation}", "RowKey": f"i|{owner}|{name}", "v": 1, "owner": owner, "name": name}
        await self._table.upsert(row | {"createdAt": record.created_at})

    async def replace(self, stored: Stored[DataCenter], record: DataCenter) -> Stored[DataCenter]:
        """Write a data center over the one that was read; raises `Conflict` where it has changed."""
        updated = record.model_copy(update={"last_updated_at": to_text(self._clock.now())})
        return await self._documents.replace(stored, updated)

    async def change(self, tenant: str, data_center: str, change: Change) -> DataCenter:
        """Write what `change` makes of a data center, however often others write it meanwhile; it must do no harm when repeated.

        Raises `LookupError` where there is none.
        """
        for _ in range(_TRIES):
            stored = await self.get(tenant, data_center)
            if stored is None:
                raise LookupError(f"the data center {data_center} of {tenant} is missing")
            changed = change(stored.document)
            if changed == stored.document:
                return changed
            try:
                return (await self.replace(stored, changed)).document
            except Conflict:
                continue
        raise Conflict

    # lists

    async def of_tenant(
        self, tenant: str, page: Page, takes: Callable[[DataCenter], bool]
    ) -> tuple[list[tuple[str, DataCenter]], str | None]:
        """Return a page of a tenant's data centers, newest first, and the key after which the next page begins or None."""
        return await self._page(short_hash(tenant), "t|", page, takes)

    async def of_all(self, page: Page, takes: Callable[[DataCenter], bool]) -> tuple[list[tuple[str, DataCenter]], str | None]:
        """Return a page of all tenants' data centers, newest first, and the key after which the next page begins or None."""
        return await self._page(_ALL, "p|", page, takes)

    async def any_of_installation(self, installation: str) -> DataCenter | None:
        """Return a data center of an installation that is neither deleted nor failed, or None."""
        async for row in self._rows(f"installation|{installation}", "i|", None, None):
            found = await self._documents.get(row.owner, row.name)
            if found is not None and found.document.installation == installation and not found.document.state.gone:
                return found.document
        return None

    async def _page(
        self, partition: str, prefix: str, page: Page, takes: Callable[[DataCenter], bool]
    ) -> tuple[list[tuple[str, DataCenter]], str | None]:
        async def read(top: int, after: str | None) -> tuple[list[tuple[str, DataCenter | None]], str | None]:
            rows = [row async for row in self._rows(partition, prefix, after, top + 1)]
            found = [(row.key, await self._document(row)) for row in rows[:top]]
            return found, rows[top - 1].key if len(rows) > top else None

        found, last = await read_rows(read, page, lambda row: row[1] is not None and takes(row[1]), lambda row: row[0])
        return [(key, record) for key, record in found if record is not None], last

    async def _document(self, row: _Listed) -> DataCenter | None:
        found = await self._documents.get(row.owner, row.name)
        return found.document if found is not None and found.document.created_at == row.created_at else None

    async def _rows(self, partition: str, prefix: str, after: str | None, limit: int | None) -> AsyncIterator[_Listed]:
        parameters = {"partition": partition, "after": after or prefix, "end": f"{prefix[:-1]}}}"}
        filters = "PartitionKey eq @partition and RowKey gt @after and RowKey lt @end"
        async for found in self._table.range(filters, parameters=parameters, limit=limit):
            yield _listed(found)

    # suspensions

    async def suspension(self, record: DataCenter, suspension: str) -> Stored[Suspension] | None:
        """Return a suspension's record, or None."""
        return await self._suspensions(record).get(short_hash(record.tenant), suspension)

    async def begin_suspension(self, record: DataCenter, suspension: Suspension) -> Stored[Suspension]:
        """Write a record that is not there yet, or return the one that is."""
        store = self._suspensions(record)
        try:
            return await store.insert(short_hash(record.tenant), suspension.id, suspension)
        except Conflict:
            found = await store.get(short_hash(record.tenant), suspension.id)
            if found is None:
                raise
            return found

    async def change_suspension(self, record: DataCenter, suspension: str, change: Callable[[Suspension], Suspension]) -> Suspension:
        """Write what `change` makes of a suspension's record; raises `LookupError` where there is none."""
        store = self._suspensions(record)
        for _ in range(_TRIES):
            stored = await store.get(short_hash(record.tenant), suspension)
            if stored is None:
                raise LookupError(f"the suspension {suspension} of {record.id} is missing")
            changed = change(stored.document)
            if changed == stored.document:
                return changed
            try:
                return (await store.replace(stored, changed)).document
            except Conflict:
                continue
        raise Conflict

    async def close_suspension(self, record: DataCenter, suspension: Suspension) -> None:
        """Note that a record is closed, so that it can be found once it is old; harmless to repeat."""
        owner, name = short_hash(record.tenant), _name(record.id)
        row = {"PartitionKey": _CLOSED, "RowKey": f"k|{suspension.closed_at}|{owner}|{name}|{suspension.id}", "v": 1}
        await self._table.upsert(row | {"owner": owner, "name": name, "suspension": suspension.id})

    async def forget_suspensions(self, before: datetime) -> None:
        """Delete the records that were closed before a moment."""
        parameters = {"partition": _CLOSED, "end": f"k|{to_text(before)}"}
        async for found in self._table.range("PartitionKey eq @partition and RowKey lt @end", parameters=parameters):
            owner, name, suspension = (str(found.entity[column]) for column in ("owner", "name", "suspension"))
            store = self._suspensions_of(name)
            stored = await store.get(owner, suspension)
            if stored is not None:
                await store.delete(stored)
            await self._table.delete(_CLOSED, str(found.entity["RowKey"]))

    def _suspensions(self, record: DataCenter) -> DocumentStore[Suspension]:
        return self._suspensions_of(_name(record.id))

    def _suspensions_of(self, name: str) -> DocumentStore[Suspension]:
        return DocumentStore(self._table, Suspension, self._ids, prefix=f"s|{name}|")

    # users

    async def owner_of_user(self, installation: str, user: str) -> str | None:
        """Return the tenant whose a user of an installation is, None where it is not known."""
        found = await self._table.get(_USERS, _user(installation, user))
        return str(found.entity["tenant"]) if found is not None else None

    async def claim_user(self, installation: str, user: str, tenant: str) -> str:
        """Note whose a user of an installation is, unless that is known, and return the tenant whose it is."""
        row = {"PartitionKey": _USERS, "RowKey": _user(installation, user), "v": 1, "tenant": tenant, "nonce": self._ids.new()}
        try:
            await self._table.insert(row)
        except Conflict:
            return await self.owner_of_user(installation, user) or tenant
        return tenant

    async def release_user(self, installation: str, user: str, tenant: str) -> None:
        """Remove the note of a user that is not there any more."""
        found = await self._table.get(_USERS, _user(installation, user))
        if found is not None and found.entity["tenant"] == tenant:
            await self._table.delete(_USERS, _user(installation, user), found.etag)

    # passwords that wait, and the key of their links

    async def note_secret(self, record: DataCenter) -> None:
        """Note that a data center has a password that waits to be shown."""
        owner, name = short_hash(record.tenant), _name(record.id)
        row = {"PartitionKey": _SECRETS, "RowKey": f"w|{owner}|{name}", "v": 1, "owner": owner, "name": name}
        await self._table.upsert(row | {"createdAt": record.created_at})

    async def with_waiting_secrets(self) -> AsyncIterator[DataCenter]:
        """Return the data centers whose password waits to be shown; notes of others are removed."""
        async for row in self._rows(_SECRETS, "w|", None, None):
            record = await self._document(row)
            if record is not None and record.secret.state is SecretState.WAITING:
                yield record
            else:
                await self._table.delete(_SECRETS, row.key)

    async def link_key(self) -> str | None:
        """Return where Key Vault has the key of one-time links, or None."""
        found = await self._table.get(_KEYS, _LINKS)
        return str(found.entity["reference"]) if found is not None else None

    async def keep_link_key(self, reference: str) -> str:
        """Note where the key is, unless that is known, and return where it is: of two that are made at once, one counts."""
        try:
            await self._table.insert({"PartitionKey": _KEYS, "RowKey": _LINKS, "v": 1, "reference": reference, "nonce": self._ids.new()})
        except Conflict:
            return await self.link_key() or reference
        return reference


def _name(data_center: str) -> str:
    return short_hash(data_center.lower())


def _user(installation: str, user: str) -> str:
    return f"u|{short_hash(installation, user.lower())}"


def _listed(found: Found) -> _Listed:
    text = {name: str(found.entity[name]) for name in ("RowKey", "owner", "name", "createdAt")}
    return _Listed(text["RowKey"], text["owner"], text["name"], text["createdAt"])
