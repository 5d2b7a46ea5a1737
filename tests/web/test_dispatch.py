"""Messages of a queue that several capabilities share: each to its handler, by kind and operation."""

from typing import Any

import pytest

from shared.access.roles import Role
from shared.capability import Capability, Message, MessageCall, Parts
from shared.dispatch import Dispatch, dispatches
from shared.errors import ErrorCode, Refused
from shared.operations.outside.intake import Intake

QUEUE = "tenant-requests"


class _App:
    class settings:  # noqa: N801  # an attribute of the app
        queue_roles = ("Tenants.Write",)


class _Handled:
    def __init__(self) -> None:
        self.calls: list[Intake] = []

    async def __call__(self, call: MessageCall) -> None:
        self.calls.append(call.intake)


def _never(_core: object) -> Parts:
    raise AssertionError("nothing is assembled here")


def _shared(machines: _Handled, centers: _Handled) -> Dispatch:
    capabilities = [Capability(name, _never, intake=QUEUE) for name in ("tenants", "virtual_machines", "data_centers")]
    of_machines = {
        ("virtualMachine", "start"): Message(Role.TENANTS_WRITE, machines),
        ("virtualMachine", "create"): Message(Role.TENANTS_WRITE, machines, creates=True),
    }
    of_centers = {("dataCenter", "start"): Message(Role.ADMIN, centers)}
    return dispatches(capabilities, [Parts(), Parts(messages=of_machines), Parts(messages=of_centers)])[QUEUE]


def _intake(operation: str, body: dict[str, object], kind: str = "virtualMachine") -> Intake:
    target = body.get("target")
    return Intake(operation, body, "m-1", "contoso", str(target) if target else None, kind)


def _app() -> Any:
    return _App()


async def test_a_message_reaches_the_handler_of_its_kind_with_its_target_out_of_the_body() -> None:
    machines, centers = _Handled(), _Handled()
    dispatch = _shared(machines, centers)
    assert (dispatch.is_qualified, dispatch.kinds) == (True, frozenset({"virtualMachine", "dataCenter"}))
    await dispatch.carry_out(_app(), _intake("start", {"target": "web-01", "service": "shop"}))
    (call,) = machines.calls
    assert (call.target, call.body, centers.calls) == ("web-01", {"service": "shop"}, [])


async def test_what_creates_keeps_its_whole_body() -> None:
    machines = _Handled()
    await _shared(machines, _Handled()).carry_out(_app(), _intake("create", {"target": "a field", "name": "web-01"}))
    (call,) = machines.calls
    assert (call.target, call.body) == (None, {"target": "a field", "name": "web-01"})


@pytest.mark.parametrize(
    ("intake", "code", "target"),
    [
        (_intake("start", {}), ErrorCode.INVALID_REQUEST, "target"),
        (_intake("grantAccess", {"target": "x"}), ErrorCode.INVALID_REQUEST, "operation"),
        (_intake("start", {"target": "x"}, "dataCenter"), ErrorCode.MISSING_ROLE, "Admin"),
    ],
)
async def test_what_cannot_be_carried_out_is_refused(intake: Intake, code: ErrorCode, target: str) -> None:
    with pytest.raises(Refused) as refused:
        await _shared(_Handled(), _Handled()).carry_out(_app(), intake)
    assert (refused.value.code, refused.value.problem.target) == (code, target)
