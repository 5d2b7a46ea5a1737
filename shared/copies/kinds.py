"""What copies and copy policies are called in storage, queues and answers: the kinds of operations, their queues and their tables."""

from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from shared.access.roles import Role
from shared.operations.model.kinds import Kind

if TYPE_CHECKING:
    from shared.operations.model.models import Operation

REQUESTS: Final = "restore-point-copy-requests"
"""The queue that takes other systems' messages."""
CHAINS: Final = "chains"
LEDGER: Final = "copies"
POLICIES: Final = "copyPolicies"
"""The table of copy policies, and of when each is due."""
RUNS: Final = "copyRuns"
"""The table of what each run of a policy decided, VM by VM."""
PROTECTION: Final = "vmProtection"
"""The table of how well each VM is protected, and of which VMs are to be looked at."""
COPY: Final = Kind(
    name="restorePointCopy",
    resource="restore-point-copies",
    noun="copy",
    step_queue="restore-point-copy-steps",
    check_queue="replication-checks",
    read=Role.COPIES_READ,
    write=Role.COPIES_WRITE,
)


def _run_path(operation: "Operation") -> str:
    """Return the path of a run, which lies below its policy; it reads the stored body without its models."""
    return f"/{RUN.resource}/{quote(str(operation.body.get('target', '')))}/runs/{operation.id}"


RUN: Final = Kind(
    name="copyPolicy",
    resource="copy-policies",
    noun="run",
    step_queue=COPY.step_queue,
    check_queue=COPY.check_queue,
    read=Role.COPIES_READ,
    write=Role.COPIES_WRITE,
    path=_run_path,
)
"""A run of a copy policy."""


def _deleted_path(operation: "Operation") -> str:
    """Return the path of the copy that is deleted, or of the run that deletes a restore point of a VM; reads the stored body only."""
    copy, retained = operation.body.get("copyId"), operation.body.get("retained")
    if not copy and isinstance(retained, dict):
        return f"/{RUN.resource}/{quote(str(retained.get('policy', '')))}/runs/{retained.get('run', '')}"
    return f"/{COPY.resource}/{quote(str(copy or ''))}"


DELETION: Final = Kind(
    name="restorePointDeletion",
    resource=COPY.resource,
    noun="deletion",
    step_queue=COPY.step_queue,
    check_queue=None,
    read=Role.COPIES_READ,
    write=Role.COPIES_WRITE,
    path=_deleted_path,
)
"""The deletion of a copy, or of a restore point of a VM."""
RESTORE: Final = Kind(
    name="restore",
    resource="restores",
    noun="restore",
    step_queue=COPY.step_queue,
    check_queue=COPY.check_queue,
    read=Role.COPIES_READ,
    write=Role.COPIES_WRITE,
)
"""A restore of disks or machines, or a drill of one."""
