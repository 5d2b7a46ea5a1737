"""What of a request to make a machine anew cannot be done, before it is accepted."""

from collections.abc import Iterator
from dataclasses import dataclass

from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Problem, refusal_of
from shared.secrets.references import SecretReferences, VaultOwner
from shared.secrets.requests import Separated
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reprovisioning.losses import lost
from shared.virtual_machines.reprovisioning.planning import os_type_of
from shared.virtual_machines.reprovisioning.steps import would_lose
from shared.virtual_machines.requests.changes import Capture, Reprovision
from shared.virtual_machines.resource_manager.resources import ResourceManagerResources
from shared.virtual_machines.rules.names import OsType, admin_name_problem, computer_name_problem
from shared.virtual_machines.rules.passwords import password_problem
from shared.web.documents import invalid

_PASSWORD = ("reprovision", "adminPassword")


@dataclass(frozen=True, slots=True)
class ReprovisioningChecks:
    """Checks requests that make a machine anew."""

    resources: ResourceManagerResources
    references: SecretReferences

    async def require(self, tenant: Tenant, capture: Capture, sent: Separated, facts: MachineFacts | None, *, of_provider: bool) -> None:
        """Refuse with `NotFound` a reference to another's secret, with 400 wrong names and passwords, with `CaptureNotSupported` a machine
        that would lose something. `facts` is None where Azure is silent: the operation finds the rest.
        """
        await self.references.require(VaultOwner(tenant.name, tenant.key_vault_url), sent.references, of_provider=of_provider)
        request = capture.reprovision
        if request is None:
            return
        if facts is None:
            return
        os_type = os_type_of(facts)
        password = sent.secrets.get(_PASSWORD)
        problems = [
            Problem(ErrorCode.INVALID_REQUEST, message, f"reprovision.{field}")
            for field, message in _problems(request, facts, os_type, password.reveal() if password is not None else None)
        ]
        if problems:
            raise invalid(problems)
        with unless_silent():
            async with reading_azure():
                model = await self.resources.get(facts.resource)
                adapter = await self.resources.get(ResourceId.parse(facts.adapters[0])) if facts.adapters else None
            what = lost(model or {}, adapter or {})
            if what is not None:
                raise refusal_of(would_lose(facts.name, what))


def _problems(request: Reprovision, facts: MachineFacts, os_type: OsType | None, password: str | None) -> Iterator[tuple[str, str]]:
    if os_type is None:
        return
    computer = request.computer_name or facts.computer_name or facts.name
    if (problem := computer_name_problem(computer, os_type)) is not None:
        yield "computerName", problem
    if (problem := admin_name_problem(request.admin_username, os_type)) is not None:
        yield "adminUsername", problem
    if os_type is OsType.WINDOWS and request.ssh_public_keys:
        yield "sshPublicKeys", "Windows takes no SSH keys. Send adminPassword."
    if password is not None and (problem := password_problem(password, os_type)) is not None:
        yield "adminPassword", problem
