"""The bodies of requests about machines on Azure Pack, named as those of the other backend where the thing is the same."""

from collections.abc import Iterator, Mapping
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StrictBool, StrictFloat, StrictInt, StrictStr, model_validator

from shared.errors import ErrorCode, Refused
from shared.secrets.requests import SecretInput
from shared.values.documents import Request
from shared.values.sent import SentBody
from shared.values.texts import printable
from shared.virtual_machines.requests.fields import Confirmation, Path, PortName, SshKey, SubscriptionId, refuse, refuse_fields
from shared.virtual_machines.rules.ports import Protocol

_NAME_FORBIDDEN: Final = frozenset('*?:<>|/\\"')
_MB: Final = 1024
_STEP_MB: Final = 2
UNSUPPORTED_OF_CREATION: Final = {
    "service": "Machines on Azure Pack are in a subscription: send subscriptionId.",
    "deployment": "There are no deployments on Azure Pack. Leave it out.",
    "region": "A subscription has one cloud: leave region out.",
    "zone": "A subscription has one cloud: leave zone out.",
    "osDisk": "The disk is that of the image: choose an image.",
    "dataDisks": "Disks are those of the image: choose a template that has them.",
    "subnetId": "Send network, the name or id of one of GET …/networks.",
    "ports": "Open ports once the machine is there: POST …/ports.",
    "tags": "Send description: VMM has no tags.",
    "securityType": "The template has it: leave securityType out.",
    "keepOnFailure": "What a failed creation made is always deleted: leave keepOnFailure out.",
}
"""Members that the other backend takes, and what does here."""
UNSUPPORTED_OF_PORT: Final = {"allowedSources": "A NAT rule takes every source: filter in the guest."}
UNSUPPORTED_OF_UPDATE: Final = {
    "size": "Send cores and memoryGB.",
    "osDisk": "Disks cannot be changed on Azure Pack.",
    "tags": "Send description: VMM has no tags.",
    "acceptInterruption": "Stop the machine first, where VMM asks for it.",
    "acceptDeallocation": "Stop the machine first, where VMM asks for it.",
}


def refuse_unsupported(sent: SentBody, known: Mapping[str, str]) -> None:
    """Refuse with `NotSupportedByBackend` the first member that only the other backend takes, with what does here."""
    for name, instead in known.items():
        if sent.members.get(name) is not None:
            raise not_supported(f"'{name}' is not offered for machines on Azure Pack. {instead}", name)


def not_supported(message: str, target: str | None = None) -> Refused:
    """Return the refusal of what this backend does not have; the message has what does."""
    return Refused(ErrorCode.NOT_SUPPORTED_BY_BACKEND, message, target=target)


def _machine_name(name: str) -> str:
    if not _NAME_FORBIDDEN.isdisjoint(name) or not name.isprintable() or name != name.strip():
        raise refuse('A name has 1 to 64 printable characters without * ? : < > | / \\ ".')
    return name


def _memory(value: float) -> float:
    megabytes = value * _MB
    if megabytes != int(megabytes) or int(megabytes) % _STEP_MB:
        raise refuse("The memory is in GB, in whole steps of 2 MB, for example 1.5.")
    return value


MachineName = Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(_machine_name)]
Cores = Annotated[StrictInt, Field(ge=1, le=64)]
MemoryGB = Annotated[StrictInt | StrictFloat, Field(ge=0.03125, le=1024), AfterValidator(_memory)]
NameOrId = Annotated[StrictStr, Field(min_length=1, max_length=256), AfterValidator(printable)]
Text = Annotated[StrictStr, Field(max_length=2048)]


class CreatePackMachine(Request):
    """A new machine on Azure Pack: of a template, or of a disk with an operating system and a size."""

    name: MachineName
    image: NameOrId
    size: NameOrId | None = None
    network: NameOrId | None = None
    computer_name: Annotated[StrictStr, Field(min_length=1, max_length=63)] | None = None
    admin_username: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(printable)] | None = None
    admin_password: SecretInput | None = None
    ssh_public_keys: Annotated[tuple[SshKey, ...], Field(max_length=1)] = ()
    cores: Cores | None = None
    memory_gb: MemoryGB | None = Field(None, alias="memoryGB")
    description: Text | None = None
    start: StrictBool = True
    subscription_id: SubscriptionId | None = None

    @model_validator(mode="after")
    def _fits(self) -> "CreatePackMachine":
        refuse_fields("machine", self._problems())
        return self

    def _problems(self) -> Iterator[tuple[Path, str]]:
        if (self.admin_username is None) != (self.admin_password is None):
            missing = "adminUsername" if self.admin_username is None else "adminPassword"
            yield (missing,), "Give adminUsername and adminPassword, or neither."


class UpdatePackMachine(Request):
    """What can be changed of a machine on Azure Pack; what is left out stays as it is."""

    name: MachineName | None = None
    description: Text | None = None
    cores: Cores | None = None
    memory_gb: MemoryGB | None = Field(None, alias="memoryGB")

    @model_validator(mode="after")
    def _changes_something(self) -> "UpdatePackMachine":
        if self.name is None and self.description is None and self.cores is None and self.memory_gb is None:
            raise refuse("Give name, description, cores or memoryGB.")
        return self


class DeletePackMachine(Request):
    """The deletion of a machine on Azure Pack, whose disks VMM deletes too; `confirm` is its name, None for messages."""

    confirm: Confirmation | None = None
    delete_disks: Literal["none", "os", "all"] = "none"


class CreateCheckpoint(Request):
    """A new checkpoint of a machine."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(printable)]
    description: Text = ""


class PackPort(Request):
    """A port of a machine that the gateway of its network passes on."""

    name: PortName
    protocol: Protocol
    port: Annotated[StrictInt, Field(ge=1, le=65535)]
    local_port: Annotated[StrictInt, Field(ge=1, le=65535)]


def megabytes(gigabytes: float | None) -> int | None:
    """Return an amount of memory in MB."""
    return None if gigabytes is None else int(gigabytes * _MB)
