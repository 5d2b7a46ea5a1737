"""What the provider reads of an installation: its check and its plans."""

import asyncio
from dataclasses import dataclass

from shared.azure_pack.errors import AzurePackError
from shared.clock import Clock
from shared.errors import ErrorCode, Refused
from shared.installations.checking import Checked, check
from shared.installations.documents import Installations
from shared.installations.plans import PlanFacts, facts_of
from shared.installations.reach.connections import Connection, Connections

_READS_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class InstallationReader:
    """Reads installations; refuses with `NotFound` one that is not there."""

    documents: Installations
    connections: Connections
    clock: Clock

    async def check(self, name: str) -> tuple[Checked, ...]:
        """Check an installation as its document is now."""
        return await check(await self._connection(name), self.clock)

    async def plans(self, name: str) -> tuple[tuple[PlanFacts, ...], dict[str, str]]:
        """Return the plans, and the display names of add-ons by id in lower case; refuses with `ServiceUnavailable` without an answer."""
        connection = await self._connection(name)
        try:
            async with asyncio.timeout(_READS_SECONDS):
                found = [facts_of(plan) async for plan in connection.admin.plans()]
                names = {one.id.lower(): one.display_name or one.id async for one in connection.admin.add_ons()}
        except (AzurePackError, TimeoutError) as error:
            reason = error.message if isinstance(error, AzurePackError) else f"It did not answer within {_READS_SECONDS:.0f} s."
            message = f"The plans of the installation '{name}' could not be read. {reason} POST /azure-packs/{name}/check has the cause."
            raise Refused(ErrorCode.SERVICE_UNAVAILABLE, message) from error
        return tuple(sorted(found, key=lambda one: one.display_name.lower())), names

    async def _connection(self, name: str) -> Connection:
        return await self.connections.of(await self.documents.get(name))
