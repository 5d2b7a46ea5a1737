"""What Azure's error codes mean for a copy, and whether a retry can help (docs/azure/restore-points.md)."""

from dataclasses import dataclass

from shared.copies.copying.rules.replication import Replication
from shared.errors import ErrorCode, Problem, sentence


@dataclass(frozen=True, slots=True)
class Meaning:
    """The meaning of a code: `message` for a person; `retry` is true where the same call may succeed later without a change."""

    message: str
    retry: bool


_MEANINGS = {
    "OperationNotAllowed": Meaning(
        "Azure does not allow it now: the VM was changed while the restore point was made, its disks are not allocated, "
        "a limit is reached, or it has been copied to that region already",
        retry=False,
    ),
    "VMRestorePointClientError": Meaning(
        "Azure could not create the restore point because of the VM: another one is being created, the limit "
        "is reached, a disk is shared, or VSS in the VM failed",
        retry=False,
    ),
    "VMRestorePointInternalError": Meaning("Azure failed to create the restore point because of an internal error", retry=True),
    "VMAgentStatusCommunicationError": Meaning(
        "Azure could not reach the agent in the VM: check that the VM runs, its agent is healthy and it can reach Azure, "
        "or request CrashConsistent, which needs no agent",
        retry=False,
    ),
    "DiskRestorePointClientError": Meaning("a disk of the restore point cannot be copied in its present state", retry=False),
    "DiskRestorePointUsedByCustomer": Meaning(
        "a disk of the restore point has an active SAS: revoke it, then it can be deleted", retry=False
    ),
    "InternalError": Meaning("Azure had an internal error", retry=True),
    "InternalExecutionError": Meaning("Azure had an internal error", retry=True),
    "InternalOperationError": Meaning("Azure had an internal error", retry=True),
    "BadRequest": Meaning("Azure did not accept the request", retry=False),
    "Conflict": Meaning("a resource of this name exists already, or is being changed", retry=True),
    "TooManyRequests": Meaning("Azure limits the rate of starts", retry=True),
    "AuthorizationFailed": Meaning("the app's identity lacks a right: Azure's message names the action and the scope", retry=False),
    "LinkedAuthorizationFailed": Meaning(
        "the app's identity lacks a right on a linked resource: Azure's message names the action and the scope", retry=False
    ),
    "RequestDisallowedByPolicy": Meaning(
        "an Azure Policy forbids it: the details name the policy; a policy that requires tags is met by the tags of the request",
        retry=False,
    ),
    "ScopeLocked": Meaning("a lock on the resource or its resource group forbids it: remove the lock first", retry=False),
    "ResourceGroupNotFound": Meaning("the resource group does not exist: create it first", retry=False),
    "ResourceNotFound": Meaning("the resource does not exist", retry=False),
}
_BY_CODE = {code.lower(): meaning for code, meaning in _MEANINGS.items()}


def meaning_of(code: str) -> Meaning:
    """Return the meaning of an error code of Azure's; an unknown code is not retried."""
    return _BY_CODE.get(code.lower(), Meaning(f"Azure refused it with the code {code}", retry=False))


def azure_problem(error: Problem, code: ErrorCode = ErrorCode.AZURE_REFUSED) -> Problem:
    """Return a problem with the advice for an error of Azure's, and with that error as its detail."""
    meaning = meaning_of(error.code)
    own = f" (Azure: {error.message})" if error.message else ""
    return Problem(code, f"{meaning.message}{own}", error.target, (error,))


def is_of_the_guest(error: Problem) -> bool:
    """Return whether Azure could not make an application-consistent restore point because of the guest: its agent, extension or VSS."""
    code, message = error.code.lower(), error.message.lower()
    return code == "vmagentstatuscommunicationerror" or (
        code == "vmrestorepointclienterror" and any(part in message for part in ("vss", "extension", "guest", "agent"))
    )


def failed_copy(replication: Replication) -> Problem:
    """Return why a copy failed, from its instance view, and what to do: Azure cannot resume a copy."""
    reason = (replication.message or "Azure gives no reason").rstrip(".")
    return Problem(
        ErrorCode.COPY_FAILED,
        f"the copy failed in Azure: {reason}. Azure cannot resume it; redo it while no newer restore point of its chain is copied",
    )


def ended_copy(days: int) -> Problem:
    """Return the failure of a copy that Azure ended after two weeks; `days` is its age."""
    return Problem(
        ErrorCode.COPY_FAILED,
        f"the copy was not finished after {days} days; Azure ends copies after two weeks and cannot resume them: redo it",
    )


def deleted_copy() -> Problem:
    """Return the failure of a copy that Azure no longer has."""
    return Problem(ErrorCode.COPY_FAILED, "the copy was deleted in Azure before it was usable: redo it")


def with_reason(problem: Problem, error: Problem | None) -> Problem:
    """Return the failure of a copy with the error of its long-running operation, where Azure gave one."""
    if error is None:
        return problem
    meant = azure_problem(error)
    return Problem(problem.code, f"{problem.message.rstrip('.')}. {sentence(meant.message)}", problem.target, (error, *problem.details))
