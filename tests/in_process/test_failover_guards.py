"""What a request passes before a failover: refusals with the field, checks, locks, the blast radius, the audit trail."""

import hashlib
import json
import uuid
from typing import Any

import pytest

from tests.support.accounts import table_of
from tests.support.api import Caller, Reply
from tests.support.running import new_key
from tests.support.sites import NARROW, Json, Sites, of_item, of_plan, start

UNKNOWN = "/subscriptions/{}/resourceGroups/provider-recovery/providers/Microsoft.Network/virtualNetworks/none"


@pytest.fixture
def provider(sites: Sites) -> Caller:
    """A caller of the provider's who may start failovers and read them."""
    return sites.caller()


def refused(reply: Reply, status: int, code: str, target: str | None = None) -> Reply:
    assert (reply.status, reply.code) == (status, code), reply
    if target is not None:
        assert target in {reply.error.get("target"), *reply.targets}, reply.error
    return reply


def effects(sites: Sites) -> int:
    return len(sites.stack.control("GET", "effects")["value"])


def test_wrong_combinations_are_refused_with_the_field_and_the_reason(sites: Sites, provider: Caller) -> None:
    item, other, plan, contoso, moved = sites.item(), sites.item(), sites.plan(), sites.caller("contoso"), sites.a2a()
    drill, before = sites.network("drill-provider-northeurope"), effects(sites)
    subscription = item.split("/")[2]
    wrong: list[tuple[Json, str]] = [
        (of_item(item, "PlannedFailover", reason=" "), "reason"),
        (of_item(item, "PlannedFailover", reason="x" * 1001), "reason"),
        ({"scope": {"protectedItemId": item}, "action": "Commit"}, "reason"),
        (of_item(item, "TestFailover"), "options.network"),
        (of_item(item, "PlannedFailover", options={"network": drill}), "options.network"),
        (of_item(item, "PlannedFailover", options={"dataSync": "ForDownTime"}), "options.dataSync"),
        (of_item(item, "PlannedFailover", options={"sourceSiteOperations": "Required"}), "options.sourceSiteOperations"),
        (of_item(item, "PlannedFailover", options={"targetVmName": "a" * 64}), "options.targetVmName"),
        (of_item(item, "PlannedFailover", options={"targetVmName": "a b"}), "options.targetVmName"),
        (of_item(item, "PlannedFailover", options={"recoveryPoint": {"id": f"{other}/recoveryPoints/1"}}), "options.recoveryPoint.id"),
        (of_item(item, "PlannedFailover", options={"recoveryPoint": "Newest"}), "options.recoveryPoint"),
        (of_item(item, "PlannedFailover", options={"colour": 1}), "options.colour"),
        (of_item(item, "PlannedFailover", thenReprotect=True), "thenReprotect"),
        (of_item(item, "PlannedFailover", thenCleanup=True), "thenCleanup"),
        (of_item(item, "PlannedFailover", thenCommit=True, commitWindow={"duration": "PT1H", "then": "Alert"}), "thenCommit"),
        (of_item(item, "PlannedFailover", commitWindow={"duration": "PT0S", "then": "Alert"}), "commitWindow.duration"),
        (of_item(item, "Commit", acceptUntested=True), "acceptUntested"),
        (of_item(item, "TestFailover", options={"network": None}, acceptWarnings=True), "acceptWarnings"),
        (of_plan(plan, "ApplyRecoveryPoint"), "action"),
        (of_plan(plan, "PlannedFailover", options={"targetVmName": "one"}), "options.targetVmName"),
        (of_item(plan, "PlannedFailover"), "scope.protectedItemId"),
        ({**of_item(item, "PlannedFailover"), "scope": {"protectedItemId": item, "recoveryPlanId": plan}}, "scope"),
        ({**of_item(item, "PlannedFailover"), "scope": {}}, "scope"),
        (of_item(item, "Failover"), "action"),
        ({**of_item(item, "PlannedFailover"), "colour": "red"}, "colour"),
    ]
    for body, target in wrong:
        for query in ("", "?dryRun=true"):
            refused(provider.post(f"/failovers{query}", body), 400, "InvalidRequest", target)
    planned = refused(contoso.post("/failovers", of_item(moved, "PlannedFailover")), 409, "ActionNotAllowed", "action")
    assert "Azure to Azure has no planned failover" in planned.error["message"]
    for network in (UNKNOWN.format(subscription), sites.network("drill-contoso-northeurope"), sites.network("drill-provider-westeurope")):
        body = of_item(item, "TestFailover", options={"network": network})
        refused(provider.post("/failovers", body), 409, "ChecksFailed", "options.network")
    gone = item.replace(item.rsplit("/", 1)[-1], "never-there")
    refused(provider.post("/failovers", of_item(gone, "PlannedFailover")), 404, "SourceNotFound", "scope")
    point = {"recoveryPoint": {"id": f"{item}/recoveryPoints/{uuid.uuid4()}"}}
    refused(provider.post("/failovers", of_item(item, "PlannedFailover", options=point)), 409, "ChecksFailed", "options.recoveryPoint")
    assert effects(sites) == before


