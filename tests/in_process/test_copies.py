"""The life of a copy over real HTTP: from the request to usable, canceled, failed and redone."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tests.support.api import Caller, Reply
from tests.support.running import Machine, Running, new_key


def start(caller: Caller, body: object, key: str | None = None) -> Reply:
    reply = caller.post("/restore-point-copies", body, key=key)
    assert reply.status == 202, reply
    return reply


def usable(stack: Running, caller: Caller, body: object) -> Reply:
    return stack.until_ended(caller, start(caller, body).headers["location"])


def fail(stack: Running, caller: Caller, machine: Machine, number: int = 0) -> Reply:
    """Let a copy of a restore point fail in Azure."""
    stack.fault("failCopy", method="PUT", path=f"{machine.points[0].split('/')[-3]}.*/restorePoints/")
    ended = stack.until_ended(caller, start(caller, machine.copy(number)).headers["location"])
    assert ended.body["status"] == "Failed", ended.body
    return ended


def test_a_vm_gets_a_restore_point_first(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    source = {"virtualMachineId": machine.id, "consistencyMode": "CrashConsistent", "excludeDisks": [machine.disks[1].upper()]}
    accepted = start(contoso, {"source": source, "target": machine.target()})
    assert {name: value for name, value in accepted.body["source"].items() if value is not None} == {"virtualMachineId": machine.id}
    copy = stack.until_ended(contoso, accepted.headers["location"]).body
    assert copy["usable"], copy
    assert len(copy["disks"]) == 1
    estate = stack.control("GET", "estate")
    points = {point["id"].lower(): point for item in estate["restorePointCollections"] for point in item["restorePoints"]}
    made = points[copy["source"]["restorePointId"].lower()]
    assert made["consistencyMode"] == "CrashConsistent"
    assert copy["source"]["takenAt"] is not None
    collection = next(item for item in estate["restorePointCollections"] if copy["source"]["restorePointId"].startswith(item["id"] + "/"))
    assert collection["source"].lower() == machine.id.lower()


def test_tags_and_a_chosen_collection_are_put_on_the_target(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = usable(stack, contoso, {**machine.copy(tags={"Cost": "42"}), "target": machine.target(collection="my-copies")}).body
    assert "/restorePointCollections/my-copies/" in copy["target"]["restorePointId"]
    target = next(item for item in stack.control("GET", "estate")["restorePointCollections"] if item["id"].endswith("/my-copies"))
    assert target["tags"]["Cost"] == "42"
    assert target["tags"]["farshore-virtual-machine"] == machine.id


def test_a_region_may_be_named_as_people_name_it(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    body = {"source": {"restorePointId": machine.points[0].lower().removeprefix("/")}, "target": machine.target(region="North Europe")}
    assert start(contoso, body).body["target"]["region"] == "northeurope"


def test_a_copy_can_be_canceled_before_it_starts(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    first, second = start(contoso, machine.copy(0)).body["id"], start(contoso, machine.copy(1)).body["id"]
    stack.advance()
    assert contoso.get(f"/restore-point-copies/{second}").body["step"] == "waiting"
    canceled = contoso.post(f"/restore-point-copies/{second}/cancel")
    assert canceled.status in {200, 202}, canceled
    assert canceled.headers["operation-location"] == f"{stack.api}/operations/{second}"
    stack.advance()
    copy = contoso.get(f"/restore-point-copies/{second}").body
    assert (copy["status"], copy["usable"]) == ("Canceled", False)
    again = contoso.post(f"/restore-point-copies/{second}/cancel")
    assert (again.status, again.body["status"]) == (200, "Canceled")
    assert stack.writes(f"/restorePoints/{second}") == []
    # the one before it goes on, and the restore point of the canceled one is free again
    assert stack.until_ended(contoso, f"/restore-point-copies/{first}").body["usable"]
    assert usable(stack, contoso, machine.copy(1)).body["usable"]


def test_a_copy_that_has_started_cannot_be_canceled(stack: Running, contoso: Caller) -> None:
    copy = start(contoso, stack.machine().copy()).body["id"]
    stack.advance()
    assert contoso.get(f"/restore-point-copies/{copy}").body["status"] == "Running"
    for path in (f"/restore-point-copies/{copy}/cancel", f"/operations/{copy}/cancel"):
        refused = contoso.post(path)
        assert (refused.status, refused.code) == (409, "AlreadyStarted")
    assert stack.until_ended(contoso, f"/restore-point-copies/{copy}").body["usable"]
    ended = contoso.post(f"/restore-point-copies/{copy}/cancel")
    assert (ended.status, ended.code) == (409, "AlreadyEnded")


def test_a_failed_copy_gives_its_reason_and_can_be_redone(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    failed = fail(stack, contoso, machine).body
    assert failed["error"]["code"] == "CopyFailed"
    assert failed["error"]["message"]
    assert (failed["usable"], failed["completedAt"] is not None) == (False, True)
    key = new_key()
    redone = contoso.post(f"/restore-point-copies/{failed['id']}/redo", key=key)
    assert redone.status == 202, redone
    assert redone.body["id"] != failed["id"]
    assert redone.headers["location"] == f"{stack.api}/restore-point-copies/{redone.body['id']}"
    copy = stack.until_ended(contoso, redone.headers["location"]).body
    assert copy["usable"], copy
    assert copy["source"] == failed["source"]
    again = contoso.post(f"/restore-point-copies/{failed['id']}/redo", key=key)
    assert (again.status, again.body["id"]) == (200, copy["id"])
    another = contoso.post(f"/restore-point-copies/{failed['id']}/redo")
    assert (another.status, another.code) == (409, "RestorePointAlreadyCopied")


def test_only_what_failed_can_be_redone(stack: Running, contoso: Caller) -> None:
    copy = start(contoso, stack.machine().copy()).body["id"]
    for _ in range(2):
        refused = contoso.post(f"/restore-point-copies/{copy}/redo")
        assert (refused.status, refused.code) == (409, "NotFailed")
        stack.until_ended(contoso, f"/restore-point-copies/{copy}")


def test_a_failed_copy_cannot_be_redone_once_a_newer_one_has_started(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    failed = fail(stack, contoso, machine).body["id"]
    newer = start(contoso, machine.copy(1)).body["id"]
    stack.advance("PT1M")
    assert contoso.get(f"/restore-point-copies/{newer}").body["startedAt"]
    refused = contoso.post(f"/restore-point-copies/{failed}/redo")
    assert (refused.status, refused.code) == (409, "ChainMovedOn")


def test_an_older_restore_point_than_the_newest_started_is_refused(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    assert usable(stack, contoso, machine.copy(1)).body["usable"]
    refused = contoso.post("/restore-point-copies", machine.copy(0))
    assert (refused.status, refused.code) == (409, "ChainMovedOn")


def test_a_restore_point_is_copied_once_per_region(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = start(contoso, machine.copy()).body["id"]
    for _ in range(2):
        refused = contoso.post("/restore-point-copies", machine.copy())
        assert (refused.status, refused.code) == (409, "RestorePointAlreadyCopied")
        assert copy in refused.error["message"]
        stack.until_ended(contoso, f"/restore-point-copies/{copy}")


def test_copies_of_one_chain_go_one_at_a_time_in_the_order_of_their_restore_points(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    first = start(contoso, machine.copy(0))
    stack.advance()
    ids = [first.body["id"], *(start(contoso, machine.copy(number)).body["id"] for number in (2, 1))]
    stack.advance()
    assert [contoso.get(f"/restore-point-copies/{one}").body["step"] for one in ids] == ["copying", "waiting", "waiting"]
    oldest, newest, middle = (stack.until_ended(contoso, f"/restore-point-copies/{one}").body for one in ids)
    assert all(copy["usable"] for copy in (oldest, middle, newest))
    whole_seconds = slice(19)  # as Azure gives its time
    assert oldest["completedAt"][whole_seconds] <= middle["startedAt"][whole_seconds]
    assert middle["completedAt"][whole_seconds] <= newest["startedAt"][whole_seconds]


def test_the_same_request_under_the_same_key_is_one_operation(stack: Running, contoso: Caller) -> None:
    machine, key = stack.machine(), new_key()
    first = start(contoso, machine.copy(), key)
    reads = stack.control("GET", "requests")["value"]
    again = contoso.post("/restore-point-copies", machine.copy(), key=key.upper())
    assert (again.status, again.body["id"]) == (202, first.body["id"])
    assert stack.control("GET", "requests")["value"] == reads, "Azure was asked for a request that was known"
    other = contoso.post("/restore-point-copies", machine.copy(1), key=key)
    assert (other.status, other.code) == (409, "RepeatabilityKeyReused")
    stack.until_ended(contoso, first.headers["location"])
    ended = contoso.post("/restore-point-copies", machine.copy(), key=key)
    assert (ended.status, ended.body["id"], ended.body["usable"]) == (200, first.body["id"], True)
    assert ended.headers["operation-location"] == first.headers["operation-location"]


def test_two_requests_without_a_key_for_one_restore_point_are_one_copy(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    with ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda _: contoso.post("/restore-point-copies", machine.copy()), range(4)))
    assert sorted(reply.status for reply in replies) == [202, 409, 409, 409]
    assert {reply.code for reply in replies if reply.status == 409} == {"RestorePointAlreadyCopied"}


def test_the_outcome_is_reported_once_as_the_operation_has_it(stack: Running, contoso: Caller) -> None:
    copy = usable(stack, contoso, stack.machine().copy()).body
    (event,) = stack.events(subject=copy["id"])
    operation = contoso.get(f"/operations/{copy['id']}").body
    assert event == {
        "specversion": "1.0",
        "id": f"{copy['id']}/terminal",
        "source": stack.api,
        "type": "farshore.restorePointCopy.succeeded",
        "subject": f"/api/restore-point-copies/{copy['id']}",
        "time": event["time"],
        "datacontenttype": "application/json",
        "tenant": "contoso",
        "data": operation,
    }
    assert event["data"]["status"] == "Succeeded"
    assert datetime.fromisoformat(event["time"]).utcoffset() is not None


def test_what_failed_before_does_not_stand_in_the_way_of_a_new_request(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    first = fail(stack, contoso, machine).body
    second = fail(stack, contoso, machine).body
    elsewhere = {**machine.copy(), "target": machine.target(collection="elsewhere")}
    third = usable(stack, contoso, elsewhere).body
    assert third["usable"], third["error"]
    deleted = [write["path"] for write in stack.writes(machine.points[0].split("/")[-3]) if write["method"] == "DELETE"]
    assert deleted == [first["target"]["restorePointId"], second["target"]["restorePointId"]]


def test_one_404_of_a_status_read_does_not_end_a_copy(stack: Running, contoso: Caller) -> None:
    accepted = start(contoso, stack.machine().copy())
    stack.advance()
    assert contoso.get(accepted.headers["location"]).body["step"] == "copying"
    stack.fault("hide", method="GET", path=f"/restorePoints/{accepted.body['id']}$", times=1)
    copy = stack.until_ended(contoso, accepted.headers["location"]).body
    assert copy["usable"], copy["error"]
    assert [write["method"] for write in stack.writes(f"/restorePoints/{copy['id']}")] == ["PUT"]


def test_a_copy_that_stays_absent_has_failed_and_a_redo_does_not_delete_it_when_it_is_there_again(stack: Running, contoso: Caller) -> None:
    accepted = start(contoso, stack.machine().copy())
    stack.advance()
    stack.fault("hide", path=f"/restorePoints/{accepted.body['id']}$", lists=True, duration="P1D")
    failed = stack.until_ended(contoso, accepted.headers["location"], step="PT5M").body
    assert (failed["status"], failed["error"]["code"]) == ("Failed", "CopyFailed")
    stack.advance("P1D")
    stack.control("DELETE", "faults")
    redone = contoso.post(f"/restore-point-copies/{failed['id']}/redo")
    assert redone.status == 202, redone
    copy = stack.until_ended(contoso, redone.headers["location"]).body
    assert copy["usable"], copy["error"]
    assert copy["target"]["restorePointId"] == failed["target"]["restorePointId"]
    assert [write["method"] for write in stack.writes(f"/restorePoints/{failed['id']}")] == ["PUT"]


def test_a_restore_point_that_fails_later_ends_the_copy_with_azures_reason_and_advice(stack: Running, contoso: Caller) -> None:
    machine, code = stack.machine(), "VMAgentStatusCommunicationError"
    for gone in (False, True):
        stack.fault(
            "failRestorePoint",
            method="PUT",
            path=f"/restorePointCollections/farshore-{machine.id.rpartition('/')[2]}",
            code=code,
            gone=gone,
        )
        accepted = start(contoso, {"source": {"virtualMachineId": machine.id}, "target": machine.target()})
        failed = stack.until_ended(contoso, accepted.headers["location"], step="PT5M").body
        assert (failed["status"], failed["error"]["code"]) == ("Failed", "AzureRefused")
        assert [detail["code"] for detail in failed["error"]["details"]] == [code]
        assert "CrashConsistent" in failed["error"]["message"]
        assert f"/restorePoints/{failed['id']}" in failed["source"]["restorePointId"]
        stack.control("DELETE", "faults")


def test_a_copy_canceled_while_its_restore_point_is_created_shows_it(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    accepted = start(contoso, {"source": {"virtualMachineId": machine.id}, "target": machine.target()})
    stack.advance("PT1S")
    assert contoso.get(accepted.headers["location"]).body["step"] == "made"
    assert contoso.post(f"{accepted.headers['location'].removeprefix(stack.api)}/cancel").status in {200, 202}
    copy = stack.until_ended(contoso, accepted.headers["location"]).body
    assert copy["status"] == "Canceled"
    (write,) = stack.writes(f"/restorePoints/{copy['id']}")
    assert copy["source"]["restorePointId"].lower() == write["path"].lower()


def test_the_tags_of_a_request_are_on_the_collection_of_the_machine_too(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    copy = usable(
        stack, contoso, {"source": {"virtualMachineId": machine.id}, "target": machine.target(), "tags": {"costCentre": "4711"}}
    ).body
    collections = {item["id"].lower(): item for item in stack.control("GET", "estate")["restorePointCollections"]}
    for end in ("source", "target"):
        collection = collections[copy[end]["restorePointId"].lower().partition("/restorepoints/")[0]]
        assert collection["tags"]["costCentre"] == "4711"
        assert collection["tags"]["farshore-virtual-machine"] == machine.id
