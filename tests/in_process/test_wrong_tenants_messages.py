"""Every message of every queue about another tenant's things: it is rejected as about what never was, and nothing happens in Azure.

The messages are those that the app takes; one without a row in `MESSAGES` fails. fabrikam owns, contoso sends.
"""

import json
import uuid
from collections.abc import Callable, Iterable

from tests.in_process.things import BODIES, OWN_SERVICE, Things, long_texts
from tests.support.assembled import assembled
from tests.support.running import READ_WRITE, Running
from tests.support.sites import Json, Sites

Members = Callable[[Things], Json]
MESSAGES: dict[tuple[str, str], Members] = {
    ("restorePointCopy", "create"): BODIES["CopyRequest"],
    **dict.fromkeys((("restorePointCopy", one) for one in ("cancel", "redo", "delete")), lambda its: {"target": its.copy}),
    ("copyPolicy", "create"): lambda its: {"name": "a-name", **BODIES["PolicyDocument"](its)},
    ("copyPolicy", "update"): lambda its: {"target": its.tenant, "ifMatch": "*", **BODIES["PolicyDocument"](its)},
    ("copyPolicy", "delete"): lambda its: {"target": its.tenant, "ifMatch": "*"},
    ("copyPolicy", "run"): lambda its: {"target": its.tenant},
    ("restore", "create"): BODIES["RestoreRequest"],
    ("restore", "cleanUp"): lambda its: {"target": its.copy},
    ("failover", "create"): BODIES["FailoverRequest"],
    **dict.fromkeys((("failover", one) for one in ("cancel", "resume")), lambda its: {"target": its.failover}),
    ("protectedItem", "create"): lambda its: {"vaultId": its.vault, **BODIES["ProtectManyRequest"](its)},
    ("protectedItem", "update"): lambda its: {"target": its.item, "targetVmName": "stolen"},
    ("protectedItem", "delete"): lambda its: {"target": its.item, "confirm": "fabrikam-web01"},
    ("recoveryPlan", "create"): lambda its: {"name": "a-name", "vaultId": its.vault, **BODIES["RecoveryPlanRequest"](its)},
    ("recoveryPlan", "update"): lambda its: {"target": "a-name", "vaultId": its.vault, **BODIES["RecoveryPlanRequest"](its)},
    ("recoveryPlan", "delete"): lambda its: {"target": "a-name", "vaultId": its.vault},
    ("drill", "create"): lambda its: {"name": "a-name", "vaultId": its.vault, **BODIES["DrillPolicyRequest"](its)},
    ("drill", "update"): lambda its: {"target": "fabrikam-drill", "vaultId": its.vault, **BODIES["DrillPolicyRequest"](its)},
    **dict.fromkeys((("drill", one) for one in ("run", "delete")), lambda its: {"target": "fabrikam-drill", "vaultId": its.vault}),
    **dict.fromkeys((("virtualMachine", one) for one in ("start", "restart")), lambda its: {"target": its.machine}),
    ("virtualMachine", "shutDown"): lambda its: {"target": its.machine, "state": "stopped"},
    **dict.fromkeys((("virtualMachine", one) for one in ("cancel", "retry")), lambda its: {"target": its.copy}),
    ("virtualMachine", "create"): lambda its: {"name": "a", "service": OWN_SERVICE, "size": "Small", "osDisk": {"existing": its.disk}},
    ("virtualMachine", "createService"): lambda its: {"name": "a-service", "subscriptionId": its.subscription},
    ("virtualMachine", "createImage"): lambda its: {"name": "i", "osType": "Windows", "service": OWN_SERVICE, "source": {"id": its.disk}},
    ("virtualMachine", "delete"): lambda its: {"target": its.machine, "deleteDisks": "all"},
    ("virtualMachine", "update"): lambda its: {"target": its.machine, "tags": {"mine": "yes"}},
    ("virtualMachine", "capture"): lambda its: {"target": its.machine, "imageName": "i", "after": "delete", "prepared": True},
    ("virtualMachine", "addDataDisk"): lambda its: {"target": its.machine, "sizeGB": 1},
    ("virtualMachine", "modifyDataDisk"): lambda its: {"target": its.machine, "lun": 0, "caching": "None"},
    ("virtualMachine", "removeDataDisk"): lambda its: {"target": its.machine, "lun": 0},
    ("virtualMachine", "addPort"): lambda its: {"target": its.machine, **BODIES["Port"](its)},
    ("virtualMachine", "removePort"): lambda its: {"target": its.machine, "port": "ssh"},
    ("virtualMachine", "deleteImage"): lambda its: {"target": its.resource("Microsoft.Compute/images", "golden")},
    **dict.fromkeys((("virtualMachine", one) for one in ("deleteDisk", "revokeAccess")), lambda its: {"target": its.disk}),
    **dict.fromkeys(
        (("virtualMachine", one) for one in ("stop", "pause", "resume", "save", "repair")), lambda its: {"target": its.machine}
    ),
    ("virtualMachine", "createCheckpoint"): lambda its: {"target": its.machine, "name": "a-name"},
    **dict.fromkeys(
        (("virtualMachine", one) for one in ("restoreCheckpoint", "deleteCheckpoint")),
        lambda its: {"target": its.machine, "checkpoint": "a-name"},
    ),
}
"""The members of each operation's message, with the ids of a tenant's things."""
OF_AZURE_PACK = {
    f"virtualMachine.{one}"
    for one in ("stop", "pause", "resume", "save", "repair", "createCheckpoint", "restoreCheckpoint", "deleteCheckpoint")
}
"""Operations on machines that contoso, on Resource Manager, is refused whatever they name."""
BY_NAME: dict[str, str] = {
    "azurePackSubscription": "a file of subscriptions lies within the tenant that a message names",
    "dataCenter": "an order number lies within the tenant that a message names, and the rest of it is the tenant's own",
}
"""Kinds whose messages name nothing by an id that could be another's, with the reason."""


