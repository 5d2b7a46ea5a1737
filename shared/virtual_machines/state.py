"""The stored state of an operation on machines, typed: what its steps and checks need.

It is a view of the stored document, which keeps the members that a newer version wrote.
"""

from typing import Annotated

from pydantic import BeforeValidator, PlainSerializer

from shared.arm.ids import ResourceId
from shared.errors import ProblemJson
from shared.moments import StoredMoment
from shared.values.absence import AbsenceJson
from shared.values.stored import StoredView
from shared.virtual_machines.rules.names import OsType
from shared.virtual_machines.rules.power import PowerAction, PowerState


def _id_from(value: object) -> object:
    return ResourceId.parse(value) if isinstance(value, str) else value


Id = Annotated[ResourceId, BeforeValidator(_id_from), PlainSerializer(str, return_type=str)]
"""An ARM resource id, stored as text."""


class MachineState(StoredView):
    """What an operation on a machine needs.

    `machine` is the machine; `changed` whether anything was sent; `url` Azure's operation that the latest effect started. `started_at` is
    when the operation's own effect was sent, `sent_at` when a deletion was sent last. `waiting_since` is since when another operation of
    Azure works on the machine, `step_waits_since` since when the step `waiting_step` waits. `absence` is the series of looks that did not
    show the machine, `missing` of those that did not show something that it refers to.
    `intended_at` is when an action on its power was intended.
    `power_action` is what an action on its power sends, `power_state` its power state as read last, `failure` why the operation fails.
    `vm_id` identifies the machine beyond its name, `os_type` is that of a machine that is made. `tidying_since` is since when something
    refuses to be deleted. `disk`, `lun` and `caching` are those of a data disk that is added, changed or removed.
    `subject` is the id of what else is made or deleted, in `region`, an image of a `generation`; `image` is an image that is made.
    `reprovisions` is whether the machine is made anew from its image.
    `admitted` is whether what it makes fits the quotas, `reserved` whether a reservation was written for it.
    `access` is the operation whose access to a disk is revoked, where only that one's is; `grants` how often an access was granted anew.
    `size` is Azure's name of the size of an update, which `deallocates` the machine where that is needed; `was_running` before it.
    `unchecked` is whether it was accepted while Azure was silent, and is checked first.
    """

    machine: Id | None = None
    changed: bool = False
    url: str | None = None
    started_at: StoredMoment | None = None
    sent_at: StoredMoment | None = None
    intended_at: StoredMoment | None = None
    waiting_since: StoredMoment | None = None
    absence: AbsenceJson = None
    missing: AbsenceJson = None
    waiting_step: str | None = None
    step_waits_since: StoredMoment | None = None
    power_action: PowerAction | None = None
    power_state: PowerState | None = None
    failure: ProblemJson | None = None
    vm_id: str | None = None
    os_type: OsType | None = None
    tidying_since: StoredMoment | None = None
    disk: Id | None = None
    lun: int | None = None
    caching: str | None = None
    subject: str | None = None
    region: str | None = None
    generation: str | None = None
    image: Id | None = None
    size: str | None = None
    deallocates: bool = False
    unchecked: bool = False
    was_running: bool = False
    access: str | None = None
    admitted: bool = False
    reprovisions: bool = False
    reserved: bool = False
    grants: int = 0

    @property
    def target(self) -> ResourceId:
        """The machine, once it is known."""
        if self.machine is None:
            raise ValueError("The state has no 'machine' yet.")
        return self.machine

    @property
    def action(self) -> PowerAction:
        """What an action on the machine's power sends."""
        if self.power_action is None:
            raise ValueError("The state has no 'powerAction'.")
        return self.power_action
