"""Azure's codes become messages, which keep Azure's own text."""

import pytest

from shared.copies.copying.rules.failures import azure_problem, ended_copy, failed_copy, meaning_of
from shared.copies.copying.rules.replication import Replication, ReplicationState
from shared.errors import ErrorCode, Problem

DOCUMENTED = {
    "OperationNotAllowed": False,
    "VMRestorePointClientError": False,
    "VMRestorePointInternalError": True,
    "VMAgentStatusCommunicationError": False,
    "DiskRestorePointClientError": False,
    "DiskRestorePointUsedByCustomer": False,
    "InternalError": True,
    "InternalExecutionError": True,
    "InternalOperationError": True,
    "BadRequest": False,
}


@pytest.mark.parametrize(("code", "retry"), DOCUMENTED.items())
def test_every_documented_code_has_a_text_and_states_whether_to_ask_again(code: str, retry: bool) -> None:
    assert meaning_of(code).retry is retry
    assert code not in meaning_of(code).message
    assert meaning_of(code.upper()) == meaning_of(code)


def test_the_code_with_many_causes_names_that_of_a_copy_too() -> None:
    assert "copied to that region already" in meaning_of("OperationNotAllowed").message


def test_an_unknown_code_is_named_and_not_asked_again() -> None:
    assert not meaning_of("Surprise").retry
    assert "Surprise" in meaning_of("Surprise").message


def test_azures_own_text_stay() -> None:
    azures = Problem("DiskRestorePointUsedByCustomer", "disk x is in use", "x")
    ours = azure_problem(azures)
    assert (ours.code, ours.target, ours.details) == (ErrorCode.AZURE_REFUSED, "x", (azures,))
    assert "revoke" in ours.message
    assert "disk x is in use" in ours.message


def test_a_failed_copy_gives_its_reason_and_what_to_do() -> None:
    problem = failed_copy(Replication(ReplicationState.FAILED, 42, message="disk-1: quota is used up."))
    assert problem.code == ErrorCode.COPY_FAILED
    assert "quota is used up. Azure cannot resume it" in problem.message
    assert "redo" in problem.message
    assert "no reason" in failed_copy(Replication(ReplicationState.FAILED, 0)).message
    assert "two weeks" in ended_copy(14).message
