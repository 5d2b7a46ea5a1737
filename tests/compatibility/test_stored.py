"""What a version stored is carried to its end by today's code: each operation comes out as it must, nothing is started twice or lost.

Everything happens once, in `ended`; the tests look at what became of it. What is stored, and how it is recorded: record.py.
"""

import json
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pytest
from azure.data.tables import TableServiceClient

from tests.compatibility.conftest import Resumed
from tests.compatibility.record import COPIES, FAILOVERS, ROLES
from tests.support.api import Caller
from tests.support.running import Running

Json = dict[str, Any]
ENDED = {"Succeeded", "Failed", "Canceled"}
#: What each operation must come to, by the state in which it was stored.
COPIES_END = {
    "finished": "Succeeded",
    "following": "Succeeded",
    "waiting": "Succeeded",
    "occupying": "Succeeded",
    "copyInDoubt": "Succeeded",
    "making": "Succeeded",
    "announcing": "Canceled",
}
FAILOVERS_END = ("finishedFailover", "suspended", "drill", "awaitingApproval", "failoverInDoubt")


@dataclass(frozen=True, slots=True)
class Ended:
    """Where everything has ended: the stack, what was stored, and everything by the name of its state."""

    stack: Running
    resumed: Resumed
    provider: Caller
    before: dict[str, Json]
    after: dict[str, Json]

    def rows(self, table: str) -> list[Json]:
        """Return a table's rows."""
        with TableServiceClient.from_connection_string(self.stack.storage) as tables:
            return [dict(row) for row in tables.get_table_client(table).list_entities()]

    def effects(self, text: str) -> list[str]:
        """Return the writes since then whose path contains this."""
        return [effect["path"] for effect in self.stack.writes(text)]


@pytest.fixture(scope="module")
def ended(resumed: Resumed) -> Ended:
    """Carry on what was stored: two persons send their inputs, and time passes."""
    stack, names = resumed.stack, resumed.stored.names
    provider = stack.caller(*ROLES, "Admin", tenant="provider")
    before = read(provider, names)
    with_newer_columns(stack, names)
    approver = stack.caller(*ROLES, "Failovers.Approve", tenant="fabrikam", user="bob")
    plan = before["awaitingApproval"]["plan"]["hash"]
    assert approver.post(f"{FAILOVERS}/{names['awaitingApproval']}/approve", {"planHash": plan}).status == 202
    assert provider.post(f"{FAILOVERS}/{names['suspended']}/resume").status == 202
    for _ in range(60):
        stack.advance("PT20M")
        after = read(provider, names)
        if all(one["status"] in ENDED for one in after.values()):
            return Ended(stack, resumed, provider, before, after)
    raise AssertionError({name: (one["status"], one["step"], one["attention"]) for name, one in after.items()})


def read(caller: Caller, names: dict[str, str]) -> dict[str, Json]:
    """Return every operation that was stored as it is now."""
    found = {}
    for name, operation in names.items():
        reply = caller.get(f"{COPIES if name in COPIES_END else FAILOVERS}/{operation}")
        assert reply.status == 200, (name, reply)
        found[name] = reply.body
    return found


def with_newer_columns(stack: Running, names: dict[str, str]) -> None:
    """Add a column that no version knows to the rows of the copy that waits, and a row that only a newer version may carry on."""
    with TableServiceClient.from_connection_string(stack.storage) as tables:
        table = tables.get_table_client("operations")
        for row in list(table.list_entities()):
            if row["RowKey"] in {f"a|{names['waiting']}", f"o|{names['waiting']}"}:
                table.update_entity({"PartitionKey": row["PartitionKey"], "RowKey": row["RowKey"], "wings": 4})
            if row["RowKey"] == f"a|{names['following']}":
                table.create_entity({**row, "RowKey": f"a|{newer(names)}", "v": 2, "nextAt": "2020-01-01T00:00:00.000000Z"})


def newer(names: dict[str, str]) -> str:
    """Return an id in the partition of the copy that is followed."""
    return f"{names['following'][:4]}{'a' * 22}"


def test_what_was_stored_is_what_the_record_states(resumed: Resumed) -> None:
    stored = resumed.stored
    steps = Counter(row["step"] for row in stored.tables["operations"] if row["RowKey"].startswith("a|"))
    assert steps.keys() >= {"copying", "waiting", "made", "starting", "running", "suspended", "awaitingApproval"}, steps
    assert [row for row in stored.tables["operations"] if row.get("announce")]
    assert [row for row in stored.tables["operations"] if isinstance(row.get("state"), dict) and row["state"]["deflated"].get("intent")]
    assert {"audit", "budgets", "chains", "copies", "drills", "locks", "moves", "operations", "rejected", "tenants"} <= {
        table for table, rows in stored.tables.items() if rows
    }
    assert {"restore-point-copy-requests", "restore-point-copy-steps", "replication-checks", "outcomes"} <= stored.queues.keys()
    assert {row["v"] for rows in stored.tables.values() for row in rows} == {1}
    assert not [
        row for rows in stored.tables.values() for row in rows for value in row.values() if isinstance(value, dict) and "bytes" in value
    ]


