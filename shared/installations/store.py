"""The rows of installations: documents, and credentials that were refused (docs/design/data-centers.md, "Storage")."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from shared.clock import Clock, Ids, from_text, to_text
from shared.installations.document import StoredInstallation
from shared.storage.documents import DocumentStore, Stored
from shared.storage.tables import Conflict, Table
from shared.web.conditional import tag_of

_OWNER: Final = "installation"
_REFUSED_FOR: Final = timedelta(minutes=15)
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class InstallationRecord:
    """An installation as it is stored. `tag` is that of its document; times are wall time, as text."""

    installation: StoredInstallation
    created_at: str
    updated_at: str
    stored: Stored[StoredInstallation]

    @property
    def name(self) -> str:
        """The installation's name."""
        return self.installation.name

    @property
    def tag(self) -> str:
        """The strong tag of the document's normal form."""
        return tag_of(self.installation.settings.model_dump(mode="json", by_alias=True))


class InstallationStore:
    """Reads and writes installations. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, clock: Clock, ids: Ids) -> None:
        self._documents = DocumentStore(table, StoredInstallation, ids)
        self._clock = clock

    async def get(self, name: str) -> InstallationRecord | None:
        """Return the installation of a name, or None."""
        found = await self._documents.get(_OWNER, name)
        return _record(found) if found is not None else None

    async def page(self, top: int, after: str | None) -> tuple[tuple[InstallationRecord, ...], str | None]:
        """Return up to `top` installations after a name, by name, and the name after which the next page begins or None."""
        found = await self._documents.page(_OWNER, top, after)
        return tuple(_record(one) for one in found.documents), found.last

    async def all(self) -> tuple[InstallationRecord, ...]:
        """Return the installations, by name: a provider has a few."""
        return (await self.page(_PAGE, None))[0]

    async def put(self, installation: StoredInstallation, standing: InstallationRecord | None) -> InstallationRecord:
        """Write an installation over the record that was read, None for a new one; raises `Conflict` where it has changed."""
        now = to_text(self._clock.wall())
        columns: Mapping[str, Any] = {
            "createdAt": standing.created_at if standing is not None else now, "updatedAt": now, "refusedAt": "", "refusedTag": "",
        }  # fmt: skip
        if standing is None:
            return _record(await self._documents.insert(_OWNER, installation.name, installation, columns))
        return _record(await self._documents.replace(standing.stored, installation, columns))

    async def delete(self, standing: InstallationRecord) -> None:
        """Delete the installation that was read; raises `Conflict` where it has changed."""
        await self._documents.delete(standing.stored)

    async def refused_until(self, name: str, tag: str) -> datetime | None:
        """Return until when the credentials of a document are not tried, wall time, because a directory refused them; None: they may be."""
        record = await self.get(name)
        if record is None or record.stored.columns.get("refusedTag") != tag:
            return None
        until = from_text(str(record.stored.columns["refusedAt"])) + _REFUSED_FOR
        return until if self._clock.wall() < until else None

    async def note_refusal(self, name: str, tag: str) -> None:
        """Note for all instances that the credentials of a document were refused, unless it changed meanwhile."""
        record = await self.get(name)
        if record is None or record.tag != tag:
            return
        columns = {"refusedAt": to_text(self._clock.wall()), "refusedTag": tag}
        try:
            await self._documents.replace(record.stored, record.installation, columns)
        except Conflict:
            return


def _record(stored: Stored[StoredInstallation]) -> InstallationRecord:
    created, updated = (str(stored.columns.get(name) or "") for name in ("createdAt", "updatedAt"))
    return InstallationRecord(stored.document, created, updated, stored)
