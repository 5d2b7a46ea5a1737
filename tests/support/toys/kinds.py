"""The kind of operation, its queues, and the table of toys."""

from shared.access.roles import Role
from shared.operations.model.kinds import Kind

REQUESTS = "toy-requests"
TABLE = "toys"
TOY = Kind("toy", "toys", "toy", "toy-steps", None, Role.TENANTS_READ, Role.TENANTS_WRITE)
