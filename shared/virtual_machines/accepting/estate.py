"""Accepts services and images that are made, images and disks that are deleted, and captures of machines."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from shared.access.principal import not_found
from shared.arm.ids import ResourceId
from shared.errors import ErrorCode, Refused, refusal_of
from shared.operations.accepting.acceptance import Acceptance
from shared.operations.model.models import JsonObject, NewOperation, Operation
from shared.secrets.requests import Separated
from shared.values.reading import Json, an_object, same_text, text
from shared.virtual_machines.accepting.changes import ChangeRequest, MachineChanges
from shared.virtual_machines.accepting.creations import disk_lock
from shared.virtual_machines.creation.context import DiskFacts
from shared.virtual_machines.creation.reading import require_own_source, subscription_of_body
from shared.virtual_machines.gateway import gateway_of
from shared.virtual_machines.reading.asking import reading_azure, unless_silent
from shared.virtual_machines.reading.estate import DISK_TYPE, IMAGE_TYPE, EstateReader
from shared.virtual_machines.reading.machines import lock_of
from shared.virtual_machines.reprovisioning.checks import ReprovisioningChecks
from shared.virtual_machines.requests.changes import Capture, CreateImage, CreateService
from shared.virtual_machines.requests.machine import DiskSource
from shared.virtual_machines.rules.power import PowerState
from shared.virtual_machines.steps.refusals import capture_problem, disk_problem
from shared.web.documents import wrong


@dataclass(frozen=True, slots=True)
class EstateChanges:
    """Accepts changes of what tenants have beside machines, and captures."""

    acceptance: Acceptance
    changes: MachineChanges
    reader: EstateReader
    anew: ReprovisioningChecks

    async def create_service(self, request: ChangeRequest, service: CreateService) -> Operation:
        """Accept a service; refuses with `NameTaken`, with 400 a missing or unknown region."""
        gateway_of(self.changes.gateways, request.tenant)
        subscription = subscription_of_body(request.tenant, service.subscription_id)
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        region = service.region or request.tenant.region
        if region is None:
            raise wrong("region", "The tenant has no region of its own. Name one.")
        with unless_silent():
            async with reading_azure():
                if region not in await self.reader.catalogue.locations(subscription):
                    raise Refused(ErrorCode.UNKNOWN_REGION, f"'{region}' is not a region of this subscription.", target="region")
                found = await self.reader.resources.group(subscription, service.name)
            if found is not None:
                raise Refused(ErrorCode.NAME_TAKEN, f"There is a service '{service.name}' already. Choose another name.", target="name")
        path = f"/subscriptions/{subscription}/resourceGroups/{service.name}"
        return await self._accept(new, {"subject": path, "region": region}, (f"service|{path.lower()}",))

    async def create_image(self, request: ChangeRequest, image: CreateImage) -> Operation:
        """Accept an image; refuses with `NotFound`, `NameTaken`, `DiskInUse`, with 400 another region than the source's."""
        tenant = request.tenant
        gateway = gateway_of(self.changes.gateways, tenant)
        require_own_source(tenant, image.source)
        subscription = subscription_of_body(tenant, image.subscription_id)
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        async with reading_azure():
            group = await self.reader.resources.group(subscription, image.service)
            if group is None or text(group, "managedBy"):
                raise not_found(f"service '{image.service}'", target="service", in_azure=True)
            target = ResourceId.parse(f"/subscriptions/{subscription}/resourceGroups/{image.service}/providers/{IMAGE_TYPE}/{image.name}")
            await self._require_free(request, target, "name")
            source = image.source
            body = await self.reader.resources.get_by_text(source.id) if isinstance(source, DiskSource) else None
            if isinstance(source, DiskSource) and body is None:
                raise not_found(f"disk '{source.id}'", target="source.id")
            owner = DiskFacts.from_arm(body).attached_to if body is not None else None
            machine = await gateway.machine(ResourceId.parse(owner)) if owner is not None else None
        generation = text(an_object(body or {}, "properties"), "hyperVGeneration")
        if generation is not None and image.generation is not None and image.generation != generation:
            raise wrong("generation", f"The source is of generation {generation}. Leave it out.")
        region = _region(body) if body is not None else image.region or _region(group)
        if image.region is not None and image.region != region:
            raise wrong("region", f"The source lies in {region}.")
        if machine is not None and machine.power_state is PowerState.RUNNING:
            raise Refused(ErrorCode.DISK_IN_USE, f"The disk is attached to the running machine '{machine.name}'.", target="source.id")
        locks = (f"image|{target.key}", *((disk_lock(ResourceId.parse(source.id)),) if isinstance(source, DiskSource) else ()))
        return await self._accept(
            new, {"subject": str(target), "region": region, "generation": image.generation or generation or "V1"}, locks
        )

    async def delete_image(self, request: ChangeRequest, confirm: str | None, query: Mapping[str, str]) -> Operation:
        """Accept the deletion of an image; refuses with `NotOffered` for a plan's, and with 400 a confirmation that is not its name."""
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        _require_confirmed(confirm, request.named.name)
        plan = await self.reader.plan(request.tenant)
        if plan is not None and any(same_text(one.name, request.named.name) for one in plan.images):
            message = f"The image '{request.named.name}' is the hosting plan's. Only the provider can remove it."
            raise Refused(ErrorCode.NOT_OFFERED, message, target="image")
        found, body = await self._named(request, IMAGE_TYPE, "image", query)
        return await self._accept(new, {"subject": str(found), "unchecked": body is None}, (f"image|{found.key}",))

    async def delete_disk(self, request: ChangeRequest, confirm: str | None, query: Mapping[str, str]) -> Operation:
        """Accept the deletion of a disk; refuses with `DiskInUse`, `DiskAccessActive`, and with 400 a wrong confirmation."""
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        _require_confirmed(confirm, request.named.name)
        found, body = await self._named(request, DISK_TYPE, "disk", query)
        problem = disk_problem(DiskFacts.from_arm(body)) if body is not None else None
        if problem is not None:
            raise refusal_of(problem)
        return await self._accept(new, {"subject": str(found), "unchecked": body is None}, (disk_lock(found),))

    async def capture(
        self, request: ChangeRequest, capture: Capture, sent: Separated, *, confirmed: bool = False, of_provider: bool = False
    ) -> Operation:
        """Accept a capture; refuses with `NotStopped`, `CaptureNotSupported`, `NameTaken`, and with 400 a wrong confirmation.

        `sent` is the body without its plain secrets. Messages are `confirmed`: they name the machine.
        """
        new = request.as_operation()
        known = await self.acceptance.known(new)
        if known is not None:
            return known
        _require_confirmed(None if confirmed else capture.confirm, request.named.name)
        if capture.delete_disks == "all":
            raise wrong("deleteDisks", "The data disks of a captured machine stay. Send none or os.")
        machine, facts = await self.changes.look(gateway_of(self.changes.gateways, request.tenant), request)
        if facts is not None and (problem := capture_problem(facts)) is not None:
            raise refusal_of(problem)
        await self.anew.require(request.tenant, capture, sent, facts, of_provider=of_provider)
        image = machine.sibling("images", capture.image_name)
        with unless_silent():
            async with reading_azure():
                await self._require_free(request, image, "imageName")
        return await self._accept(new, {"machine": str(machine)}, (lock_of(machine), f"image|{image.key}"))

    async def _require_free(self, request: ChangeRequest, image: ResourceId, target: str) -> None:
        plan = await self.reader.plan(request.tenant)
        of_plan = plan is not None and any(same_text(one.name, image.name) for one in plan.images)
        if of_plan or await self.reader.resources.get(image) is not None:
            raise Refused(ErrorCode.NAME_TAKEN, f"There is an image '{image.name}' already. Choose another name.", target=target)

    async def _named(self, request: ChangeRequest, type_: str, kind: str, query: Mapping[str, str]) -> tuple[ResourceId, Json | None]:
        """Return a resource's id and document, None where Azure is silent but the request alone names it."""
        async with reading_azure():
            found = await self.reader.located(request.tenant, type_, kind, request.named.name, query)
        body: Json | None = None
        with unless_silent():
            async with reading_azure():
                body = await self.reader.existing(type_, kind, request.named.name, found)
        return found, body

    async def _accept(self, new: NewOperation, data: JsonObject, locks: tuple[str, ...]) -> Operation:
        return (await self.acceptance.accept(replace(new, data=data, locks=locks))).operation


def _require_confirmed(confirm: str | None, name: str) -> None:
    """Refuse with 400 a confirmation that is not the name; None is that of a message, which names what it is about."""
    if confirm is not None and not same_text(confirm, name):
        raise wrong("confirm", "This must be the name, to confirm what cannot be undone.")


def _region(body: Json) -> str:
    found = text(body, "location") or text(an_object(body, "properties"), "location") or ""
    return "".join(found.split()).lower()
