"""Principals and what their role assignments allow."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from local.simulation.arm.errors import ArmError
from local.simulation.arm.tables import Json
from local.simulation.ids import key


@dataclass(frozen=True, slots=True)
class RoleAssignment:
    """Actions (with `*` for any text) at a scope and everything below it; `data_actions` are those of what is in a resource."""

    scope: str
    actions: tuple[str, ...]
    data_actions: tuple[str, ...] = ()

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "RoleAssignment":
        """Read a role assignment of the estate."""
        actions, data = body.get("actions", []), body.get("dataActions", [])
        return RoleAssignment(str(body["scope"]), tuple(str(action) for action in actions), tuple(str(action) for action in data))

    def as_json(self) -> Json:
        """Write a role assignment as the estate has it."""
        data = {"dataActions": list(self.data_actions)} if self.data_actions else {}
        return {"scope": self.scope, "actions": list(self.actions)} | data


@dataclass(frozen=True, slots=True)
class Principal:
    """Who calls: an object id, the name that the estate gives it, and its role assignments."""

    id: str
    name: str
    role_assignments: tuple[RoleAssignment, ...] = ()

    @staticmethod
    def from_json(body: Mapping[str, Any]) -> "Principal":
        """Read a principal of the estate."""
        return Principal(
            id=str(body["id"]),
            name=str(body.get("name", body["id"])),
            role_assignments=tuple(RoleAssignment.from_json(item) for item in body.get("roleAssignments", [])),
        )

    def as_json(self) -> Json:
        """Write a principal as the estate has it."""
        return {
            "id": self.id,
            "name": self.name,
            "roleAssignments": [item.as_json() for item in self.role_assignments],
        }

    def may(self, action: str, scope: str) -> bool:
        """Return whether an assignment at the scope, or above it, has the action."""
        return any(_fits(action, item.actions) for item in self.role_assignments if _covers(item, scope))

    def may_data(self, action: str, scope: str) -> bool:
        """Return whether an assignment at the scope, or above it, has the data action."""
        return any(_fits(action, item.data_actions) for item in self.role_assignments if _covers(item, scope))

    def sees(self, subscription_id: str) -> bool:
        """Return whether the principal has any assignment in, or above, a subscription: then the list of subscriptions shows it."""
        wanted = f"/subscriptions/{subscription_id.lower()}"
        return any(scope == "/" or f"{scope}/".startswith(f"{wanted}/") for scope in (key(item.scope) for item in self.role_assignments))


def _covers(assignment: RoleAssignment, scope: str) -> bool:
    return (key(scope) + "/").startswith(key(assignment.scope).rstrip("/") + "/")


def _fits(action: str, actions: tuple[str, ...]) -> bool:
    return any(_pattern(each).fullmatch(action) for each in actions)


@lru_cache(maxsize=4096)
def _pattern(action: str) -> re.Pattern[str]:
    return re.compile(re.escape(action).replace(r"\*", ".*"), re.IGNORECASE)


def authorization_failed(object_id: str, action: str, scope: str) -> ArmError:
    """Return ARM's 403 for an action that no assignment gives, with ARM's message."""
    return ArmError(
        403,
        "AuthorizationFailed",
        f"The client '{object_id}' with object id '{object_id}' does not have authorization to perform action '{action}' "
        f"over scope '{scope}' or the scope is invalid. If access was recently granted, please refresh your credentials.",
    )


def linked_authorization_failed(object_id: str, action: str, scope: str, linked_action: str, linked_scope: str) -> ArmError:
    """Return ARM's 403 where the action is given, but not the one that it needs on another resource."""
    return ArmError(
        403,
        "LinkedAuthorizationFailed",
        f"The client with object id '{object_id}' has permission to perform action '{action}' on scope '{scope}'; however, it does not "
        f"have permission to perform action(s) '{linked_action}' on the linked scope(s) '{linked_scope}' (respectively) "
        "or the linked scope(s) are invalid.",
    )