def test_a_dry_run_has_no_effect(sites: Sites, provider: Caller) -> None:
    item, before = sites.item(), effects(sites)
    listed = len(provider.get("/failovers", top=1000).body["value"])
    for _ in range(2):
        reply = provider.post("/failovers?dryRun=true", of_item(item, "PlannedFailover", thenCommit=True), key=new_key())
        assert reply.status == 200
        assert (reply.body["legs"], reply.body["approval"]) == (["PlannedFailover", "Commit"], "none")
        checks = {check["name"]: check["result"] for check in reply.body["checks"]}
        assert checks.keys() >= {"actionAllowed", "noRunningJob", "ownership", "limits", "blastRadius", "health", "lastTestFailover"}
        assert set(checks.values()) == {"pass"}, reply.body["checks"]
        assert all(check["message"] for check in reply.body["checks"])
    sites.stack.advance("PT1H")
    assert effects(sites) == before
    assert len(provider.get("/failovers", top=1000).body["value"]) == listed
    assert sites.ended(provider, start(provider, of_item(item, "PlannedFailover")))["status"] == "Succeeded", "nothing was left locked"
    refused(provider.post("/failovers?dryRun=maybe", of_item(item, "Commit")), 400, "InvalidRequest", "dryRun")


def test_what_was_never_tested_needs_a_flag_and_a_reason(sites: Sites, provider: Caller) -> None:
    estate = sites.stack.control("GET", "estate")
    new = next(one["id"] for vault in estate["vaults"] for one in vault["items"] if one["friendlyName"] == "new01")
    stopped = refused(provider.post("/failovers", of_item(new, "PlannedFailover")), 409, "ChecksFailed", "acceptUntested")
    assert [detail["code"] for detail in stopped.error["details"]] == ["lastTestFailover"]
    ended = sites.ended(provider, start(provider, of_item(new, "PlannedFailover", acceptUntested=True)))
    assert ended["status"] == "Succeeded"
    (check,) = [check for check in ended["plan"]["checks"] if check["name"] == "lastTestFailover"]
    assert (check["result"], "acceptUntested" in check["message"]) == ("pass", True)


