"""What copies are called in storage, queues and answers: the kind of operation, its queues and its tables."""

from typing import Final

from shared.access.roles import Role
from shared.operations.model.kinds import Kind

REQUESTS: Final = "restore-point-copy-requests"
"""The queue that takes other systems' messages."""
CHAINS: Final = "chains"
LEDGER: Final = "copies"
COPY: Final = Kind(
    name="restorePointCopy",
    resource="restore-point-copies",
    noun="copy",
    step_queue="restore-point-copy-steps",
    check_queue="replication-checks",
    read=Role.COPIES_READ,
    write=Role.COPIES_WRITE,
)
