"""What failovers and set-up are called in storage, queues and answers: kinds of operations, their queues, tables and blob container."""

from collections.abc import Callable
from enum import StrEnum
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from shared.access.roles import Role
from shared.operations.model.kinds import Kind

if TYPE_CHECKING:
    from shared.operations.model.models import Operation

REQUESTS: Final = "failover-requests"
"""The queue that takes other systems' messages."""
BLAST_RADIUS: Final = "moves"
DRILLS: Final = "drills"
PROTECTIONS: Final = "protections"
_STEPS: Final = "failover-steps"
_CHECKS: Final = "failover-checks"


def _kind(name: str, resource: str, noun: str, path: "Callable[[Operation], str] | None" = None) -> Kind:
    return Kind(name, resource, noun, _STEPS, _CHECKS, Role.FAILOVERS_READ, Role.FAILOVERS_EXECUTE, path)


def _set_up_path(operation: "Operation") -> str:
    """Return the path of what a set-up operation changes: of several machines, the path of their list.

    It reads the stored body without its models, so that a cold start does not load them.
    """
    body = operation.body
    kind = next(one for one in SET_UP if one.name == body["kind"])
    name = str(body.get("name") or "").rpartition("/")[2]
    if body.get("change") == "create":
        name = _only_machine(body.get("request"))
    return f"/{kind.resource}/{quote(name)}" if name else f"/{kind.resource}"


def _only_machine(request: object) -> str:
    """Return the item name of the machine of a Hyper-V host where a request protects exactly one, else an empty text."""
    given = request if isinstance(request, dict) else {}
    machines = given.get("items", [given])
    ids = [one.get("protectableItemId") for one in machines if isinstance(one, dict)] if isinstance(machines, list) else []
    named = [str(one) for one in ids if one]
    return named[0].rstrip("/").rpartition("/")[2] if len(named) == 1 else ""


FAILOVER: Final = _kind("failover", "failovers", "failover")
REPLICATION_POLICY: Final = _kind("replicationPolicy", "replication-policies", "replication policy", _set_up_path)
NETWORK_MAPPING: Final = _kind("networkMapping", "network-mappings", "network mapping", _set_up_path)
PROTECTED_ITEM: Final = _kind("protectedItem", "protected-items", "protected item", _set_up_path)
RECOVERY_PLAN: Final = _kind("recoveryPlan", "recovery-plans", "recovery plan", _set_up_path)
SET_UP: Final = (REPLICATION_POLICY, NETWORK_MAPPING, PROTECTED_ITEM, RECOVERY_PLAN)
KINDS: Final = (FAILOVER, *SET_UP)


class SetUpKind(StrEnum):
    """The kinds of set-up operations."""

    POLICY = REPLICATION_POLICY.name
    NETWORK_MAPPING = NETWORK_MAPPING.name
    ITEM = PROTECTED_ITEM.name
    PLAN = RECOVERY_PLAN.name