def test_a_sick_item_goes_only_when_its_warnings_are_accepted(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    sites.stack.fault("unhealthy", path=item.rsplit("/", 1)[-1], health="Critical")
    stopped = refused(provider.post("/failovers", of_item(item, "UnplannedFailover")), 409, "ChecksFailed", "acceptWarnings")
    assert "health" in {detail["code"] for detail in stopped.error["details"]}
    test = start(provider, of_item(item, "TestFailover", options={"network": None}, thenCleanup=True))
    assert sites.ended(provider, test)["status"] == "Succeeded", "a test is told of warnings, and goes"
    ended = sites.ended(provider, start(provider, of_item(item, "UnplannedFailover", acceptWarnings=True)))
    assert ended["status"] == "Succeeded"


def test_one_thing_at_a_time(sites: Sites, provider: Caller) -> None:
    item, plan = sites.item(), sites.plan()
    first = start(provider, of_item(item, "PlannedFailover", commitWindow={"duration": "PT4H", "then": "Alert"}))
    second = refused(provider.post("/failovers", of_item(item, "Commit")), 409, "ScopeBusy")
    assert first in second.error["message"]
    sites.until_step(provider, first, "commitWindow")
    refused(provider.post("/failovers", of_item(item, "Commit")), 409, "ScopeBusy")
    third = start(provider, of_plan(plan, "UnplannedFailover"))
    member = provider.post("/failovers?dryRun=true", of_plan(plan, "Commit")).body["members"][1]["protectedItemId"]
    busy = refused(provider.post("/failovers", of_item(member, "PlannedFailover")), 409, "ScopeBusy")
    assert third in busy.error["message"]
    assert sites.ended(provider, third)["status"] == "Succeeded"
    # and the other way round: a member that is being committed keeps the plan waiting
    fourth = start(provider, of_item(member, "Commit"))
    refused(provider.post("/failovers", of_plan(plan, "Commit")), 409, "ScopeBusy")
    assert sites.ended(provider, fourth)["status"] == "Succeeded"
    # and so it is when Azure, too, allows nothing because of it
    fifth = start(provider, of_item(member, "Failback"))
    sites.stack.advance("PT1M")
    busy = refused(provider.post("/failovers", of_plan(plan, "Failback")), 409, "ScopeBusy")
    assert busy.error["target"] == fifth


def test_no_more_machines_are_moved_within_an_hour_than_the_tenant_lets(sites: Sites) -> None:
    narrow = sites.caller(NARROW)
    items = [sites.a2a(NARROW) for _ in range(3)]
    moved = [start(narrow, of_item(item, "UnplannedFailover")) for item in items[:2]]
    sites.stack.advance("PT1M")
    stopped = refused(narrow.post("/failovers", of_item(items[2], "UnplannedFailover")), 409, "ChecksFailed")
    assert [detail["code"] for detail in stopped.error["details"]] == ["blastRadius"]
    assert start(narrow, of_item(items[2], "TestFailover", options={"network": None}, thenCleanup=True)), "a test moves nothing"
    for failover in moved:
        assert sites.ended(narrow, failover)["status"] == "Succeeded"
    sites.stack.advance("PT1H")
    assert sites.ended(narrow, start(narrow, of_item(items[2], "UnplannedFailover")))["status"] == "Succeeded"


def test_many_at_once_do_not_slip_past_the_blast_radius(sites: Sites) -> None:
    sites.stack.advance("PT2H")
    narrow = sites.caller(NARROW)
    failovers = [start(narrow, of_item(sites.a2a(NARROW), "UnplannedFailover")) for _ in range(4)]
    ended = [sites.ended(narrow, failover) for failover in failovers]
    assert sum(one["status"] == "Succeeded" for one in ended) <= 2
    for one in ended:
        if one["status"] != "Succeeded":
            assert (one["status"], one["error"]["code"]) == ("Failed", "ChecksFailed")
            assert one["error"]["details"][0]["code"] == "blastRadius"


def test_the_last_look_before_the_start_is_Azures(sites: Sites, provider: Caller) -> None:  # noqa: N802  # a name
    item = sites.item()
    sites.stack.fault("error", method="POST", path=f"{item.rsplit('/', 1)[-1]}/plannedFailover", status=403)
    ended = sites.ended(provider, start(provider, of_item(item, "PlannedFailover", thenCommit=True)))
    assert (ended["status"], ended["error"]["code"]) == ("Failed", "AuthorizationFailed")
    assert [leg["status"] for leg in ended["legs"]] == ["Failed", "Canceled"]
    assert sites.posts(item) == []


def test_a_failover_is_canceled_before_it_starts_and_not_after(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    failover = start(provider, of_item(item, "PlannedFailover"))
    sites.stack.advance("PT1M")
    late = refused(provider.post(f"/failovers/{failover}/cancel"), 409, "AlreadyStarted")
    assert late.error.get("details", []) == [], "while its job runs Azure allows nothing"
    assert sites.ended(provider, failover)["status"] == "Succeeded"
    over = provider.post(f"/failovers/{failover}/cancel")
    assert (over.status, over.code) == (409, "AlreadyEnded")


class Trail:
    """The audit trail of a failover."""

    def __init__(self, sites: Sites, caller: Caller, failover: str) -> None:
        self._sites, self._caller, self._failover = sites, caller, failover

    def read(self) -> Json:
        """Read it over HTTP."""
        reply = self._caller.get(f"/failovers/{self._failover}/audit")
        assert reply.status == 200, reply
        body: dict[str, Any] = reply.body
        return body

    def rows(self) -> Any:
        """Return a client of the table that it is kept in."""
        return table_of(self._sites.stack.storage, "audit")

    def last(self) -> dict[str, Any]:
        """Return the row of the last entry."""
        with self.rows() as rows:
            return dict(max(rows.query_entities(f"PartitionKey eq '{self._failover}'"), key=lambda row: str(row["RowKey"])))


def test_everything_is_in_the_audit_trail_and_nothing_can_be_changed_there(sites: Sites, provider: Caller) -> None:
    asked = of_item(sites.item(), "PlannedFailover", options={"recoveryPoint": "LatestProcessed"}, thenCommit=True)
    failover = start(provider, asked)
    ended = sites.ended(provider, failover)
    trail = Trail(sites, provider, failover)
    body = trail.read()
    assert body["verified"] is True
    events = [entry["event"] for entry in body["value"]]
    assert events == ["requested", "planned", "started", "ended", "started", "ended", "finished"]
    assert body["value"][0]["detail"] == asked, "what was asked for, whole"
    checked = body["value"][1]["detail"]["checks"]
    assert checked == {check["name"]: check["result"] for check in ended["plan"]["checks"]}, "and what was checked"
    assert body["value"][0]["actor"] == provider.get(f"/failovers/{failover}").body["requestedBy"]
    assert [entry["sequence"] for entry in body["value"]] == list(range(1, 8))
    assert recomputed(body) == body["head"]

    last = trail.last()
    with trail.rows() as rows:
        changed = json.loads(last["entry"]) | {"detail": {"status": "Failed"}}
        rows.update_entity(last | {"entry": json.dumps(changed).encode()})
        assert trail.read()["verified"] is False, "a changed entry"
        changed["hash"] = entry_hash(changed)
        rows.update_entity(last | {"entry": json.dumps(changed).encode()})
        assert trail.read()["verified"] is False, "a changed entry with a hash that fits"
        rows.delete_entity(last["PartitionKey"], last["RowKey"])
        assert trail.read()["verified"] is False, "the last entry is gone"
        rows.create_entity(last)
        assert trail.read()["verified"] is True


def recomputed(body: Json) -> str:
    """Chain the entries of an answer anew, as anybody can, and return the head."""
    head = "0" * 64
    for entry in body["value"]:
        assert entry["previousHash"] == head
        assert entry["hash"] == entry_hash(entry)
        head = str(entry["hash"])
    return head


def entry_hash(entry: Json) -> str:
    plain = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def test_the_trail_of_one_that_is_under_way_can_be_tampered_with_no_more(sites: Sites, provider: Caller) -> None:
    item = sites.item()
    failover = start(provider, of_item(item, "PlannedFailover", commitWindow={"duration": "PT4H", "then": "Alert"}))
    sites.until_step(provider, failover, "commitWindow")
    trail = Trail(sites, provider, failover)
    assert trail.read()["verified"] is True
    last = trail.last()
    with trail.rows() as rows:
        rows.delete_entity(last["PartitionKey"], last["RowKey"])
        assert trail.read()["verified"] is False
        rows.create_entity(last)
