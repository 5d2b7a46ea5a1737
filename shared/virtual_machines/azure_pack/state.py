"""The stored state of an operation on a machine of Azure Pack, typed: what its steps and checks need."""

from typing import Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel

from shared.azure_pack.odata.literals import Key
from shared.errors import Problem, ProblemJson
from shared.moments import StoredMoment
from shared.operations.model.models import JsonObject, Status
from shared.operations.model.rows import Active
from shared.operations.running.outcomes import End
from shared.values.stored import StoredView
from shared.virtual_machines.azure_pack.rules import MachineCall, Shown

INSTALLATION = "installation"
"""The member of an operation's data that only those on Azure Pack have."""


class PlannedMachine(BaseModel):
    """What a creation makes: ids of VMM, and what the request has of its own. Memory in MB; `networks` are names, one for each adapter."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    name: str
    stamp: str
    cloud: str
    template: str | None = None
    disk: str | None = None
    hardware_profile: str | None = None
    networks: tuple[str | None, ...] = ()
    computer_name: str
    admin_user: str | None = None
    ssh_public_key: str | None = None
    cpu_count: int | None = None
    memory: int | None = None
    description: str | None = None
    windows: bool = False
    start: bool = True


class PlannedPort(BaseModel):
    """A port to open or close: a rule of a NAT connection. `rule` is its id, once it is there."""

    model_config = ConfigDict(extra="allow", frozen=True, alias_generator=to_camel, populate_by_name=True, defer_build=True)

    name: str
    connection: str
    stamp: str
    external_port: int
    internal_port: int
    internal_address: str
    protocol: str
    rule: str | None = None


class PackState(StoredView):
    """What an operation on a machine of Azure Pack needs.

    `installation`, `subscription` and `user` are where the machine is, `machine`, `stamp` and `name` which it is. `call` was sent at
    `sent_at` and began `job`; `recent_task` is the machine's most recent job before it. `then` is the step after the job. `failure` is why
    the operation fails, `power_state` the state as read last. `planned` is the machine of a creation, `port` a port, `checkpoint` the id of
    a checkpoint. `waiting_since` is since when something else works on the machine.
    """

    installation: str = ""
    subscription: str = ""
    user: str = ""
    machine: str | None = None
    stamp: str | None = None
    name: str | None = None
    call: MachineCall | None = None
    job: str | None = None
    sent_at: StoredMoment | None = None
    recent_task: str | None = None
    then: str | None = None
    changed: bool = False
    failure: ProblemJson | None = None
    power_state: Shown | None = None
    planned: PlannedMachine | None = None
    port: PlannedPort | None = None
    checkpoint: str | None = None
    waiting_since: StoredMoment | None = None
    tidying: bool = False

    @property
    def key(self) -> Key:
        """The machine's key; raises `ValueError` where the machine is not known yet."""
        if self.machine is None or self.stamp is None:
            raise ValueError("The machine of the operation is not known yet.")
        return Key(UUID(self.machine), UUID(self.stamp))

    @property
    def job_key(self) -> Key | None:
        """The key of the job that the last call began."""
        stamp = self.stamp or (self.planned.stamp if self.planned is not None else None)
        return Key(UUID(self.job), UUID(stamp)) if self.job is not None and stamp is not None else None

    @classmethod
    def of_row(cls, row: Active) -> Self:
        """Return a copy of a row's state, which a check may change."""
        return cls.of(dict(row.data))


def ended(state: PackState, error: Problem | None = None, status: Status | None = None, **members: object) -> End:
    """Return the end of an operation, failed where there is an error; `status` is another one, `members` are further ones of the result."""
    result: JsonObject = {"resourceId": state.machine, "changed": state.changed, "kept": [], "left": [], "warnings": []}
    if state.power_state is not None:
        result["powerState"] = str(state.power_state)
    if state.checkpoint is not None:
        result["checkpointId"] = state.checkpoint
    return End(status or (Status.FAILED if error is not None else Status.SUCCEEDED), error, result | members)


def lock_of(installation: str, subscription: str, machine: str) -> str:
    """Return the lock of a machine, which its data center takes too while it works on it."""
    return f"vm|azurePack/{installation}/{subscription.lower()}/{machine}"
