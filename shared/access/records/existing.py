"""Claims what rows of earlier versions list, which were written by hand and have no claims."""

import logging
from collections import defaultdict

from shared.access.records.claim_rows import ClaimRows, Take
from shared.access.records.claims import ClaimKey, caller_flags
from shared.access.records.rows import TenantRows
from shared.clock import Ids
from shared.storage.tables import Conflict

_TRIES = 10
_AT_ONCE = 75  # with a row for each Entra tenant of the callers, a transaction stays within its 100 changes
_log = logging.getLogger(__name__)


async def claim_existing(tenants: TenantRows, claims: ClaimRows, ids: Ids, *, again: bool = False) -> None:
    """Claim what each tenant's document lists, then note that it has been done; does nothing where it has, unless `again`.

    What two documents list is claimed for neither: it has no owner until one of them is written again. Safe to repeat and to run twice
    at once, for it only takes what has no claim.
    """
    if not again and await claims.all_claimed():
        return
    listed: dict[ClaimKey, list[str]] = defaultdict(list)
    async for record in tenants.each():
        for key in record.keys:
            listed[key].append(record.tenant.name)
    by_tenant: dict[str, list[ClaimKey]] = defaultdict(list)
    for key, names in listed.items():
        if len(names) == 1:
            by_tenant[names[0]].append(key)
        else:
            _log.error(
                "RegistryError: the %s %s is listed by the tenants %s and belongs to none until all but one of them leave it out",
                key.kind, key.value, " and ".join(names),
            )  # fmt: skip
            await claims.contest(key, names)
    for name, keys in by_tenant.items():
        for start in range(0, len(keys), _AT_ONCE):
            await _claim(claims, name, keys[start : start + _AT_ONCE], ids.new(), again=again)
    await claims.note_all_claimed()


async def _claim(claims: ClaimRows, name: str, keys: list[ClaimKey], nonce: str, *, again: bool) -> None:
    for _ in range(_TRIES):
        rows = await claims.all([*keys, *caller_flags(dict.fromkeys(keys, ""))])
        # claimed again, a thing is that of the one tenant that lists it, whatever its row has kept of another
        missing = [
            Take(key, row)
            for key in keys
            if (row := rows[key]) is None or not row.tenant or (again and not (row.held and row.tenant == name))
        ]
        try:
            await claims.take(name, missing, nonce, rows)
        except Conflict:
            continue
        return
    raise RuntimeError(f"the claims of the tenant '{name}' change all the time; the next run tries again")