@pytest.mark.parametrize("name", COPIES_END)
def test_a_copy_ends_as_it_must(ended: Ended, name: str) -> None:
    after = ended.after[name]
    assert (after["status"], after["usable"]) == (COPIES_END[name], COPIES_END[name] == "Succeeded"), after
    assert after["attention"] is None


@pytest.mark.parametrize("name", FAILOVERS_END)
def test_a_failover_ends_as_it_must(ended: Ended, name: str) -> None:
    assert (ended.after[name]["status"], ended.after[name]["attention"]) == ("Succeeded", None), ended.after[name]


@pytest.mark.parametrize("name", ["finished", "finishedFailover"])
def test_what_had_ended_is_reported_as_it_was(ended: Ended, name: str) -> None:
    assert ended.after[name] == ended.before[name]
    assert ended.before[name]["status"] == "Succeeded"


def test_nothing_is_started_a_second_time(ended: Ended) -> None:
    again = {
        "following": ended.after["following"]["target"]["restorePointId"],
        "copyInDoubt": ended.after["copyInDoubt"]["target"]["restorePointId"],
    }
    assert {name: ended.effects(point) for name, point in again.items()} == {"following": [], "copyInDoubt": []}
    assert len(ended.effects(ended.after["waiting"]["target"]["restorePointId"])) == 1
    assert ended.effects("contoso-erp01/unplannedFailover") == []
    assert len(ended.effects("fabrikam-web01/unplannedFailover")) == 1
    assert len(ended.effects("/resume")) == 1
    assert ended.effects("erp02/testFailover/") == []
    assert len(ended.effects("erp02/testFailoverCleanup")) == 1


def test_each_end_is_reported_once(ended: Ended) -> None:
    told = Counter(event["id"] for event in ended.stack.events() if event["id"].endswith("/terminal"))
    names = ended.resumed.stored.names
    assert {name: told[f"{operation}/terminal"] for name, operation in names.items()} == dict.fromkeys(names, 1)


def test_the_request_that_was_left_in_its_queue_is_carried_out(ended: Ended) -> None:
    listed = ended.provider.get(COPIES, top=100, status="Succeeded").body["value"]
    (left,) = (copy for copy in listed if copy["id"] not in ended.resumed.stored.names.values())
    assert (left["tenant"], left["usable"], left["requestedBy"]["kind"]) == ("provider", True, "queue")


def test_nothing_is_left_over(ended: Ended) -> None:
    active = [row["RowKey"] for row in ended.rows("operations") if row["RowKey"].startswith(("a|", "d|"))]
    assert active == [f"a|{newer(ended.resumed.stored.names)}"]
    assert [row for row in ended.rows("locks") if row["PartitionKey"] != "daily"] == []  # the mark of a job that runs once a day
    assert [row["RowKey"] for row in ended.rows("chains") if row["RowKey"] != "head"] == []
    assert [json.loads(row["head"])["current"] for row in ended.rows("chains")] == [None] * len(ended.rows("chains"))


def test_a_row_of_a_newer_version_is_left_alone_and_an_unknown_column_survives(ended: Ended) -> None:
    names = ended.resumed.stored.names
    (left,) = (row for row in ended.rows("operations") if row["RowKey"] == f"a|{newer(names)}")
    assert (left["v"], left["nextAt"], left["step"]) == (2, "2020-01-01T00:00:00.000000Z", "copying")
    (kept,) = (row for row in ended.rows("operations") if row["RowKey"] == f"o|{names['waiting']}")
    assert kept["wings"] == 4


@pytest.mark.parametrize("name", FAILOVERS_END)
def test_each_audit_trail_is_whole_from_its_first_entry_on(ended: Ended, name: str) -> None:
    reply = ended.provider.get(f"{FAILOVERS}/{ended.resumed.stored.names[name]}/audit")
    assert reply.status == 200
    assert (reply.body["verified"], len(reply.body["value"]) > 1) == (True, True), reply.body


def test_the_drill_is_reported(ended: Ended) -> None:
    report = ended.provider.get("/drill-policies/monthly/report").body
    (run,) = (run for run in report["value"] if run["failoverId"] == ended.resumed.stored.names["drill"])
    assert (run["status"], run["cleanedUp"]) == ("Succeeded", True)


def test_a_rejected_message_is_there_and_can_be_replayed(ended: Ended) -> None:
    (kept,) = ended.provider.get("/rejected-messages").body["value"]
    assert (kept["body"], kept["reason"]["code"]) == ("this is no request", "UnreadableMessage")
    assert ended.provider.post(f"/rejected-messages/{kept['id']}/replay").status == 202
    ended.stack.advance()
    assert len(ended.provider.get("/rejected-messages").body["value"]) == 2
