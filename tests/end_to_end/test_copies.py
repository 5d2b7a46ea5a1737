"""A copy through every process: host, workers, storage and Azure; and what depends on there being two workers."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

from tests.support.api import Caller
from tests.support.running import Running, new_key


def test_a_restore_point_is_copied_and_known_to_be_usable(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    accepted = contoso.post("/restore-point-copies", machine.copy(tags={"cost": "42"}))
    assert accepted.status == 202, accepted
    copy = accepted.body
    assert accepted.headers["operation-location"] == f"{stack.api}/operations/{copy['id']}"
    assert accepted.headers["location"] == f"{stack.api}/restore-point-copies/{copy['id']}"
    assert int(accepted.headers["retry-after"]) > 0
    assert (copy["status"], copy["percentComplete"], copy["usable"], copy["completedAt"]) == ("NotStarted", 0, False, None)
    assert (copy["tenant"], copy["requestedBy"]["kind"], copy["tags"]) == ("contoso", "app", {"cost": "42"})
    assert copy["source"]["restorePointId"] == machine.points[0]
    assert copy["target"] == {"restorePointId": None, "region": "northeurope"}

    seen = []
    for _ in range(40):
        copy = contoso.get(accepted.headers["location"]).body
        operation = contoso.get(accepted.headers["operation-location"]).body
        assert (operation["status"], operation["percentComplete"]) == (copy["status"], copy["percentComplete"])
        assert (copy["percentComplete"] == 100) is copy["usable"]
        seen.append(copy["percentComplete"])
        if copy["usable"]:
            break
        stack.advance("PT5M")

    assert copy["status"] == "Succeeded"
    assert seen == sorted(seen)
    assert any(0 < percent < 100 for percent in seen), seen
    assert len(copy["disks"]) == len(machine.disks)
    assert {(disk["state"], disk["percentComplete"]) for disk in copy["disks"]} == {("Succeeded", 100)}
    assert 0 < copy["checks"] <= 8
    assert copy["source"]["virtualMachineId"] == machine.id
    assert copy["source"]["region"] == "westeurope"
    created, began, ended = (datetime.fromisoformat(copy[name]) for name in ("createdAt", "startedAt", "completedAt"))
    assert created.replace(microsecond=0) <= began < ended  # Azure tells its time in whole seconds
    assert (copy["error"], copy["attention"]) == (None, None)
    writes = stack.writes(f"/restorePoints/{copy['id']}")
    assert [(write["method"], write["path"].lower()) for write in writes] == [("PUT", copy["target"]["restorePointId"].lower())]


def test_two_at_once_on_two_workers_are_one_operation(stack: Running, contoso: Caller) -> None:
    for _ in range(5):
        machine, key = stack.machine(), new_key()
        with ThreadPoolExecutor(8) as pool:
            replies = list(pool.map(lambda _, m=machine, k=key: contoso.post("/restore-point-copies", m.copy(), key=k), range(8)))
        assert {reply.status for reply in replies} == {202}, [reply.body for reply in replies if reply.status != 202]
        assert len({reply.body["id"] for reply in replies}) == 1
