"""The tenant registry's write side: claims are taken before a tenant's document is written, and released after it.

A PUT is three writes: one transaction takes the claims that are added, the document is written over the one that was read, the claims that
are removed are released. One claim row decides whose a resource is, so that two writers never both own it, whatever becomes of either in
between (docs/design/tenants.md, "Writing").

    two writers of one tenant, A and B, that add the same subscription over the same document
    A  takes the claim (nonce a)              writes the document
    B          takes the claim (nonce b)                            fails: reads the document, which lists it: the claim stays
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta

from shared.access.records.claim_rows import ClaimRows, Take
from shared.access.records.claims import RELEASE_HOLDS, STALE_AFTER, Claim, ClaimKey, ClaimKind, caller_flags, claims_of
from shared.access.records.existing import claim_existing
from shared.access.records.rows import DELETED, TenantRecord, TenantRows
from shared.access.records.tenant import Tenant
from shared.clock import Clock, Ids, to_text
from shared.errors import ErrorCode, Refused
from shared.operations.crash_points import crash_point
from shared.storage.tables import Conflict, Table

_TRIES = 10
_TAKEN: Mapping[ClaimKind, tuple[ErrorCode, str]] = {
    ClaimKind.NAME: (ErrorCode.NAME_TAKEN, "The name is that of the tenant '{}': names are compared without regard to case."),
    ClaimKind.PROVIDER: (ErrorCode.PROVIDER_EXISTS, "'{}' is the provider. There is exactly one."),
}


@dataclass(frozen=True, slots=True)
class _Taken:
    """What a write has claimed under its nonce, and the claims of what it removes, as they were before it."""

    nonce: str
    keys: tuple[ClaimKey, ...]
    removed: Mapping[ClaimKey, Claim | None]


class Registrar:
    """Writes tenants. Errors of storage are raised as the SDK raises them."""

    def __init__(self, table: Table, clock: Clock, ids: Ids) -> None:
        self._tenants = TenantRows(table, ids)
        self._claims = ClaimRows(table, clock)
        self._clock = clock
        self._ids = ids
        self._all_claimed = False

    async def get(self, name: str) -> TenantRecord | None:
        """Return a tenant as it is stored now, a deleted one too, or None."""
        return await self._tenants.get(name)

    async def claim_existing(self) -> None:
        """Claim the rows of earlier versions, once."""
        if not self._all_claimed:
            await claim_existing(self._tenants, self._claims, self._ids)
            self._all_claimed = True

    async def put(
        self, tenant: Tenant, standing: TenantRecord | None, by: str, confirm: Callable[[], Awaitable[None]] | None = None
    ) -> TenantRecord:
        """Write a tenant over the record that was read, None for a new one; `by` is the caller, as it is recorded.

        `confirm` is called once the document is written, and refuses what has come in between: then the write is taken back. Raises
        `Conflict` where the record has changed, and `Refused`: AlreadyMapped and JustReleased with the field, NameTaken, NameUsedBefore,
        ProviderExists.
        """
        await self.claim_existing()
        wanted = claims_of(tenant)
        taken = await self._take(tenant.name, wanted, standing)
        crash_point("registry.claimed")
        written = await self._write(tenant, standing, by, taken)
        crash_point("registry.written")
        if lost := await self._lost(tenant.name, wanted):
            await self._revert(written, standing, taken)
            raise _refusal(lost, wanted)
        if confirm is not None:
            try:
                await confirm()
            except Refused:
                await self._revert(written, standing, taken)
                raise
        await self._release(tenant.name, taken.removed)
        crash_point("registry.released")
        return written

    async def claim(self, standing: TenantRecord) -> None:
        """Claim what a tenant's document lists and has no claim, such as what an earlier version wrote; refuses as `put`."""
        await self.claim_existing()
        await self._take(standing.tenant.name, standing.keys, standing)

    async def delete(self, standing: TenantRecord, by: str) -> TenantRecord:
        """Shrink a tenant's document to its name and display name and release everything but the name, which is not used again.

        Raises `Conflict` where the record has changed.
        """
        await self.claim_existing()
        removed = await self._claims.all(key for key in standing.keys if key.kind is not ClaimKind.NAME)
        rest = Tenant(name=standing.tenant.name, display_name=standing.tenant.display_name)
        written = await self._tenants.replace(standing, rest, self._columns(standing, by) | {"state": DELETED})
        crash_point("registry.written")
        await self._release(standing.tenant.name, removed)
        crash_point("registry.released")
        return written

    async def _take(self, name: str, wanted: Mapping[ClaimKey, str], standing: TenantRecord | None) -> _Taken:
        """Claim what the new document lists and the standing one does not, or whose claim is missing; all of it or nothing."""
        listed = standing.keys if standing is not None else {}
        removed, nonce = [key for key in listed if key not in wanted], self._ids.new()
        flags = caller_flags(wanted)
        for _ in range(_TRIES):
            rows = await self._claims.all([*wanted, *removed, *flags])
            takes = []
            for key in wanted:
                row = rows[key]
                if row is not None and row.tenant and row.tenant != name:
                    await self._require_free(key, row, wanted)
                elif row is not None and row.held and key in listed:
                    continue
                takes.append(Take(key, row))
            try:
                await self._claims.take(name, takes, nonce, rows)
            except Conflict:
                continue
            return _Taken(nonce, tuple(take.key for take in takes), {key: rows[key] for key in removed})
        raise Refused(ErrorCode.SERVICE_UNAVAILABLE, "The registry is being changed by others. Send the request again.", retry_after=1)

    async def _require_free(self, key: ClaimKey, row: Claim, wanted: Mapping[ClaimKey, str]) -> None:
        """Refuse unless the claim of another tenant is free: released for a minute, or left behind by a writer that did not survive."""
        now = self._clock.wall()
        if row.released_at is not None:
            if now - row.released_at < RELEASE_HOLDS:
                raise _just_released(row.released_at + RELEASE_HOLDS - now, wanted[key])
            return
        holder = await self._tenants.get(row.tenant)
        if holder is not None and holder.deleted and key.kind is ClaimKind.NAME:
            raise name_used_before(holder.tenant.name)
        lists = holder is not None and key in holder.keys
        stale = row.taken_at is None or now - row.taken_at >= STALE_AFTER
        if lists or not stale or (holder is not None and not holder.updated_before(now - STALE_AFTER)):
            raise _refusal({key: row}, wanted)

    async def _write(self, tenant: Tenant, standing: TenantRecord | None, by: str, taken: _Taken) -> TenantRecord:
        columns = self._columns(standing, by)
        try:
            if standing is None:
                return await self._tenants.insert(tenant, columns)
            return await self._tenants.replace(standing, tenant, columns)
        except Conflict:
            await self._give_back(tenant.name, taken)
            raise

    def _columns(self, standing: TenantRecord | None, by: str) -> dict[str, str | int]:
        now = to_text(self._clock.wall())
        created = (standing.created_at or "") if standing is not None else now
        return {"claimed": 1, "createdAt": created, "updatedAt": now, "updatedBy": by, "state": ""}

    async def _lost(self, name: str, wanted: Mapping[ClaimKey, str]) -> dict[ClaimKey, Claim]:
        """Return the claims that are another tenant's by now; those that another writer of this tenant gave back are taken back."""
        rows = await self._claims.all(wanted)
        for key, row in rows.items():
            if row is not None and not row.held and row.tenant == name:
                await self._claims.take_back(key, name)
        return {key: row for key, row in rows.items() if row is not None and row.tenant != name}

    async def _revert(self, written: TenantRecord, standing: TenantRecord | None, taken: _Taken) -> None:
        """Write the document that was there before; a later write of another process stays."""
        try:
            if standing is None:
                await self._tenants.remove(written)
            else:
                columns = {"updatedAt": to_text(self._clock.wall()), "updatedBy": standing.updated_by or ""}
                await self._tenants.replace(written, standing.tenant, columns)
        except Conflict:
            pass
        await self._give_back(written.tenant.name, taken)

    async def _give_back(self, name: str, taken: _Taken) -> None:
        """Release what a write has claimed in vain, but for what the document lists by now.

        Another writer writes its document and then looks at its claims, this one releases and then looks at the document: whichever is
        the later finds a claim that was released while it came to be listed, and takes it back.
        """
        record = await self._tenants.get(name)
        for key in taken.keys:
            if record is None or key not in record.keys:
                await self._claims.release(key, name, taken.nonce)
        record = await self._tenants.get(name)
        for key in taken.keys:
            if record is not None and key in record.keys:
                await self._claims.take_back(key, name)

    async def _release(self, name: str, removed: Mapping[ClaimKey, Claim | None]) -> None:
        for key, row in removed.items():
            if row is not None and row.tenant == name:
                await self._claims.release(key, name, row.nonce)


def name_used_before(name: str) -> Refused:
    """Return the refusal of a name that a deleted tenant had."""
    message = f"'{name}' was the name of a tenant that was deleted. Its operations are found by it; use another name."
    return Refused(ErrorCode.NAME_USED_BEFORE, message, target="name")


def _just_released(left: timedelta, field: str) -> Refused:
    message = "This was another tenant's until just now. It can be mapped to another tenant 60 seconds after its release."
    return Refused(ErrorCode.JUST_RELEASED, message, target=field, retry_after=left.total_seconds())


def _refusal(taken: Mapping[ClaimKey, Claim], wanted: Mapping[ClaimKey, str]) -> Refused:
    """Return the refusal for the first claim that is another tenant's."""
    key, row = next(iter(taken.items()))
    code, message = _TAKEN.get(key.kind, (ErrorCode.ALREADY_MAPPED, "This belongs to the tenant '{}'. Remove it there first."))
    return Refused(code, message.format(row.tenant), target=wanted[key])
