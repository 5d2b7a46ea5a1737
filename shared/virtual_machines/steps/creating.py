"""The creation of a machine (docs/design/virtual-machines.md, "Steps").

beginning ► admitting ► preparing ► creating ► provisioning (checks) ► finishingCreation
                └───────────┴──────────┴───────────┴► tidying   (what was made is removed)
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any

from shared.access.principal import not_found
from shared.access.records.tenant import Backend
from shared.access.registry import Registry
from shared.arm.failures import code_of, problem_of_call, refusal_problem
from shared.arm.reading import resource_id
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem, Refused
from shared.operations.accepting.locks import Locks
from shared.operations.model.models import Intent, Operation
from shared.operations.model.rows import Active
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import Checked, Follow, Next, Outcome, Unread, Wait
from shared.operations.timings import Timings
from shared.secrets.keeper import Secrets, not_readable
from shared.secrets.requests import SecretInput
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.hidden import Hidden
from shared.values.reading import an_object
from shared.values.sent import SentBody
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.checks import check_creation
from shared.virtual_machines.creation.pieces import OPERATION_TAG, PiecesDetail, planned_again
from shared.virtual_machines.creation.planning import LATER, claims_of_creation, plan_creation
from shared.virtual_machines.creation.reading import CreationReader, Place
from shared.virtual_machines.facts import MachineFacts
from shared.virtual_machines.gateway import Gateways, MachineGateway
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.reprovisioning.planning import CLOSING, capture_of
from shared.virtual_machines.requests.machine import CreateMachine
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import OsType
from shared.virtual_machines.rules.passwords import password_problem
from shared.virtual_machines.rules.power import Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.following import check_each, group_of, judge_absence, next_read, unread
from shared.virtual_machines.steps.making import Failed, Making

ADMITTING = "admitting"
PREPARING = "preparing"
CREATING = "creating"
PROVISIONING = "provisioning"
FINISHING = "finishingCreation"
TIDYING = "tidying"
_CREATE = "createMachine"
_LOCK_WAIT = timedelta(seconds=10)
_MAY_BE_HIDDEN = frozenset({ErrorCode.NOT_FOUND, ErrorCode.INVALID_REQUEST, ErrorCode.UNKNOWN_REGION})
"""The codes of refusals that can rest on something that Azure did not show; the same request was checked when it was accepted."""
_TIMED_OUT = "osprovisioningtimedout"
_STILL_COMES_UP = timedelta(minutes=60)
"""How long a machine may still come up after OSProvisioningTimedOut (Azure's documentation, "Troubleshoot provisioning")."""
_HARMLESS = "it is sent with If-None-Match, and what is there under the name is compared by its tag"
_TARGETS: Mapping[str, str] = {
    "vmsize": "size", "osdisk.disksizegb": "osDisk.sizeGB", "imagereference": "image", "adminpassword": "adminPassword",
    "adminusername": "adminUsername", "computername": "computerName", "networkprofile": "subnetId", "zones": "zone",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class CreationSteps:
    """The steps of a creation, but for `tidying`, which deletions share."""

    gateways: Gateways
    reader: CreationReader
    admission: Admission
    making: Making
    registry: Registry
    locks: Locks
    secrets: Secrets
    clock: Clock
    timings: Timings

    async def admitting(self, claim: Claim) -> Outcome:
        """Check the request against Azure as it is now, and plan what is made; machines of one deployment take turns."""
        state, request = MachineState.of(claim.data), request_of(claim.operation)
        tenant, detail = await self.registry.by_name(claim.row.tenant), PiecesDetail.of(claim.detail)
        if tenant is None:
            return self._refused(state, detail, not_found(f"tenant '{claim.row.tenant}'").problem)
        try:
            place = await self.reader.place(tenant, request)
            for lock in locks_of(request, place):
                if await self.locks.take([lock], claim.id) is not None:
                    return Wait(self.clock.now() + _LOCK_WAIT)
                claim.hold(lock)
            context = await self.reader.context(tenant, request, place)
            check_creation(request, context)
        except Refused as refused:
            return self._may_be_hidden(state, refused) or self._refused(state, detail, refused.problem)
        state.forget("absence")
        plan = plan_creation(request, context, claim.id, claim.row.tenant)
        admitted = await self.admission.admit(claim, claims_of_creation(request, context, plan))
        if admitted is not None:
            return self._refused(state, detail, admitted) if isinstance(admitted, Problem) else admitted
        detail.pieces, detail.machine, detail.warnings = planned_again(detail.pieces, plan.pieces), plan.machine, plan.warnings
        state.os_type = os_type_in(plan.machine, context.image.os_type if context.image is not None else None)
        return Next(PREPARING)

    async def preparing(self, claim: Claim) -> Outcome:
        """Make everything that the machine needs."""
        detail, state = PiecesDetail.of(claim.detail), MachineState.of(claim.data)
        result = await self.making.make(claim, detail, LATER)
        if isinstance(result, Failed):
            again = Wait(self.clock.now() + BETWEEN_LOOKS, step=ADMITTING)
            return again if result.was_there else self._fail(state, result.problem)
        return result or Next(CREATING)

    async def creating(self, claim: Claim) -> Outcome:
        """Make the machine; its password is read just before."""
        detail, state = PiecesDetail.of(claim.detail), MachineState.of(claim.data)
        given, password = password_of(claim.operation), None
        if given is not None and not claim.intends(_CREATE):
            read = await self._password(given, state)
            if isinstance(read, Problem):
                return self._fail(state, read)
            password = read
        self._expect_machine(detail, known=True)
        try:
            state.url = await claim.perform(self._effect(claim, state, detail.machine or {}, given, password))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            self._expect_machine(detail, known=False)
            if not state.reprovisions and await self._set_is_gone(detail):
                return await self._make_set_again(claim, state, detail)
            code = ErrorCode.NAME_TAKEN if failure.code == ErrorCode.NAME_TAKEN else None
            problem = Problem(code, failure.message, "name") if code else problem_of_call(failure, target_of(failure.problem))
            return self._fail(state, problem)
        for lock in claim.locks:
            if lock.startswith("deployment|"):  # from now on the set shows the machine, and stays
                claim.drop(lock)
        now = self.clock.now()
        state.changed, state.started_at = True, now
        return Follow(next_read(now, now), group_of(state.target.subscription_id), step=PROVISIONING)

    def _refused(self, state: MachineState, detail: PiecesDetail, problem: Problem) -> Outcome:
        """Return the end of a request that cannot be met; what an earlier plan of it made is removed first."""
        return self._fail(state, problem) if any(piece.known for piece in detail.pieces) else ended(state, problem)

    def _may_be_hidden(self, state: MachineState, refused: Refused) -> Wait | None:
        """Return when to look again where a refusal may rest on a 404 for what is there; None once it has lasted long enough."""
        if refused.code not in _MAY_BE_HIDDEN:
            return None
        now = self.clock.now()
        state.absence = not_shown(state.absence, now)
        return None if state.absence.lasts_long_enough(now) else Wait(now + BETWEEN_LOOKS)

    async def _set_is_gone(self, detail: PiecesDetail) -> bool:
        """Whether the availability set that the machine is to join does not exist any more."""
        set_id = resource_id(an_object((detail.machine or {}).get("properties", {}), "availabilitySet"), "id")
        return set_id is not None and await self.making.resources.get_by_text(set_id) is None

    async def _make_set_again(self, claim: Claim, state: MachineState, detail: PiecesDetail) -> Outcome:
        """Go back to `preparing`, with the availability set among what is made."""
        number = next((place for place, piece in enumerate(detail.pieces) if piece.part is Part.SET), None)
        if number is not None:
            detail.replace(number, ready=False, url=None, absence=None)
            return Next(PREPARING)
        tenant, request = await self.registry.by_name(claim.row.tenant), request_of(claim.operation)
        if tenant is None:
            return self._fail(state, not_found(f"tenant '{claim.row.tenant}'").problem)
        try:
            context = await self.reader.context(tenant, request, await self.reader.place(tenant, request))
        except Refused as refused:
            return self._may_be_hidden(state, refused) or self._fail(state, refused.problem)
        state.forget("absence")
        planned = plan_creation(request, context, claim.id, claim.row.tenant).pieces
        detail.pieces = (*detail.pieces, *(piece for piece in planned if piece.part is Part.SET))
        return Wait(self.clock.now() + BETWEEN_LOOKS, step=PREPARING)

    def _expect_machine(self, detail: PiecesDetail, *, known: bool) -> None:
        """Note whether the machine and its OS disk may be there."""
        for number, piece in enumerate(detail.pieces):
            if piece.stage == LATER:
                detail.replace(number, known=known)

    async def provisioning(self, claim: Claim) -> Outcome:
        """Leave a creation that was looked at by request to the checks again."""
        state, now = MachineState.of(claim.data), self.clock.now()
        return Follow(next_read(state.started_at or now, now), group_of(state.target.subscription_id))

    async def finishing(self, claim: Claim) -> Outcome:
        """End with the machine's public address and what there is to know."""
        detail, state = PiecesDetail.of(claim.detail), MachineState.of(claim.data)
        if state.reprovisions:
            return Next(CLOSING)
        return ended(state, warnings=list(detail.warnings))

    def _fail(self, state: MachineState, problem: Problem) -> Next:
        state.failure = problem
        return Next(TIDYING)

    async def _password(self, given: SecretInput, state: MachineState) -> Hidden | Problem:
        try:
            found = (await self.secrets.read(given.key_vault_secret_id or "")).value
        except ValueError:
            return not_found("the secret", target="adminPassword").problem
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return not_readable("adminPassword", failure)
        problem = password_problem(found.reveal(), state.os_type or OsType.LINUX)
        return Problem(ErrorCode.INVALID_REQUEST, problem, "adminPassword") if problem is not None else found

    def _effect(
        self, claim: Claim, state: MachineState, body: dict[str, Any], given: SecretInput | None, password: Hidden | None
    ) -> Effect[str | None]:
        resources, machine = self.making.resources, state.target

        async def send(request_id: str) -> str | None:
            secret = password
            if secret is None and given is not None:
                read = await self._password(given, state)
                if isinstance(read, Problem):
                    raise CallFailure(FailureKind.REFUSED, code=read.code, message=read.message, target="adminPassword")
                secret = read
            return await resources.put(machine, with_password(body, secret), request_id, self.timings.effect_timeout, only_new=True)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self.gateways[Backend.RESOURCE_MANAGER].machine(machine)
            if found is None:
                return Absent()
            if found.tags.get(OPERATION_TAG) == claim.id:
                return Started(None)
            message = f"The service has another machine '{machine.name}' already."
            raise CallFailure(FailureKind.REFUSED, code=ErrorCode.NAME_TAKEN, message=message, status=409)

        return Effect(_CREATE, send, look, _HARMLESS)


async def check_creations(gateway: MachineGateway, clock: Clock, rows: Sequence[Active]) -> Mapping[str, Checked | Unread]:
    """Read the machines that are being created, and judge each."""
    return await check_each(gateway, rows, partial(_judge, gateway, clock))


async def _judge(gateway: MachineGateway, clock: Clock, state: MachineState, found: MachineFacts | CallFailure | None) -> Checked | Unread:
    now = clock.now()
    if isinstance(found, CallFailure):
        return unread(found)
    if found is None:
        return await _judge_absence(gateway, state, now)
    state.forget("absence")
    state.power_state = found.power_state
    started = state.started_at or now
    match found.power.provisioning:
        case Provisioning.SETTLED:
            return Checked(step=FINISHING, data=state.stored)
        case Provisioning.BUSY:
            return Checked(at=next_read(started, now), data=state.stored)
        case Provisioning.FAILED:
            return await _judge_failure(gateway, state, found, clock)


async def _judge_absence(gateway: MachineGateway, state: MachineState, now: datetime) -> Checked | Unread:
    """Look again, or end once the machine has been missing for long enough: with the reason of Azure's operation, where it has one."""
    checked = judge_absence(state, now, TIDYING)
    if checked.step is None:
        return checked
    try:
        error = await gateway.error_of_operation(state.url)
    except CallFailure as failure:
        return unread(failure)
    if error is not None:
        state.failure = _failure_of(error)
    return Checked(step=TIDYING, data=state.stored)


async def _judge_failure(gateway: MachineGateway, state: MachineState, found: MachineFacts, clock: Clock) -> Checked | Unread:
    now = clock.now()
    try:
        error = await gateway.error_of_operation(state.url)
    except CallFailure as failure:
        return unread(failure)
    code = (found.view.failure if found.view is not None else None) or "ProvisioningFailed"
    reason = error or Problem(code, f"The machine's provisioning has failed with {code}.")
    since = state.waiting_since = state.waiting_since or now
    if reason.code.lower() == _TIMED_OUT and now - since < _STILL_COMES_UP:
        return Checked(at=next_read(state.started_at or now, now), data=state.stored)
    state.failure = _failure_of(reason)
    return Checked(step=TIDYING, data=state.stored)


def _failure_of(reason: Problem) -> Problem:
    """Return why a creation failed after Azure had accepted it."""
    known = code_of(reason) is not ErrorCode.AZURE_REFUSED
    return refusal_problem(reason, None if known else ErrorCode.PROVISIONING_FAILED, target_of(reason))


def request_of(operation: Operation) -> CreateMachine:
    """Read the request of an operation; its password is a reference by then."""
    body = operation.body.get("body")
    return stored_request(CreateMachine, SentBody(body if isinstance(body, dict) else {}))


def password_of(operation: Operation) -> SecretInput | None:
    """Return the password of the machine that an operation makes, by then a reference: of a creation, or of a machine made anew."""
    if operation.action == Action.CAPTURE:
        anew = capture_of(operation).reprovision
        return anew.admin_password if anew is not None else None
    return request_of(operation).admin_password


def locks_of(request: CreateMachine, place: Place) -> tuple[str, ...]:
    """Return the step locks of a creation: of the slot, and of the deployment."""
    if request.deployment is None:
        return ()
    group = f"{place.subscription_id}/{place.service}".lower()
    slot = (request.deployment.slot or "Production").lower()
    return (f"deployment|{group}|{request.deployment.name.lower()}", f"deployment|{group}|slot|{slot}")


def with_password(body: dict[str, Any], password: Hidden | None) -> dict[str, Any]:
    """Return a machine's document with its password, for the one call that sends it."""
    if password is None:
        return body
    properties = body["properties"]
    profile = {**properties["osProfile"], "adminPassword": password.reveal()}
    return {**body, "properties": {**properties, "osProfile": profile}}


def os_type_in(machine: dict[str, Any], of_image: str | None) -> OsType | None:
    """Return the operating system of a machine's plan."""
    found = of_image or machine["properties"]["storageProfile"]["osDisk"].get("osType")
    return OsType(found) if found in set(OsType) else None


def target_of(problem: Problem) -> str | None:
    """Return the field of the request that Azure's error is about, or None."""
    if problem.code.lower() == "subnetisfull":
        return "subnetId"
    target = (problem.target or "").lower()
    if "smaller than" in problem.message.lower() and "disk" in problem.message.lower():
        return "osDisk.sizeGB"
    return next((field for name, field in _TARGETS.items() if name in target), None)
