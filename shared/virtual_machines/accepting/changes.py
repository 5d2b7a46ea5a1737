"""Accepts changes of machines, for HTTP and queue alike: what can be refused at once is refused, the rest is the operation's to find."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from shared.access.records.tenant import Tenant
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.accepting.commands import Commands
from shared.operations.accepting.locks import Locks
from shared.operations.accepting.resolving import Resolution, not_in_doubt
from shared.operations.model.models import Actor, JsonObject, NewOperation, Operation
from shared.operations.model.rows import Active
from shared.secrets.places import Place
from shared.values.hidden import Hidden
from shared.values.reading import same_text
from shared.values.sent import SentBody
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways, MachineGateway, gateway_of
from shared.virtual_machines.kinds import VIRTUAL_MACHINE, Action
from shared.virtual_machines.reading.asking import reading_azure
from shared.virtual_machines.reading.machines import lock_of
from shared.virtual_machines.reading.places import Named, locate
from shared.virtual_machines.rules.power import PowerRefusal
from shared.virtual_machines.steps.power import RESOLUTION, decision_on, power_action
from shared.virtual_machines.steps.refusals import managed_problem
from shared.virtual_machines.workflow import BEGINNING
from shared.web.documents import wrong

_READS_SECONDS = 4.5
"""Within the five seconds of docs/design/http.md, and before Node servers, such as Azurite, close connections that idled for five."""


@dataclass(frozen=True, slots=True)
class ChangeRequest:
    """A request for a change of a machine: `body` is what was sent, without secrets; `key` is the repeatability key.

    `part` has what the path names below the machine, such as a LUN, `secrets` the plain secrets by their places in the operation's body.
    """

    tenant: Tenant
    action: Action
    named: Named
    body: SentBody
    actor: Actor
    key: str | None
    trace: str | None = None
    first_sent: str | None = None
    part: Mapping[str, str] = field(default_factory=dict)
    secrets: Mapping[Place, Hidden] = field(default_factory=dict)

    def as_operation(self) -> NewOperation:
        """Return the operation that it becomes."""
        return NewOperation(
            kind=VIRTUAL_MACHINE.name,
            tenant=self.tenant.name,
            key=self.key,
            body={"action": str(self.action), **self.named.as_sent(), **self.part, "body": dict(self.body.members)},
            actor=self.actor,
            first_step=BEGINNING,
            trace=self.trace,
            first_sent=self.first_sent,
            action=str(self.action),
            secrets=self.secrets,
        )


@dataclass(frozen=True, slots=True)
class MachineChanges:
    """Accepts changes of machines."""

    acceptance: Acceptance
    commands: Commands
    locks: Locks
    gateways: Gateways

    async def power(self, request: ChangeRequest) -> Operation:
        """Accept a start, shut-down or restart, or find the operation that this request became earlier.

        Refuses with `NotFound`, `AmbiguousName`, `ScopeBusy`, `Generalized`, `DiskAccessActive`, `NotRunning`.
        """
        new, action = request.as_operation(), power_action(request.action, request.body)
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        gateway = gateway_of(self.gateways, request.tenant)
        machine, facts = await self.look(gateway, request)
        if facts is not None:
            await self._require_possible(gateway, facts, request)
        data: JsonObject = {"machine": str(machine), "powerAction": str(action)}
        return (await self.acceptance.accept(replace(new, data=data, locks=(lock_of(machine),)))).operation

    async def delete(self, request: ChangeRequest, confirm: str | None) -> Operation:
        """Accept a deletion, or find the operation that this request became earlier; `confirm` is None for messages.

        Refuses with 400 a confirmation that is not the machine's name, then with NotFound, AmbiguousName, ScopeBusy, ManagedElsewhere.
        """
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        if confirm is not None and not same_text(confirm, request.named.name):
            raise wrong("confirm", "This must be the machine's name, to confirm its deletion.")
        machine, facts = await self.look(gateway_of(self.gateways, request.tenant), request)
        if facts is not None and (problem := managed_problem(facts)) is not None:
            raise refusal_of(problem)
        return (await self.acceptance.accept(replace(new, data={"machine": str(machine)}, locks=(lock_of(machine),)))).operation

    async def look(self, gateway: MachineGateway, request: ChangeRequest) -> tuple[ResourceId, MachineFacts | None]:
        """Return the machine and what Azure shows of it, None where Azure is silent but the request alone names the machine."""
        async with reading_azure(_READS_SECONDS):
            machine = await locate(request.tenant, request.named, gateway.find)
        held = await self.locks.holder([lock_of(machine)], self.acceptance.store.id_for(request.as_operation()))
        if held is not None:
            message = f"Operation {held.owner} is working on the same resource. Wait until it has ended."
            raise Refused(ErrorCode.SCOPE_BUSY, message, target=held.name)
        try:
            async with reading_azure(_READS_SECONDS):
                facts = await gateway.machine(machine)
        except Refused as refused:
            if refused.code is ErrorCode.SERVICE_UNAVAILABLE:
                return machine, None
            raise
        if facts is None:
            raise request.named.missing
        return machine, facts

    async def own(self, request: ChangeRequest) -> tuple[ResourceId, MachineFacts | None]:
        """Return a machine that Farshore may change; refuses as `look`, and with `ManagedElsewhere`."""
        machine, facts = await self.look(gateway_of(self.gateways, request.tenant), request)
        if facts is not None and (problem := managed_problem(facts)) is not None:
            raise refusal_of(problem)
        return machine, facts

    async def _require_possible(self, gateway: MachineGateway, facts: MachineFacts, request: ChangeRequest) -> None:
        try:
            async with reading_azure(_READS_SECONDS):
                decision = await decision_on(gateway, facts, power_action(request.action, request.body))
        except Refused as refused:
            if refused.code is ErrorCode.SERVICE_UNAVAILABLE:
                return
            raise
        if isinstance(decision, PowerRefusal):
            raise Refused(decision.code, decision.message, target=facts.name)

    async def resolve(self, operation: Operation, resolution: Resolution, _by: Actor) -> Operation:
        """Resolve a restart whose outcome is unknown; refuses with `NotInDoubt`."""

        def guard(row: Active) -> None:
            waits = row.attention is not None and row.attention.code == ErrorCode.OUTCOME_UNKNOWN
            if row.intent is None or not row.intent.own or not waits:
                raise not_in_doubt(operation, VIRTUAL_MACHINE.noun)

        return await self.commands.submit_input(operation, {RESOLUTION: str(resolution.outcome)}, guard)
