"""What Azure's error codes mean for a copy, in words, and whether asking again can help (docs/azure/restore-points.md, "Error codes")."""

from dataclasses import dataclass

from shared.copies.copying.rules.replication import Replication
from shared.errors import ErrorCode, Problem


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a code means: `words` for a person; `retry` says whether the same call may succeed later without anyone's help."""

    words: str
    retry: bool


_MEANINGS = {
    "OperationNotAllowed": Meaning(
        "Azure does not allow it now: the VM was changed while the restore point was made, its disks are not allocated, "
        "a limit is reached, or somebody has copied it to that region already",
        retry=False,
    ),
    "VMRestorePointClientError": Meaning(
        "Azure could not make the restore point for a reason that lies with the VM: another one is being made, the limit "
        "is reached, a disk is shared, or VSS in the VM failed",
        retry=False,
    ),
    "VMRestorePointInternalError": Meaning("Azure failed to make the restore point, for a reason of its own", retry=True),
    "VMAgentStatusCommunicationError": Meaning(
        "Azure could not reach the agent in the VM: see that the VM runs, its agent is healthy and it can reach Azure, "
        "or ask for CrashConsistent, which needs no agent",
        retry=False,
    ),
    "DiskRestorePointClientError": Meaning("a disk of the restore point cannot be copied as it is", retry=False),
    "DiskRestorePointUsedByCustomer": Meaning(
        "a disk of the restore point has an active SAS: revoke it, then it can be deleted", retry=False
    ),
    "InternalError": Meaning("Azure had an internal error", retry=True),
    "InternalExecutionError": Meaning("Azure had an internal error", retry=True),
    "InternalOperationError": Meaning("Azure had an internal error", retry=True),
    "BadRequest": Meaning("Azure did not accept the request as it was sent", retry=False),
    "Conflict": Meaning("something of this name exists already, or is being changed", retry=True),
    "TooManyRequests": Meaning("Azure starts no more at this rate", retry=True),
    "AuthorizationFailed": Meaning("the app's identity lacks a right: see the action and the scope in Azure's words", retry=False),
    "ScopeLocked": Meaning("a lock on the resource or its resource group forbids it: remove the lock first", retry=False),
    "ResourceGroupNotFound": Meaning("the resource group does not exist: create it first", retry=False),
    "ResourceNotFound": Meaning("the resource does not exist", retry=False),
}
_BY_CODE = {code.lower(): meaning for code, meaning in _MEANINGS.items()}


def meaning_of(code: str) -> Meaning:
    """Return what a code of Azure's means; of one that is not known, that it is not, and that asking again is no answer."""
    return _BY_CODE.get(code.lower(), Meaning(f"Azure refused it with the code {code}", retry=False))


def azure_problem(error: Problem, code: ErrorCode = ErrorCode.AZURE_REFUSED) -> Problem:
    """Return an error of ours that says in words what an error of Azure's means, and carries Azure's own as its detail."""
    meaning = meaning_of(error.code)
    own = f" (Azure: {error.message})" if error.message else ""
    return Problem(code, f"{meaning.words}{own}", error.target, (error,))


def failed_copy(replication: Replication) -> Problem:
    """Return why a copy failed, from its instance view.

    Azure tells little, there is no resume, and one failed disk fails the copy (docs/azure/restore-points.md): so it says what to do.
    """
    reason = (replication.message or "Azure gives no reason").rstrip(".")
    return Problem(
        ErrorCode.COPY_FAILED,
        f"the copy failed in Azure: {reason}. Azure cannot resume it; redo it while no newer restore point of its chain is copied",
    )


def ended_copy(days: int) -> Problem:
    """Return why a copy ended that Azure gave up after two weeks; `days` is its age."""
    return Problem(
        ErrorCode.COPY_FAILED,
        f"the copy was not finished after {days} days; Azure ends copies after two weeks and cannot resume them: redo it",
    )
