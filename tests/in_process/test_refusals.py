"""What is refused, over real HTTP: with the field that is wrong, and in the order of the contract."""

import json
from typing import Any

import pytest

from tests.support.api import Caller, Reply
from tests.support.running import READ_WRITE, Running

VM = "/subscriptions/00000000-0000-4000-8000-000000000001/resourceGroups/g/providers/Microsoft.Compute/virtualMachines/vm"
START = "/restore-point-copies"
ROUTES = [
    ("POST", START, "Copies.Write"),
    ("GET", START, "Copies.Read"),
    ("GET", f"{START}/{'a' * 26}", "Copies.Read"),
    ("POST", f"{START}/{'a' * 26}/cancel", "Copies.Write"),
    ("POST", f"{START}/{'a' * 26}/redo", "Copies.Write"),
    ("GET", "/operations", "Copies.Read"),
    ("GET", f"/operations/{'a' * 26}", "Copies.Read"),
    ("POST", f"/operations/{'a' * 26}/cancel", "Copies.Write"),
    ("POST", f"/operations/{'a' * 26}/retry", "Copies.Write"),
    ("GET", "/tenants", "Tenants.Read"),
    ("GET", "/tenants/contoso", "Tenants.Read"),
    ("GET", "/rejected-messages", "Admin"),
    ("POST", "/rejected-messages/1a/replay", "Admin"),
]


def refused(reply: Reply, status: int, code: str, target: str | None = None) -> Reply:
    assert (reply.status, reply.code) == (status, code), reply
    if target is not None:
        assert target in {reply.error.get("target"), *reply.targets}, reply.error
    return reply


def test_bad_bodies_name_the_field(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    point, target = {"restorePointId": machine.points[0]}, machine.target()
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"source": point, "target": target, "colour": "red"}, "colour"),
        ({"source": {**point, "vmId": "x"}, "target": target}, "source.vmId"),
        ({"source": {"restorePointId": "restorePoints/1"}, "target": target}, "source.restorePointId"),
        ({"source": {"restorePointId": machine.id}, "target": target}, "source.restorePointId"),
        ({"source": {"virtualMachineId": machine.points[0]}, "target": target}, "source.virtualMachineId"),
        ({"source": {"virtualMachineId": machine.id, "excludeDisks": [machine.disks[0], machine.id]}, "target": target},
         "source.excludeDisks[1]"),
        ({"source": {"virtualMachineId": machine.id, "consistencyMode": "Perfect"}, "target": target}, "source.consistencyMode"),
        ({"source": {**point, "virtualMachineId": machine.id}, "target": target}, "source"),
        ({"source": {**point, "excludeDisks": [machine.disks[0]]}, "target": target}, "source.excludeDisks"),
        ({"source": {}, "target": target}, "source"),
        ({"target": target}, "source"),
        ({"source": point}, "target"),
        ({"source": point, "target": {"region": "northeurope"}}, "target.resourceGroup"),
        ({"source": point, "target": machine.target(region="north/europe")}, "target.region"),
        ({"source": point, "target": machine.target(subscriptionId="mine")}, "target.subscriptionId"),
        ({"source": point, "target": machine.target(collection="a..b")}, "target.collection"),
        ({"source": point, "target": target, "tags": {str(number): "" for number in range(16)}}, "tags"),
        ({"source": point, "target": target, "tags": {"a": "x" * 257}}, "tags"),
        ({"source": point, "target": target, "tags": {"a": 1}}, "tags.a"),
        ({"source": point, "target": target, "id": "mine"}, "id"),
        ({"source": None, "target": None}, "source"),
    ]  # fmt: skip
    for body, field in wrong:
        refused(contoso.post(START, body), 400, "InvalidRequest", field)


@pytest.mark.parametrize("content", [b"", b" ", b"[]", b'"text"', b"{", b'{"a": 1, "a": 2}', b'{"a": NaN}', b"\xff\xfe", b"[" * 40000])
def test_what_is_no_json_object(contoso: Caller, content: bytes) -> None:
    refused(contoso.call("POST", START, content, {"Content-Type": "application/json"}), 400, "InvalidRequest")


