"""The checks of a restore, on what Azure shows of the region that is restored to (docs/design/restores.md, "Checks")."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from shared.arm.ids import ResourceId
from shared.arm.reading import id_key, region_of
from shared.copies.copying.models import DiskState
from shared.copies.copying.rules.replication import Replication, ReplicationState
from shared.copies.facts import RestorePointFacts
from shared.copies.restores.request import ResolvedSource, RestoreKind, RestoreRequest
from shared.copies.restores.rules.captured import MachineAsItWas, absent, chosen
from shared.copies.restores.rules.check import Check, CheckName
from shared.copies.restores.rules.documents import MachineSpec, fills_slowly
from shared.copies.restores.rules.isolation import why_connected
from shared.copies.restores.rules.sizes import cores_needed, quota_problems, size_problem
from shared.copies.restores.state import MachineDetail
from shared.errors import ErrorCode, Problem
from shared.values.checks import CheckResult
from shared.values.reading import Json, an_object, objects, same_text, text


@dataclass(frozen=True, slots=True)
class Finding:
    """A check that did not pass, and the refusal that it is (None: a warning).

    `from_azure` is false where it follows from the request alone, so that no other read of Azure shows it differently.
    """

    check: Check
    problem: Problem | None
    from_azure: bool = True


@dataclass(frozen=True, slots=True)
class PointSeen:
    """A restore point as Azure shows it, with its replication and the machine that it captured."""

    facts: RestorePointFacts
    replication: Replication
    was: MachineAsItWas


@dataclass(frozen=True, slots=True)
class AzureSeen:
    """What Azure shows: restore points in the order of machines (None: 404), and what the request names, by ids in lower case.

    `named` are VMs, networks, encryption sets and availability sets (None: 404); `sizes` and `usages` are empty where only disks are made.
    """

    points: Sequence[PointSeen | None]
    group: Json | None
    named: Mapping[str, Json | None]
    sizes: Sequence[Json] = ()
    usages: Sequence[Json] = ()

    @property
    def region(self) -> str:
        """The region of the restore points, that of the first which is there."""
        return next((point.facts.region for point in self.points if point is not None), "")

    def find(self, id_: str | ResourceId) -> Json | None:
        """Return a resource that was read, by its id."""
        return self.named.get(id_key(str(id_)) or "")


def findings(
    request: RestoreRequest, sources: Sequence[ResolvedSource], specs: Sequence[MachineSpec | None], seen: AzureSeen
) -> list[Finding]:
    """Return each check that did not pass; `specs` are None for machines whose restore point is not there."""
    found: list[Finding] = []
    if seen.group is None:
        message = f"The resource group '{request.resource_group}' was not found. Create it first."
        found.append(_failed(CheckName.RESOURCE_GROUP, ErrorCode.INVALID_REQUEST, message, "resourceGroup"))
    for number, (source, spec, point) in enumerate(zip(sources, specs, seen.points, strict=True)):
        path = f"machines[{number}]"
        if spec is None or point is None:
            found.append(_gone(source, path))
            continue
        found += _of_copy(point, seen.region, source, path)
        found += _supported(request, spec, path)
        found += _named(spec, seen, path)
        if request.kind is RestoreKind.VIRTUAL_MACHINE:
            found += _of_machine(request, spec, seen, path)
    if request.kind is RestoreKind.VIRTUAL_MACHINE:
        needed = cores_needed([spec.size for spec in specs if spec is not None], seen.sizes)
        for message in quota_problems(needed, seen.usages):
            found.append(_failed(CheckName.QUOTA, ErrorCode.AZURE_QUOTA_EXCEEDED, message, "machines"))
    return found


def checks_of(found: Sequence[Finding]) -> tuple[Check, ...]:
    """Return all checks, those that passed too."""
    failed = {one.check.name for one in found}
    passed = [Check(name=name, target="", result=CheckResult.PASS, message="Passed.") for name in CheckName if name not in failed]
    return (*(one.check for one in found), *passed)


def unknown_checks() -> tuple[Check, ...]:
    """Return the checks where Azure did not answer in time: the first step makes them again."""
    message = "Azure did not answer in time. The first step checks it again."
    return tuple(Check(name=name, target="", result=CheckResult.UNKNOWN, message=message) for name in CheckName)


def refusal(found: Sequence[Finding]) -> Problem | None:
    """Return the first failure, with the other ones of its code in `details`; None where nothing failed."""
    problems = [one.problem for one in found if one.problem is not None]
    if not problems:
        return None
    first = problems[0]
    alike = tuple(problem for problem in problems[1:] if problem.code == first.code)
    return Problem(first.code, first.message, first.target, (*first.details, *alike))


def _gone(source: ResolvedSource, path: str) -> Finding:
    if source.copy_id is not None:
        message = f"Azure no longer has the restore point of copy {source.copy_id}. Restore another copy."
        return _failed(CheckName.COPY, ErrorCode.COPY_GONE, message, f"{path}.source")
    message = f"The restore point {source.restore_point_id} was not found."
    return _failed(CheckName.COPY, ErrorCode.SOURCE_NOT_FOUND, message, f"{path}.source")


def _of_copy(point: PointSeen, region: str, source: ResolvedSource, path: str) -> Iterator[Finding]:
    if not point.facts.is_copy:
        message = "This restore point is not a copy in another region. Name a copy."
        yield _failed(CheckName.COPY, ErrorCode.INVALID_REQUEST, message, f"{path}.source")
        return
    if point.facts.region != region:
        message = f"This copy is in {point.facts.region}, the first one in {region}. All copies of a restore are in one region."
        yield _failed(CheckName.COPY, ErrorCode.INVALID_REQUEST, message, f"{path}.source")
    if point.replication.state is ReplicationState.USABLE:
        return
    details = tuple(
        Problem(ErrorCode.COPY_NOT_USABLE, f"The disk is {disk.state.value}, {disk.percent} % have arrived.", disk.id)
        for disk in point.replication.disks
        if disk.state is not DiskState.SUCCEEDED or disk.percent < 100
    )
    why = point.replication.message or "not all disks have arrived"
    message = f"The copy {source.copy_id or source.restore_point_id} is not usable: {why}. Azure would restore it all the same."
    problem = Problem(ErrorCode.COPY_NOT_USABLE, message, f"{path}.source", details)
    yield Finding(Check(name=CheckName.COPY, target=f"{path}.source", result=CheckResult.FAILURE, message=message), problem)


def _supported(request: RestoreRequest, spec: MachineSpec, path: str) -> Iterator[Finding]:
    was, only = spec.was, spec.request.disks.only
    boots = request.kind is RestoreKind.VIRTUAL_MACHINE
    for one in absent(was.disks, only):
        if boots and one == "os":
            continue
        message = f"The copy has no disk {one}. It has {', '.join('os' if disk.is_os else str(disk.lun) for disk in was.disks)}."
        yield _failed(CheckName.SUPPORTED, ErrorCode.INVALID_REQUEST, message, f"{path}.disks.only")
    target = f"{path}.source"
    if boots and was.os_disk is None:
        message = "The OS disk was left out of the copy: no machine can be made of it. Restore the kind disks."
        yield _failed(CheckName.SUPPORTED, ErrorCode.RESTORE_NOT_SUPPORTED, message, target)
    if boots and was.confidential:
        message = "It is the copy of a confidential VM, of which no machine can be made. Restore the kind disks."
        yield _failed(CheckName.SUPPORTED, ErrorCode.RESTORE_NOT_SUPPORTED, message, target)
    if boots and any(disk.encrypted for disk in was.disks):
        message = "Its disks use Azure Disk Encryption, whose keys a copy does not hold. Restore the kind disks."
        yield _failed(CheckName.SUPPORTED, ErrorCode.RESTORE_NOT_SUPPORTED, message, target)
    slow = [disk for disk in chosen(was.disks, only) if fills_slowly(spec.sku_of(disk))]
    if slow and spec.zone is None:
        message = f"Disks of {spec.sku_of(slow[0])} exist in zones only, and the zone of the machine is not known. Set zone."
        finding = _failed(CheckName.ZONE, ErrorCode.INVALID_REQUEST, message, f"{path}.zone")
        yield replace(finding, from_azure=not (spec.request.disks.sku and fills_slowly(spec.request.disks.sku)))


def _named(spec: MachineSpec, seen: AzureSeen, path: str) -> Iterator[Finding]:
    set_id = spec.request.disks.disk_encryption_set_id
    if set_id is None:
        return
    body, target = seen.find(set_id), f"{path}.disks.diskEncryptionSetId"
    if body is None:
        yield _failed(CheckName.ENCRYPTION_SET, ErrorCode.NOT_FOUND, f"The disk encryption set '{set_id}' was not found.", target)
    elif not _is_in(body, seen.region):
        message = f"The disk encryption set is in {region_of(body)}, the copy in {seen.region}."
        yield _failed(CheckName.ENCRYPTION_SET, ErrorCode.INVALID_REQUEST, message, target)


def _of_machine(request: RestoreRequest, spec: MachineSpec, seen: AzureSeen, path: str) -> Iterator[Finding]:
    yield from _of_network(request, spec, seen, path)
    for name, message in size_problem(spec.size, spec.zone, seen.sizes):
        yield _failed(CheckName(name), ErrorCode.SIZE_NOT_AVAILABLE, message, f"{path}.{name}")
    set_id = spec.request.availability_set_id
    if set_id is not None:
        body = seen.find(set_id)
        if body is None or not _is_in(body, seen.region):
            message = f"The availability set '{set_id}' was not found in {seen.region}."
            yield _failed(CheckName.ZONE, ErrorCode.NOT_FOUND, message, f"{path}.availabilitySetId")


def name_findings(taken: Sequence[tuple[int, str]]) -> list[Finding]:
    """Return the failures of names that other machines have: the position of each machine, and the id in the way."""
    return [
        _failed(CheckName.NAME, ErrorCode.NAME_TAKEN, f"There is another '{id_}' already. Choose another name.", f"machines[{number}].name")
        for number, id_ in taken
    ]


def same_name_findings(machines: Sequence[MachineDetail | None]) -> list[Finding]:
    """Return the failures of machines whose name, or the name of a resource, is that of an earlier machine of the request.

    Names of disks and interfaces leave out full stops and end at 60 characters, so that those of two machines may be equal.
    """
    found, seen = list[Finding](), set[str]()
    for machine in machines:
        if machine is None:
            continue
        names = {machine.name.lower(), *(resource.id.lower() for resource in machine.resources)}
        if not seen.isdisjoint(names):
            message = (
                f"The name '{machine.name}' is used twice in the request, or the names of its disks or of its interface are those of an "
                "earlier machine. Give each machine its own name."
            )
            finding = _failed(CheckName.NAME, ErrorCode.INVALID_REQUEST, message, f"machines[{machine.index}].name")
            found.append(replace(finding, from_azure=False))
        seen |= names
    return found


def _of_network(request: RestoreRequest, spec: MachineSpec, seen: AzureSeen, path: str) -> Iterator[Finding]:
    subnet = ResourceId.parse(spec.subnet_id or "")
    target = f"{path}.subnetId" if spec.request.subnet_id is not None else "network.subnetId"
    network = seen.find(subnet.parent or subnet)
    subnets = [text(one, "name") for one in objects(an_object(network or {}, "properties"), "subnets")]
    if network is None or not any(same_text(name, subnet.name) for name in subnets):
        yield _failed(CheckName.NETWORK, ErrorCode.NOT_FOUND, f"The subnet '{subnet}' was not found.", target)
        return
    if not _is_in(network, seen.region):
        message = f"The subnet is in {region_of(network)}, the copy in {seen.region}: disks can be restored in the copy's region only."
        yield _failed(CheckName.NETWORK, ErrorCode.INVALID_REQUEST, message, target)
        return
    why = why_connected(network, spec.was) if request.drill else None
    if why is None:
        return
    if request.accept_connected_network:
        message = f"The network of the drill is not isolated: {why}. acceptConnectedNetwork allows it."
        check = Check(name=CheckName.NETWORK, target=target, result=CheckResult.WARNING, message=message)
        yield Finding(check, None)
        return
    message = f"The network of the drill is not isolated: {why}. Name another subnet, or set acceptConnectedNetwork."
    yield _failed(CheckName.NETWORK, ErrorCode.NETWORK_NOT_ISOLATED, message, target)


def _failed(name: CheckName, code: ErrorCode, message: str, target: str) -> Finding:
    return Finding(Check(name=name, target=target, result=CheckResult.FAILURE, message=message), Problem(code, message, target))


def _is_in(body: Json, region: str) -> bool:
    """Return whether a resource is in a region; one that shows no location may be: Azure refuses it where it is not."""
    return region_of(body) in {region, ""}
