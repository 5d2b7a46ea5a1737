"""What machines of a history must look like: a model that each operation which succeeded changes, compared with Azure at the end."""

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

from tests.virtual_machines.kit import Json, Machines, in_group

GROUP = "contoso-production"
VMS = "/virtual-machines"
CAPTURE: Json = {"prepared": True, "reprovision": {"adminUsername": "newuser", "adminPassword": {"value": "anOther-Pwd2"}}}
_SIZES = ("Standard_D2s_v3", "Standard_D4s_v3")


@dataclass
class Expected:
    """A machine: its data disks by LUN, its ports by name, and its OS disk."""

    name: str
    size: str
    disks: dict[int, str]
    system: str
    ports: set[str]
    tags: dict[str, str] = field(default_factory=dict)
    restarts: int = 0


@dataclass
class Request:
    """A change of a machine; `applies` changes the model once the operation has succeeded."""

    method: str
    path: str
    body: Json | None
    applies: Callable[[Json], None]


@dataclass
class Model:
    """What a history has made: machines by name, disks that belong to none, images, accesses that are open."""

    machines: dict[str, Expected] = field(default_factory=dict)
    loose: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)

    def requests(self, name: str, number: int, chance: random.Random) -> Iterator[Request]:
        """Yield the requests of a change that is drawn for a machine."""
        expected, place = self.machines[name], f"{VMS}/{name}"
        drawn = chance.choice(("addDisk", "removeDisk", "addPort", "removePort", "update", "restart", "access", "capture"))
        match drawn:
            case "addDisk":
                yield Request("POST", f"{place}/data-disks", {"sizeGB": 8}, lambda end: self._attached(expected, end))
            case "removeDisk" if expected.disks:
                yield self._removal(expected, chance)
            case "removePort" if expected.ports:
                name_of_port = chance.choice(sorted(expected.ports))
                yield Request("DELETE", f"{place}/ports/{name_of_port}", None, lambda _: expected.ports.discard(name_of_port))
            case "update":
                yield self._update(expected, number, chance)
            case "restart":
                yield Request("POST", f"{place}/restart", None, lambda _: setattr(expected, "restarts", expected.restarts + 1))
            case "access":
                yield from self._access(expected, chance)
            case "capture":
                yield from self._capture(expected, number, chance)
            case _:
                port = {"name": f"p{number}", "protocol": "tcp", "port": 60_000 + number, "localPort": 1_000 + number}
                yield Request("POST", f"{place}/ports", port, lambda _: expected.ports.add(f"p{number}"))

    @staticmethod
    def _attached(expected: Expected, end: Json) -> None:
        expected.disks[end["result"]["lun"]] = end["result"]["diskId"].lower()

    def _removal(self, expected: Expected, chance: random.Random) -> Request:
        lun = chance.choice(sorted(expected.disks))
        disk, deletes = expected.disks[lun], chance.random() < 0.5
        body = {"deleteDisk": True, "confirm": disk.rpartition("/")[2]} if deletes else None

        def applies(_end: Json) -> None:
            del expected.disks[lun]
            if not deletes:
                self.loose.add(disk)

        return Request("DELETE", f"{VMS}/{expected.name}/data-disks/{lun}", body, applies)

    @staticmethod
    def _update(expected: Expected, number: int, chance: random.Random) -> Request:
        size, tags = chance.choice(_SIZES), {"round": str(number)}
        body = {"size": size, "tags": tags, "acceptInterruption": True, "acceptDeallocation": True}

        def applies(_end: Json) -> None:
            expected.size, expected.tags = size, tags

        return Request("PATCH", f"{VMS}/{expected.name}", body, applies)

    @staticmethod
    def _access(expected: Expected, chance: random.Random) -> Iterator[Request]:
        disk = chance.choice([expected.system, *expected.disks.values()]).rpartition("/")[2]

        def nothing(_end: Json) -> None:
            return

        yield Request("POST", f"{VMS}/{expected.name}/shut-down", {"state": "deallocated"}, nothing)
        yield Request("POST", f"/disks/{disk}/access", {}, nothing)
        yield Request("DELETE", f"/disks/{disk}/access", None, nothing)
        yield Request("POST", f"{VMS}/{expected.name}/start", None, nothing)

    def _capture(self, expected: Expected, number: int, chance: random.Random) -> Iterator[Request]:
        anew, name, image = chance.random() < 0.6, expected.name, f"image{number}"
        more = {"after": "reprovision"} if anew else {"after": "delete", "reprovision": None}

        def applies(end: Json) -> None:
            self.images.add(image)
            if anew:
                (old,) = end["result"]["kept"]
                self.loose.add(old.lower())
            else:
                self.loose |= {expected.system, *expected.disks.values()}
                del self.machines[name]

        yield Request("POST", f"{VMS}/{name}/shut-down", {"state": "stopped"}, lambda _: None)
        yield Request("POST", f"{VMS}/{name}/capture", {**CAPTURE, **more, "imageName": image, "confirm": name}, applies)

    async def read(self, azure: Machines, name: str) -> Expected | None:
        """Return a machine as Azure shows it, None where it does not exist."""
        reply = await azure.of(f"{VMS}/{name}?service={GROUP}")
        if reply.status == 404:
            return None
        shown = reply.body
        disks = {one["lun"]: one["id"].lower() for one in shown["dataDisks"]}
        ports = {one["name"] for one in shown["ports"]}
        return Expected(name, shown["size"], disks, shown["osDisk"]["id"].lower(), ports, shown["tags"])

    async def compare(self, azure: Machines) -> None:
        """Assert that the machines are as the model has them, and that each restart was sent once."""
        running = {one["id"].rpartition("/")[2] for one in in_group(azure.estate(), "virtualMachines", GROUP)}
        assert {name for name in self.machines if name in running} == set(self.machines)
        for expected in self.machines.values():
            found = await self.read(azure, expected.name)
            assert found is not None
            assert (found.disks, found.ports, found.size, found.tags) == (expected.disks, expected.ports, expected.size, expected.tags)
            assert len(azure.effects(f"virtualMachines/{expected.name}/restart")) == expected.restarts