def test_size_and_content_type(stack: Running, contoso: Caller) -> None:
    large = json.dumps({"tags": {"a": "x" * 1024 * 1024}}).encode()
    refused(contoso.call("POST", START, large, {"Content-Type": "application/json"}), 413, "PayloadTooLarge")
    refused(contoso.call("POST", START, large, {"Content-Type": "text/plain"}), 413, "PayloadTooLarge")
    body = json.dumps(stack.machine().copy()).encode()
    for kind in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=latin-1"):
        refused(contoso.call("POST", START, body, {"Content-Type": kind}), 415, "UnsupportedMediaType", "Content-Type")


def test_regions(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    for source in ({"restorePointId": machine.points[0]}, {"virtualMachineId": machine.id}):
        same = {"source": source, "target": machine.target(region="West Europe")}
        refused(contoso.post(START, same), 400, "SameRegion", "target.region")
        unknown = {"source": source, "target": machine.target(region="atlantis")}
        refused(contoso.post(START, unknown), 400, "UnknownRegion", "target.region")


def test_a_source_that_azure_does_not_have(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    gone = {"restorePointId": machine.points[0] + "x"}
    refused(contoso.post(START, {"source": gone, "target": machine.target()}), 404, "SourceNotFound", "source.restorePointId")
    gone = {"virtualMachineId": machine.id + "x"}
    refused(contoso.post(START, {"source": gone, "target": machine.target()}), 404, "SourceNotFound", "source.virtualMachineId")


@pytest.mark.parametrize(
    ("tenant", "name", "mode", "reason"),
    [
        ("provider", "cluster01", None, "SharedDiskNotSupported"),
        ("provider", "build01", None, "EphemeralOsDiskNotSupported"),
        ("contoso", "vault01", None, "PrivateLinkNotSupported"),
        ("contoso", "db01", "CrashConsistent", "CrashConsistencyNotSupported"),
        ("fabrikam", "cluster02", None, "SharedDiskNotSupported"),
        ("fabrikam", "agent01", None, "EphemeralOsDiskNotSupported"),
    ],
)
def test_vms_of_the_sample_estate_that_azure_cannot_copy(stack: Running, tenant: str, name: str, mode: str | None, reason: str) -> None:
    estate = stack.control("GET", "estate")
    vm = next(item for item in estate["virtualMachines"] if item["id"].endswith(f"/{tenant}-{name}"))
    region = "northeurope" if vm["location"] == "westeurope" else "westeurope"
    source = {"virtualMachineId": vm["id"], **({"consistencyMode": mode} if mode else {})}
    body = {"source": source, "target": {"region": region, "resourceGroup": f"{tenant}-recovery"}}
    reply = refused(stack.caller(*READ_WRITE, tenant=tenant).post(START, body), 409, "CopyNotSupported", "source")
    assert reason in {detail["code"] for detail in reply.error["details"]}
    assert all(detail["message"].rstrip(".")[1:] in reply.error["message"] for detail in reply.error["details"])


def test_a_copy_of_a_copy_is_refused(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    accepted = contoso.post(START, machine.copy())
    copied = stack.until_ended(contoso, accepted.headers["location"]).body["target"]["restorePointId"]
    body = {"source": {"restorePointId": copied}, "target": machine.target(region="westeurope")}
    reply = refused(contoso.post(START, body), 409, "CopyNotSupported")
    assert "CopyOfACopy" in {detail["code"] for detail in reply.error["details"]}


def test_a_copy_that_a_person_has_made_is_refused_and_named(stack: Running, contoso: Caller) -> None:
    machine = stack.machine()
    collection = machine.points[0].rpartition("/restorePoints/")[0]
    made = f"{collection.replace('contoso-production', 'contoso-recovery')}-by-hand"
    source = {"id": collection}
    assert stack.by_hand("PUT", made, {"location": machine.target()["region"], "properties": {"source": source}}).status == 201
    point = f"{made}/restorePoints/of-monday"
    copied = {"properties": {"sourceRestorePoint": {"id": machine.points[0].upper()}}}
    assert stack.by_hand("PUT", point, copied).status == 201
    body = {**machine.copy(), "target": machine.target(collection=made.rpartition("/")[2])}
    refused(contoso.post(START, body), 409, "RestorePointAlreadyCopied", point)
    stack.fault("throttle", method="GET", path="-by-hand$", retryAfter=60, times=1000)
    accepted = contoso.post(START, body)
    stack.control("DELETE", "faults")
    late = stack.until_ended(contoso, accepted.headers["location"]).body
    assert (late["status"], late["error"]["code"], late["error"]["target"]) == ("Failed", "RestorePointAlreadyCopied", point)
    assert stack.until_ended(contoso, contoso.post(START, {**machine.copy(1), "target": body["target"]}).headers["location"]).body["usable"]


def test_headers_that_are_wrong(stack: Running, contoso: Caller) -> None:
    body = stack.machine().copy()
    refused(contoso.post(START, body, key="not a guid"), 400, "InvalidRequest", "Repeatability-Request-ID")


@pytest.mark.parametrize(
    ("path", "target"),
    [
        (f"{START}?colour=red", "colour"),
        (f"{START}?status=running", "status"),
        (f"{START}?top=0", "top"),
        (f"{START}?top=1001", "top"),
        (f"{START}?top=ten", "top"),
        (f"{START}?continuation=AAAA", "continuation"),
        (f"{START}?virtualMachineId=web01", "virtualMachineId"),
        (f"{START}?region=north/europe", "region"),
        ("/operations?status=Stuck", "status"),
        ("/operations?attention=false", "attention"),
        ("/operations?kind=cake", "kind"),
        ("/operations?top=-1", "top"),
        (f"{START}/{'a' * 26}?x=1", "x"),
    ],
)
def test_queries_that_are_wrong(contoso: Caller, path: str, target: str) -> None:
    refused(contoso.get(path), 400, "InvalidRequest", target)


@pytest.mark.parametrize(("method", "path", "role"), ROUTES)
def test_each_route_needs_a_token_and_names_the_missing_role(stack: Running, method: str, path: str, role: str) -> None:
    others = [known for known in ("Copies.Read", "Copies.Write", "Failovers.Approve", "Tenants.Write", "Tenants.Read") if known != role]
    if "/operations" in path:
        others = ["Failovers.Approve"]
    for caller in (
        Caller(stack.api, None, stack.description),
        Caller(stack.api, "nonsense", stack.description),
        stack.caller(role, expired=True),
        stack.caller(role, audience="api://another"),
    ):
        assert refused(caller.call(method, path), 401, "Unauthenticated").headers["www-authenticate"].startswith("Bearer")
    reply = refused(stack.caller(*others).call(method, path, b"not even JSON"), 403, "MissingRole")
    assert role in reply.error["message"]


def test_a_token_that_was_changed(stack: Running) -> None:
    head, claims, signature = stack.token("Copies.Read").split(".")
    _, others, _ = stack.token("Copies.Read", tenant="fabrikam").split(".")
    for token in (f"{head}.{others}.{signature}", f"{head}.{claims}.", f"{head}.{claims}.{signature[::-1]}"):
        refused(Caller(stack.api, token, stack.description).get(START), 401, "Unauthenticated")


def test_what_is_not_there(stack: Running) -> None:
    caller = stack.caller(*READ_WRITE, "Tenants.Read")
    for path in (f"{START}/{'a' * 26}", f"{START}/x", "/operations/x", f"/operations/{'b' * 26}", "/tenants/nobody"):
        refused(caller.get(path), 404, "NotFound")
    for path in (f"{START}/x/cancel", f"{START}/{'a' * 26}/redo", f"/operations/{'a' * 26}/retry"):
        refused(caller.post(path), 404, "NotFound")


@pytest.mark.parametrize(("fault", "more"), [("throttle", {"retryAfter": 60}), ("error", {"status": 503}), ("timeout", {})])
def test_when_azure_does_not_answer_the_request_is_accepted_and_its_first_step_finds_what_is_wrong(
    stack: Running, contoso: Caller, fault: str, more: dict[str, object]
) -> None:
    good, gone = stack.machine(), stack.machine()
    missing = {"source": {"restorePointId": gone.points[0] + "x"}, "target": gone.target()}
    for machine, body in ((gone, missing), (good, good.copy())):
        stack.fault(fault, method="GET", path=f"/{machine.points[0].split('/')[-3]}/", times=1000, **more)
        accepted = contoso.post(START, body)
        assert accepted.status == 202, accepted
        stack.control("DELETE", "faults")
        ended = stack.until_ended(contoso, accepted.headers["location"]).body
        if machine is good:
            assert ended["usable"]
        else:
            assert (ended["status"], ended["error"]["code"]) == ("Failed", "SourceNotFound")
            assert ended["error"]["target"] == "source.restorePointId"
