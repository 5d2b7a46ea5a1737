"""Services and images made, images and disks deleted, machines captured (docs/design/virtual-machines.md, "Steps").

beginning ► creatingService
beginning ► makingImage
beginning ► removing
beginning ► deallocating ► generalizing ► imaging ► noting ► deleting ► tidying   (or made anew: reprovisioning/steps.py)
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from shared.access.records.tenant import Backend
from shared.arm.failures import problem_of_call
from shared.arm.ids import ResourceId
from shared.clock import Clock
from shared.errors import CallFailure, ErrorCode, FailureKind, Problem
from shared.operations.model.models import Intent
from shared.operations.running.claims import Claim
from shared.operations.running.effects import Absent, Effect, Started
from shared.operations.running.outcomes import End, Next, Outcome, Wait
from shared.operations.timings import Timings
from shared.quotas.admission import Claimed
from shared.quotas.counting import Dimension
from shared.values.absence import BETWEEN_LOOKS, not_shown
from shared.values.reading import same_text
from shared.virtual_machines.admission import Admission
from shared.virtual_machines.creation.claims import claim_of_machine, claims_of
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.creation.pieces import OPERATION_TAG, TENANT_TAG, Piece, PiecesDetail, tags_with
from shared.virtual_machines.creation.planning import LATER
from shared.virtual_machines.facts import LABEL_TAG, MachineFacts, shown_tags, tags_of
from shared.virtual_machines.gateway import Gateways, MachineGateway
from shared.virtual_machines.kinds import Action
from shared.virtual_machines.listed import CATEGORY_TAG, SIZE_TAG, description_tags
from shared.virtual_machines.reprovisioning.planning import PLANNING, capture_of
from shared.virtual_machines.requests.changes import CreateImage, CreateService
from shared.virtual_machines.requests.machine import BlobSource
from shared.virtual_machines.requests.stored import stored_request
from shared.virtual_machines.resource_manager.catalogue import Catalogue
from shared.virtual_machines.results import ended
from shared.virtual_machines.rules.leftovers import Part
from shared.virtual_machines.rules.names import made_name
from shared.virtual_machines.rules.power import PowerAction, PowerState, Provisioning
from shared.virtual_machines.state import MachineState
from shared.virtual_machines.steps.creating import TIDYING
from shared.virtual_machines.steps.deleting import NOTING
from shared.virtual_machines.steps.disks import sent_of
from shared.virtual_machines.steps.following import absent, later_error, others_work, shown_region
from shared.virtual_machines.steps.making import Failed, Making
from shared.virtual_machines.steps.refusals import capture_problem, disk_problem

SERVICE = "creatingService"
IMAGE = "makingImage"
REMOVING = "removing"
DEALLOCATING = "deallocating"
GENERALIZING = "generalizing"
IMAGING = "imaging"
_CREATE_SERVICE = "createService"
_SOON = timedelta(seconds=10)


@dataclass(frozen=True, slots=True)
class EstateSteps:
    """The steps of services, images, disks and captures."""

    gateways: Gateways
    catalogue: Catalogue
    admission: Admission
    making: Making
    clock: Clock
    timings: Timings

    async def creating_service(self, claim: Claim) -> Outcome:
        """Make the resource group; one of the name that another made is not touched."""
        state, request = MachineState.of(claim.data), stored_request(CreateService, sent_of(claim.operation))
        resources, subscription = self.making.resources, str(state.subject).split("/")[2]
        tags = {TENANT_TAG: claim.row.tenant, OPERATION_TAG: claim.id, LABEL_TAG: request.label or request.name}
        body = {"location": state.region, "tags": {**request.tags, **tags, **description_tags(request.description)}}

        if not claim.intends(_CREATE_SERVICE) and state.region not in await self.catalogue.locations(subscription):
            problem = Problem(ErrorCode.UNKNOWN_REGION, f"'{state.region}' is not a region of this subscription.", "region")
            return _service_ended(state, problem)

        async def send(request_id: str) -> None:
            if await self._other(claim, subscription, request.name):
                raise CallFailure(FailureKind.REFUSED, code=ErrorCode.NAME_TAKEN, message=_taken(request.name), status=400)
            await resources.put_group(subscription, request.name, body, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[None] | Absent:
            found = await resources.group(subscription, request.name)
            return Started(None) if found is not None and tags_of(found).get(OPERATION_TAG) == claim.id else Absent()

        try:
            await claim.perform(Effect(_CREATE_SERVICE, send, look, "a PUT of the same group with the same tags changes nothing"))
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            named = failure.code == ErrorCode.NAME_TAKEN
            problem = Problem(ErrorCode.NAME_TAKEN, failure.message, "name") if named else problem_of_call(failure)
            return _service_ended(state, problem)
        state.changed = True
        return _service_ended(state)

    async def _other(self, claim: Claim, subscription: str, name: str) -> bool:
        found = await self.making.resources.group(subscription, name)
        return found is not None and tags_of(found).get(OPERATION_TAG) != claim.id

    async def making_image(self, claim: Claim) -> Outcome:
        """Make an image of a disk, a snapshot or a blob."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        if not detail.pieces:
            detail.pieces = (image_piece(claim, stored_request(CreateImage, sent_of(claim.operation)), state),)
        admitted = await self.admission.admit(claim, claims_of(detail.pieces))
        if admitted is not None:
            return _image_ended(state, detail, admitted) if isinstance(admitted, Problem) else admitted
        return await self._made(claim, state, detail) or _image_ended(state, detail)

    async def removing(self, claim: Claim) -> Outcome:
        """Delete an image or a disk."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        if not detail.pieces:
            refused = await self._not_removed(claim, state) if state.unchecked else None
            if refused is not None:
                return refused
            detail.pieces = (Piece(part=Part.IMAGE, id=str(state.subject), tagged=False, known=True),)
        wait = await self.making.remove(claim, detail, [0], own_only=False)
        if wait is not None:
            state.changed = True
            return wait
        reason = detail.pieces[0].reason
        if reason is None:
            return _service_ended(state)
        return _service_ended(state, Problem(ErrorCode.AZURE_REFUSED, f"It could not be deleted: {reason}", str(state.subject)))

    async def _not_removed(self, claim: Claim, state: MachineState) -> Outcome | None:
        """Return why an image or a disk is not deleted whose deletion was accepted while Azure was silent: not there, or in use."""
        body, now = await self.making.resources.get(ResourceId.parse(str(state.subject))), self.clock.now()
        if body is None:
            state.missing = not_shown(state.missing, now)
            if not state.missing.lasts_long_enough(now):
                return Wait(now + BETWEEN_LOOKS)
            return _service_ended(state, Problem(ErrorCode.NOT_FOUND, f"{state.subject} was not found in Azure.", str(state.subject)))
        problem = disk_problem(DiskFacts.from_arm(body)) if claim.operation.action == Action.DELETE_DISK else None
        return _service_ended(state, problem) if problem is not None else None

    async def deallocating(self, claim: Claim) -> Outcome:
        """Deallocate a stopped machine, of which only then an image can be made."""
        state = MachineState.of(claim.data)
        facts = await self._gateway.machine(state.target)
        if facts is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if (outcome := others_work(state, facts, self.clock.now())) is not None:
            return outcome
        state.power_state = facts.power_state
        if not state.admitted and (problem := capture_problem(facts)) is not None:
            return ended(state, problem)
        admitted = await self.admission.admit(claim, await self._claims(claim, state, facts))
        if admitted is not None:
            return ended(state, admitted) if isinstance(admitted, Problem) else admitted
        if facts.power_state is PowerState.DEALLOCATED:
            return Next(GENERALIZING)
        if (problem := capture_problem(facts)) is not None:
            return ended(state, problem)

        error = await later_error(self._gateway, state)
        if error is not None:
            return ended(state, error)

        async def send(request_id: str) -> str | None:
            return await self._gateway.change_power(state.target, PowerAction.DEALLOCATE, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            off = found is not None and found.power_state is PowerState.DEALLOCATED
            busy = found is not None and found.power.provisioning is Provisioning.BUSY
            return Started(None) if off or busy else Absent()

        harmless = "a machine that is deallocated stays as it is"
        return await self._sent(claim, state, Effect("deallocate", send, look, harmless, preparation=True))

    async def _claims(self, claim: Claim, state: MachineState, facts: MachineFacts) -> list[Claimed]:
        """Return what a capture will count: the image; a machine that is made anew keeps its room, and has another OS disk."""
        request = capture_of(claim.operation)
        found = [Claimed(str(state.target.sibling("images", request.image_name)), {Dimension.IMAGES: 1.0})]
        if request.after == "reprovision":
            here = await self.catalogue.region(facts.resource.subscription_id, facts.region)
            size = next((one for one in here.sizes if same_text(one.name, facts.size)), None)
            disk = facts.resource.sibling("disks", made_name(facts.name, "os", claim.id))
            system_gb = float((facts.os_disk.size_gb if facts.os_disk is not None else None) or 0)
            found += [claim_of_machine(facts.id, size), Claimed(str(disk), {Dimension.DISK_GB: system_gb})]
        return found

    async def generalizing(self, claim: Claim) -> Outcome:
        """Generalize the machine, after which it never starts again."""
        state = MachineState.of(claim.data)
        facts = await self._gateway.machine(state.target)
        if facts is None:
            return absent(state, self.clock.now())
        state.forget("absence")
        if (waits := others_work(state, facts, self.clock.now())) is not None:
            return waits
        if facts.view is not None and facts.view.generalized:
            return self._image_of(claim, state, facts)

        async def send(request_id: str) -> str | None:
            return await self.making.resources.post(state.target, "generalize", {}, request_id, self.timings.effect_timeout)

        async def look(_intent: Intent) -> Started[str | None] | Absent:
            found = await self._gateway.machine(state.target)
            return Started(None) if found is not None and found.view is not None and found.view.generalized else Absent()

        outcome = await self._sent(claim, state, Effect("generalize", send, look, "a generalized machine stays as it is"))
        state.changed = True
        return outcome

    def _image_of(self, claim: Claim, state: MachineState, facts: MachineFacts) -> Outcome:
        request, detail = capture_of(claim.operation), PiecesDetail.of(claim.detail)
        system = facts.os_disk
        disk: dict[str, Any] = {"osType": facts.os_type, "osState": "Generalized", "managedDisk": {"id": system.id if system else None}}
        own = {TENANT_TAG: claim.row.tenant, OPERATION_TAG: claim.id, LABEL_TAG: request.label or request.image_name}
        tags = tags_with(shown_tags(facts.tags), own)
        properties: dict[str, Any] = {"storageProfile": {"osDisk": disk, "dataDisks": []}}
        if facts.view is not None and facts.view.generation is not None:
            properties["hyperVGeneration"] = facts.view.generation
        image = state.target.sibling("images", request.image_name)
        body = {"location": shown_region(facts), "tags": tags, "properties": properties}
        detail.pieces = (Piece(part=Part.IMAGE, id=str(image), body=body, named=True),)
        state.image = image
        return Next(IMAGING)

    async def imaging(self, claim: Claim) -> Outcome:
        """Make the image; the machine is deleted only after the image reads back as Succeeded."""
        state, detail = MachineState.of(claim.data), PiecesDetail.of(claim.detail)
        made = await self._made(claim, state, detail)
        return made or Next(PLANNING if capture_of(claim.operation).after == "reprovision" else NOTING)

    async def _made(self, claim: Claim, state: MachineState, detail: PiecesDetail) -> Outcome | None:
        made = await self.making.make(claim, detail, LATER)
        if isinstance(made, Failed):
            state.failure = made.problem
            return Next(TIDYING)
        state.changed = True
        return made

    async def _sent(self, claim: Claim, state: MachineState, effect: Effect[str | None]) -> Outcome:
        try:
            state.url = await claim.perform(effect)
        except CallFailure as failure:
            if not failure.is_refusal:
                raise
            return ended(state, problem_of_call(failure))
        return self._wait()

    @property
    def _gateway(self) -> MachineGateway:
        return self.gateways[Backend.RESOURCE_MANAGER]

    def _wait(self) -> Wait:
        return Wait(self.clock.now() + _SOON)


def image_piece(claim: Claim, request: CreateImage, state: MachineState) -> Piece:
    """Return the image that a request makes."""
    source = request.source
    disk: dict[str, Any] = {"osType": str(request.os_type), "osState": "Generalized"}
    if isinstance(source, BlobSource):
        disk["blobUri"] = source.blob_uri
    else:
        kind = "snapshot" if "/snapshots/" in source.id.lower() else "managedDisk"
        disk[kind] = {"id": source.id}
    tags = {TENANT_TAG: claim.row.tenant, OPERATION_TAG: claim.id, LABEL_TAG: request.label or request.name}
    more = {CATEGORY_TAG: request.category, SIZE_TAG: request.recommended_size}
    tags |= {name: value for name, value in more.items() if value is not None}
    properties: dict[str, Any] = {"storageProfile": {"osDisk": disk}}
    generation = request.generation or state.generation
    if generation is not None:
        properties["hyperVGeneration"] = generation
    body = {"location": state.region, "tags": tags, "properties": properties}
    image = ResourceId.parse(str(state.subject))
    state.image = image
    return Piece(part=Part.IMAGE, id=str(image), body=body, named=True)


def _taken(name: str) -> str:
    return f"There is a service '{name}' already. Choose another name."


def _service_ended(state: MachineState, error: Problem | None = None) -> End:
    return ended(state, error, resourceId=state.subject)


def _image_ended(state: MachineState, detail: PiecesDetail, error: Problem | None = None) -> End:
    return ended(state, error, resourceId=state.subject, imageId=detail.pieces[0].id)
