"""Once a day: certificates that end within 30 days are announced, and those that no subscription is reached with are deleted."""

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from shared import telemetry
from shared.access.records.azure_pack_subscriptions import AzurePackSubscriptions, MappedSubscription
from shared.clock import Clock, from_text
from shared.errors import CallFailure
from shared.installations.store import InstallationStore
from shared.installations.subscriptions.certificates import PREFIX, CertificateStore
from shared.installations.subscriptions.views import subscription_body
from shared.operations.outside.events import Events
from shared.secrets.ids import normal_vault
from shared.storage.daily import DailyTurn
from shared.storage.tables import Table
from shared.telemetry import Metric

_log = logging.getLogger(__name__)
_SOON: Final = timedelta(days=30)
_YOUNGEST: Final = timedelta(hours=1)
ROUND: Final = "azurePackCertificates"
"""The row of the day of the round."""
_THUMBPRINT: Final = "thumbprint"


@dataclass(frozen=True, slots=True)
class CertificateRounds:
    """Looks at the certificates of all installations; `table` holds which ends were announced."""

    installations: InstallationStore
    subscriptions: AzurePackSubscriptions
    certificates: CertificateStore
    events: Events
    table: Table
    turn: DailyTurn
    clock: Clock

    async def run(self) -> None:
        """Do the day's round unless it was done; called each minute."""
        if await self.turn.take(self.clock.wall()):
            rows = await self._rows()
            await self._announce(rows)
            try:
                await self.sweep(rows)
            except CallFailure as failure:
                _log.warning("the key vault could not be swept of certificates; the next day's round does it: %s", failure.code)

    async def _rows(self) -> list[MappedSubscription]:
        found: list[MappedSubscription] = []
        after: str | None = None
        while True:
            records, after = await self.installations.page(200, after)
            for record in records:
                found += [row async for row in self.subscriptions.of_installation(record.name)]
            if after is None:
                return found

    async def _announce(self, rows: list[MappedSubscription]) -> None:
        """Send the event of each certificate that ends soon: once, because the id of an event that is repeated stays the same."""
        now = self.clock.wall()
        for row in rows:
            if row.certificate is None or from_text(row.certificate.not_after) - now > _SOON:
                continue
            telemetry.count(Metric.CERTIFICATE_ENDS, installation=row.installation, tenant=row.tenant)
            event = f"azurePackSubscription/{row.installation}/{row.id}/{row.certificate.not_after}"
            subject = f"/api/tenants/{row.tenant}/azure-pack-subscriptions/{row.id}"
            partition, key = f"announced|{row.installation}", f"{row.id}|{row.certificate.not_after}"
            if await self.table.get(partition, key) is None:
                await self.events.publish_certificate(event, subject, row.tenant, subscription_body(row, now).as_json())
                await self.table.upsert({"PartitionKey": partition, "RowKey": key, "v": 1})

    async def sweep(self, rows: list[MappedSubscription]) -> int:
        """Delete certificates older than an hour that no row names, and return how many those were."""
        vault = self.certificates.vault.secrets
        if not vault.own:
            return 0
        named = {row.certificate.secret.lower().rpartition("/secrets/")[2].partition("/")[0] for row in rows if row.certificate is not None}
        before, left = self.clock.now() - _YOUNGEST, []
        async for listed in vault.vaults.each(normal_vault(vault.own)):
            is_certificate = listed.id.name.startswith(PREFIX) and _THUMBPRINT in listed.tags
            if is_certificate and listed.created_at < before and listed.id.name.lower() not in named:
                left.append(listed.id)
        for secret in left:
            await vault.delete([secret])
        return len(left)
