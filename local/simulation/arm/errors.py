"""Refusals in the form of Azure Resource Manager (docs/azure/resource-manager.md: the envelope)."""

import math
from typing import Any


class ArmError(Exception):
    """A refusal: HTTP status, ARM's code and message; `retry_after` in simulated seconds becomes `Retry-After`."""

    def __init__(self, status: int, code: str, message: str, *, target: str | None = None, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.target = target
        self.retry_after = None if retry_after is None else max(1, math.ceil(retry_after))

    def body(self) -> dict[str, Any]:
        """Return ARM's error envelope."""
        error: dict[str, Any] = {"code": self.code, "message": self.message}
        if self.target is not None:
            error["target"] = self.target
        return {"error": error}


def not_found(resource_type: str, name: str, group: str) -> ArmError:
    """Return ARM's 404 of a resource; `name` is that of a child with its parents', separated by slashes."""
    where = f" under resource group '{group}'" if group else ""
    return ArmError(
        404,
        "ResourceNotFound",
        f"The Resource '{resource_type}/{name}'{where} was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
    )


def invalid_parameter(message: str, target: str) -> ArmError:
    """Return Compute's 400 for a member that it does not accept; `target` is the member's path."""
    return ArmError(400, "InvalidParameter", message, target=target)


def not_allowed(message: str, target: str | None = None) -> ArmError:
    """Return Compute's 409 for what the state of things forbids."""
    return ArmError(409, "OperationNotAllowed", message, target=target)
