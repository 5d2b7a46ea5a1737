"""operate.md names each code that asks for attention, and each wait for Azure with the time after which it does."""

import ast
import re
from collections.abc import Iterator

import pytest

from local.processes import ROOT
from shared.copies.copying.rules.waits import PATIENCE, AzureWait
from shared.copies.restores.steps import patience as of_restores
from shared.errors import ErrorCode
from shared.installations.reach.failures import ATTENTION
from shared.operations.running.effects import BUSY_LIMIT, BUSY_REFUSALS
from shared.operations.timings import ATTEMPTS_BEFORE_ATTENTION, THROTTLED_BEFORE_ATTENTION
from shared.values.absence import LASTS
from shared.values.durations import readable_duration
from shared.virtual_machines.steps import patience

PAGE = (ROOT / "docs" / "operate.md").read_text(encoding="utf-8")
SECTION = PAGE[PAGE.index("## attention") : PAGE.index("## poison-messages")]
CODES, WAITS = SECTION.split("### Waits for Azure")
SUBJECTS = {
    AzureWait.RESTORE_POINT: "the restore point of the VM to be finished",
    AzureWait.SOURCE: "the restore point of the request to be finished",
    AzureWait.DELETION: "the restore point of a failed copy to be deleted",
    AzureWait.OTHER_COPY: "a copy that was not started here to leave the target collection",
    AzureWait.RATE: "Azure to accept a write that it answers with 429",
}


def _attentions(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield what a module gives as an attention: arguments, variables and the results of functions that are named so."""
    for node in ast.walk(tree):
        match node:
            case ast.keyword(arg="attention", value=value):
                yield value
            case ast.Assign(targets=[ast.Name(id="attention")], value=value):
                yield value
            case ast.Call(func=ast.Attribute(attr="with_attention"), args=[value, *_]):
                yield value
            case ast.FunctionDef(name=name) if "attention" in name or "overdue" in name:
                yield node


def _codes() -> set[str]:
    found: set[str] = set(map(str, ATTENTION))
    for path in (ROOT / "shared").rglob("*.py"):
        for part in _attentions(ast.parse(path.read_text(encoding="utf-8"))):
            for node in ast.walk(part):
                match node:
                    case ast.Attribute(value=ast.Name(id="ErrorCode"), attr=name):
                        found.add(str(ErrorCode[name]))
    return found


def test_each_code_of_an_attention_is_described() -> None:
    codes = _codes()
    assert {"NoProgress", "OutcomeUnknown", "NotTidied", "QuotaOutOfSync", "CommitWindowOver"} <= codes
    missing = {code for code in codes if not re.search(rf"^\| `{code}` \|", CODES, re.MULTILINE)}
    assert not missing, f"operate.md, 'attention', has no row for {sorted(missing)}"


def row_of(subject: str) -> list[str]:
    rows = [line for line in WAITS.splitlines() if line.startswith("|") and subject in line]
    assert len(rows) == 1, f"operate.md, 'Waits for Azure', has {len(rows)} rows for: {subject}"
    return [cell.strip() for cell in rows[0].strip("|").split("|")]


@pytest.mark.parametrize("wait", AzureWait)
def test_each_wait_of_a_copy_is_named_with_its_time(wait: AzureWait) -> None:
    assert row_of(SUBJECTS[wait])[2] == readable_duration(PATIENCE[wait])


@pytest.mark.parametrize(
    ("subject", "after"),
    [
        ("Azure to finish its work on the machine", readable_duration(patience.PATIENCE)),
        ("Azure to fill the disks", readable_duration(of_restores.PATIENCE["makingDisks"])),
        ("Azure to end deletions", readable_duration(of_restores.PATIENCE["cleaningUp"])),
        ("Azure to make an interface", f"{readable_duration(of_restores.PATIENCE['booting'])}, beside `bootTimeout`"),
        ("because another operation works on it", f"never: {readable_duration(BUSY_LIMIT)} and {BUSY_REFUSALS} refusals"),
        ("Azure to accept a call that it refuses for its rate", readable_duration(THROTTLED_BEFORE_ATTENTION)),
        ("a resource that exists, but is answered 404", readable_duration(LASTS)),
        ("Azure to answer without an error", "five attempts" if ATTEMPTS_BEFORE_ATTENTION == 5 else ""),
    ],
)
def test_each_wait_of_the_others_is_named_with_its_time(subject: str, after: str) -> None:
    assert row_of(subject)[2] == after