def of_queues() -> list[tuple[str, str, str]]:
    """Return the queue, kind and operation of every message that the app takes."""
    return [(queue, kind, str(operation)) for queue, dispatch in assembled().dispatches.items() for kind, operation in dispatch.messages]


def without_a_row(messages: Iterable[tuple[str, str, str]]) -> list[tuple[str, str]]:
    """Return the operations of queues that have no row here."""
    return [(kind, operation) for _, kind, operation in messages if (kind, operation) not in MESSAGES and kind not in BY_NAME]


def test_every_operation_of_every_queue_has_a_row() -> None:
    messages = of_queues()
    assert without_a_row(messages) == []
    assert set(MESSAGES) == {(kind, operation) for _, kind, operation in messages if kind not in BY_NAME}
    assert without_a_row([*messages, ("failover-requests", "failover", "planted")]) == [("failover", "planted")]


def rejections(stack: Running) -> dict[str, Json]:
    """Return the rejected messages by the ids of the messages."""
    return {row["messageId"]: row for row in stack.caller("Admin", tenant="provider").get("/rejected-messages", top=1000).body["value"]}


def test_a_message_of_one_tenant_about_anothers_things_is_rejected_as_about_what_never_was(sites: Sites, theirs: Things) -> None:
    """Every operation of every queue, plain where the queue knows its kind, and as a CloudEvent: sent at once, and looked at together."""
    stack, never = sites.stack, theirs.never()
    stack.advance()  # what fabrikam itself has started
    before = len(stack.control("GET", "effects")["value"])
    sent: list[tuple[str, str, str]] = []
    for queue, kind, operation in of_queues():
        if kind in BY_NAME:
            continue
        forms = ["event", "plain"] if assembled().dispatches[queue].default_kind == kind else ["event"]
        for form in forms:
            of_theirs, of_none = (stack.put(message(kind, operation, its, form), queue) for its in (theirs, never))
            sent.append((f"{form} {kind}.{operation}", of_theirs, of_none))
    stack.advance()
    found = rejections(stack)
    for what, of_theirs, of_none in sent:
        reasons = [found[one]["reason"] for one in (of_theirs, of_none)]
        code = "NotSupportedByBackend" if what.partition(" ")[2] in OF_AZURE_PACK else "NotFound"
        assert [reason["code"] for reason in reasons] == [code, code], (what, reasons)
        assert reasons[0]["target"] == reasons[1]["target"], (what, reasons)
        kind, operation = what.partition(" ")[2].split(".")
        shown = [
            its.blanked(reason["message"], *long_texts(MESSAGES[kind, operation](its)))
            for its, reason in zip((theirs, never), reasons, strict=True)
        ]
        assert shown[0] == shown[1], what
    assert len(stack.control("GET", "effects")["value"]) == before


def message(kind: str, operation: str, its: Things, form: str) -> str:
    """Return a message of contoso's about the things of another."""
    members, id_ = MESSAGES[kind, operation](its), str(uuid.uuid4())
    if form == "plain":
        return json.dumps({**members, "id": id_, "tenant": "contoso", "operation": operation})
    event = {
        "specversion": "1.0",
        "id": id_,
        "source": "/eve",
        "type": f"farshore.{kind}.{operation}",
        "tenant": "contoso",
        "data": members,
    }
    return json.dumps(event)


def test_a_key_that_another_has_used_makes_an_operation_of_ones_own(sites: Sites, theirs: Things) -> None:
    key, machine = str(uuid.uuid4()), sites.stack.machine()
    owner, caller = sites.stack.caller(*READ_WRITE, tenant="fabrikam"), sites.stack.caller(*READ_WRITE)
    target = {"region": "northeurope", "resourceGroup": "fabrikam-recovery"}
    other = owner.post(
        "/restore-point-copies", {"source": {"restorePointId": theirs.point}, "target": target | {"collection": "again"}}, key=key
    )
    mine = caller.post("/restore-point-copies", machine.copy(), key=key)
    assert (mine.status, mine.body["tenant"]) == (202, "contoso")
    assert other.status in {202, 409}
    assert mine.body["id"] != other.body.get("id")
