"""Plans a creation: which template or disk, size and networks of VMM a request names, and whether they fit together."""

import asyncio
from dataclasses import dataclass
from uuid import UUID

from shared.azure_pack.odata.literals import Key
from shared.azure_pack.vmm.models import Entity
from shared.errors import ErrorCode, Problem, Refused
from shared.virtual_machines.azure_pack.gateway import PackMachines
from shared.virtual_machines.azure_pack.reading import pick
from shared.virtual_machines.azure_pack.requests import CreatePackMachine, megabytes
from shared.virtual_machines.azure_pack.state import PlannedMachine
from shared.virtual_machines.azure_pack.views import os_type
from shared.virtual_machines.rules.names import OsType, computer_name_problem
from shared.virtual_machines.rules.passwords import password_problem
from shared.web.documents import invalid, wrong

_LONGEST_NAME = 63


@dataclass(frozen=True, slots=True)
class _Image:
    """What a machine is made of: a template with its adapters, or a disk."""

    key: Key
    windows: bool
    is_template: bool
    adapters: tuple[str | None, ...]


async def plan_creation(place: PackMachines, request: CreatePackMachine, password: str | None) -> PlannedMachine:
    """Return what is made of a request; refuses with 400 and a detail for each field, with `NotFound` and `AmbiguousName`."""
    clouds, image = await asyncio.gather(place.clouds(), _image(place, request.image))
    if not clouds:
        message = "The subscription shows no cloud. Ask the provider to synchronise its quota."
        raise Refused(ErrorCode.NOT_FOUND, message, target="subscriptionId")
    size = await _size(place, request, image)
    network = await _network(place, request.network) if request.network is not None else None
    computer = request.computer_name or request.name
    _check(request, image, computer, password)
    return PlannedMachine(
        name=request.name,
        stamp=str(image.key.stamp),
        cloud=str(clouds[0].id),
        template=str(image.key.id) if image.is_template else None,
        disk=None if image.is_template else str(image.key.id),
        hardware_profile=str(size) if size is not None else None,
        networks=_networks(image, network),
        computer_name=computer,
        admin_user=request.admin_username,
        ssh_public_key=request.ssh_public_keys[0] if request.ssh_public_keys else None,
        cpu_count=request.cores,
        memory=megabytes(request.memory_gb),
        description=request.description,
        windows=image.windows,
        start=request.start,
    )


async def _image(place: PackMachines, name: str) -> _Image:
    templates, disks = await asyncio.gather(place.templates(), place.disks())
    usable = [disk for disk in disks if disk.operating_system and disk.operating_system.lower() != "none"]
    images: list[tuple[Entity, bool, bool]] = [(one, True, os_type(one.operating_system) is OsType.WINDOWS) for one in templates]
    images += [(one, False, os_type(one.operating_system) is OsType.WINDOWS) for one in usable]
    entity, is_template, windows = pick([one for one in images if _is_named(one[0], name)], name, "image", lambda one: str(one[0].id))
    adapters: tuple[str | None, ...] = ()
    if is_template:
        adapters = tuple(adapter.vm_network_name for adapter in await place.template_adapters(entity.key))
    return _Image(entity.key, windows, is_template, adapters)


async def _size(place: PackMachines, request: CreatePackMachine, image: _Image) -> UUID | None:
    if image.is_template:
        if request.size is not None:
            raise wrong("size", "A template has its own size. Leave size out, or send cores and memoryGB.")
        return None
    if request.size is None:
        raise wrong("size", "This field is required where the image is a disk.")
    sizes = [one for one in await place.sizes() if _is_named(one, request.size)]
    return pick(sizes, request.size, "size", lambda one: str(one.id)).id


async def _network(place: PackMachines, name: str) -> str:
    """Return the name of a network; VMM takes networks by name only, so that one whose name another has too is refused."""
    networks = await place.networks()
    chosen = pick([one for one in networks if _is_named(one, name)], name, "network", lambda one: str(one.id))
    same = [one for one in networks if (one.name or "").lower() == (chosen.name or "").lower()]
    if len(same) > 1:
        message = f"Several networks have the name '{chosen.name}', and VMM takes a network by its name only."
        raise Refused(ErrorCode.AMBIGUOUS_NAME, message, target="network")
    return chosen.name or ""


def _networks(image: _Image, chosen: str | None) -> tuple[str | None, ...]:
    """Return a network for each adapter of the template, the chosen one for the first."""
    adapters = image.adapters or ((None,) if chosen is not None else ())
    return (chosen or adapters[0], *adapters[1:]) if adapters else ()


def _check(request: CreatePackMachine, image: _Image, computer: str, password: str | None) -> None:
    kind, found = OsType.WINDOWS if image.windows else OsType.LINUX, []
    problem = computer_name_problem(computer, kind)
    if problem is None and len(computer) > _LONGEST_NAME:
        problem = f"A computer name has at most {_LONGEST_NAME} characters."
    if problem is not None:
        found.append(Problem(ErrorCode.INVALID_REQUEST, problem, "computerName"))
    if request.ssh_public_keys and image.windows:
        found.append(Problem(ErrorCode.INVALID_REQUEST, "Windows takes no SSH keys. Leave sshPublicKeys out.", "sshPublicKeys"))
    if password is not None and (problem := password_problem(password, kind)) is not None:
        found.append(Problem(ErrorCode.INVALID_REQUEST, problem, "adminPassword"))
    if found:
        raise invalid(found)


def _is_named(entity: Entity, name: str) -> bool:
    return name.lower() in {str(entity.id), (entity.name or "").lower()}
