"""What `POST /azure-packs/{name}/check` finds: reads only, from the address to the machines (docs/design/data-centers.md)."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final
from urllib.parse import urlsplit

from shared.azure_pack.admin.client import Via
from shared.azure_pack.certificates import ssl_context
from shared.azure_pack.connection import TlsOptions
from shared.azure_pack.errors import AzurePackError, Cause, ErrorKind
from shared.azure_pack.subscriptions import Subscription
from shared.azure_pack.vmm.client import Vmm
from shared.clock import Clock, to_text
from shared.errors import CallFailure, sentence
from shared.installations.document import MachinesVia
from shared.installations.plans import facts_of
from shared.installations.reach.connections import Connection
from shared.values.checks import CheckResult

_EACH: Final = 8.0
"""Seconds for one check: eight of them stay within the minute of the contract."""
_MACHINES: Final = 50
"""So many machines are read: the first alone may be of the subscription where those of others follow."""
_SOON: Final = timedelta(days=30)
_TLS: Final = frozenset({Cause.TLS_UNTRUSTED, Cause.TLS_HOST_NAME, Cause.TLS_EXPIRED, Cause.TLS_PROTOCOL})
NAMES: Final = ("address", "tls", "signIn", "adminApi", "plans", "machines", "tenantPublicApi", "accounts")


@dataclass(frozen=True, slots=True)
class Checked:
    """One result; `action` is what to do, None for a pass."""

    name: str
    result: CheckResult
    message: str
    action: str | None = None


async def check(connection: Connection, clock: Clock) -> tuple[Checked, ...]:
    """Check an installation; what an earlier failure makes impossible is unknown."""
    found = [await _bounded("address", lambda: _address(connection))]
    if found[0].result is CheckResult.PASS:
        found.append(await _bounded("tls", lambda: _tls(connection, clock.wall())))
    if _good(found, 2):
        found.append(await _bounded("signIn", lambda: _sign_in(connection)))
    if _good(found, 3):
        found.append(await _bounded("adminApi", lambda: _admin_api(connection)))
    if _good(found, 4):
        found += [await _bounded("plans", lambda: _plans(connection)), await _bounded("machines", lambda: _machines(connection))]
    done = {one.name: one for one in found}
    if "tls" in done and done["tls"].result is not CheckResult.FAILURE:
        done["tenantPublicApi"] = await _bounded("tenantPublicApi", lambda: _public(connection))
        done["accounts"] = await _bounded("accounts", lambda: _accounts(connection))
    return tuple(done.get(name) or _unknown(name, "An earlier check failed, so this one could not be made.") for name in NAMES)


def _good(found: list[Checked], count: int) -> bool:
    return len(found) == count and all(one.result in {CheckResult.PASS, CheckResult.WARNING} for one in found)


async def _bounded(name: str, run: Callable[[], Awaitable[Checked]]) -> Checked:
    try:
        async with asyncio.timeout(_EACH):
            return await run()
    except TimeoutError:
        return _failed(name, f"There was no answer within {_EACH:.0f} s.", "Check the network, the firewall and the address.")
    except AzurePackError as error:
        return _failed(name, error.message, error.recommended_action or "Correct what the message names, and check again.")
    except CallFailure as failure:
        return _failed(name, failure.message, "Correct what the message names, and check again.")


async def _probe(connection: Connection) -> AzurePackError | None:
    """Send one request without a token, and return why there was no answer."""
    try:
        await connection.transports[0].request("GET", f"{connection.settings.admin_api}/plans", headers={"Accept": "application/json"})
    except AzurePackError as error:
        return error
    return None


async def _address(connection: Connection) -> Checked:
    error = await _probe(connection)
    if error is not None and error.kind is ErrorKind.UNREACHABLE and error.cause not in _TLS:
        return _failed("address", error.message, "Check adminApi, the name, the port, the proxy and the route to it.")
    return Checked("address", CheckResult.PASS, f"{connection.settings.admin_api} can be reached.")


async def _tls(connection: Connection, now: datetime) -> Checked:
    error = await _probe(connection)
    if error is not None and error.cause in _TLS:
        return _failed("tls", error.message, "Correct tls in the installation, or the server's certificate.")
    ends = None if connection.settings.proxy is not None else await _certificate_ends(connection)
    if ends is not None and ends - now < _SOON:
        return Checked("tls", CheckResult.WARNING, f"The server's certificate ends on {to_text(ends)}.", "Renew the certificate in time.")
    return Checked("tls", CheckResult.PASS, "The server's certificate was verified.")


async def _certificate_ends(connection: Connection) -> datetime | None:
    from cryptography import x509

    parts, tls = urlsplit(connection.settings.admin_api), connection.settings.tls
    context = ssl_context(TlsOptions(tls.ca_bundle, tls.server_name, 1 if tls.security_level == 1 else 2))
    with suppress(OSError, ssl.SSLError):
        name = tls.server_name or parts.hostname
        _, writer = await asyncio.open_connection(parts.hostname, parts.port or 443, ssl=context, server_hostname=name)
        der = writer.get_extra_info("ssl_object").getpeercert(binary_form=True)
        writer.close()
        return x509.load_der_x509_certificate(der).not_valid_after_utc if der else None
    return None


async def _sign_in(connection: Connection) -> Checked:
    await connection.sign_in.get()
    return Checked("signIn", CheckResult.PASS, f"Signed in as {connection.settings.sign_in.user_name}.")


async def _admin_api(connection: Connection) -> Checked:
    async for _ in connection.admin.add_ons():
        break
    return Checked("adminApi", CheckResult.PASS, "The administrator's API answers.")


async def _plans(connection: Connection) -> Checked:
    facts = [facts_of(plan) async for plan in connection.admin.plans()]
    good = [one.display_name for one in facts if one.suitable]
    if not good:
        action = "Make a plan with one cloud and the service systemcenter; GET /azure-packs/{name}/plans has the reasons."
        return _failed("plans", f"None of {len(facts)} plans is suitable for orders.", action)
    wanted = connection.settings.defaults.plan
    if wanted is not None and not any(wanted.lower() in {one.id.lower(), one.display_name.lower()} for one in facts):
        return Checked("plans", CheckResult.WARNING, f"The default plan '{wanted}' was not found.", "Correct defaults.plan.")
    return Checked("plans", CheckResult.PASS, f"{len(good)} of {len(facts)} plans are suitable: {', '.join(good[:10])}.")


async def _machines(connection: Connection) -> Checked:
    one: Subscription | None = None
    async for one in connection.admin.subscriptions():  # noqa: B007  # the first is kept
        break
    if one is None:
        return _unknown("machines", "There is no subscription to try machines.via on.")
    via, user = connection.settings.machines.via, one.account_admin or ""
    try:
        await _read_some(connection.machines(one.id, user))
    except AzurePackError as error:
        works = [str(other) for other in MachinesVia if other is not via and await _reaches(connection, one, other)]
        advice = f"Set machines.via to {' or '.join(works)}." if works else "None of the ways to machines works; see the message."
        return _failed("machines", f"Machines cannot be read by {via}. {sentence(error.message)}", advice)
    return Checked("machines", CheckResult.PASS, f"Machines can be read by {via}.")


async def _reaches(connection: Connection, subscription: Subscription, via: MachinesVia) -> bool:
    if via is MachinesVia.TENANT_API:
        return False  # another address, which is tried once the document names it
    try:
        kind = Via.ADMIN if via is MachinesVia.ADMIN else Via.ADMIN_SUBSCRIPTION
        await _read_some(connection.admin.machines(subscription.id, kind))
    except AzurePackError:
        return False
    return True


async def _read_some(vmm: Vmm) -> None:
    """Read machines, about a page: raises `AzurePackError` also where the administrator's service shows one of another subscription."""
    left = _MACHINES
    async for _ in vmm.machines():
        left -= 1
        if not left:
            break


async def _public(connection: Connection) -> Checked:
    if not connection.settings.tenant_public_apis:
        return Checked("tenantPublicApi", CheckResult.PASS, "No address is named, so no publishsettings file can be imported.")
    for address in connection.settings.tenant_public_apis:
        try:
            await connection.transports[1].request("GET", f"{address}/subscriptions", headers={"Accept": "application/json"})
        except AzurePackError as error:
            if error.kind is ErrorKind.UNREACHABLE and error.cause is not Cause.CLIENT_CERTIFICATE_REJECTED:
                return _failed("tenantPublicApi", f"{address}: {error.message}", "Check tenantPublicApis and tls.")
    return Checked("tenantPublicApi", CheckResult.PASS, "Every address of tenantPublicApis can be reached.")


async def _accounts(connection: Connection) -> Checked:
    if connection.hook is None:
        return Checked("accounts", CheckResult.PASS, "No accounts service is used: customers have or make their sign-ins themselves.")
    await connection.hook.exists("farshore-check")
    return Checked("accounts", CheckResult.PASS, "The accounts service answers.")


def _failed(name: str, message: str, action: str) -> Checked:
    return Checked(name, CheckResult.FAILURE, sentence(message), action)


def _unknown(name: str, message: str) -> Checked:
    return Checked(name, CheckResult.UNKNOWN, message, "Correct the failure above, and check again.")
