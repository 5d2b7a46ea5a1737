"""Warnings about a policy: what a caller should know, and what refuses nothing."""

from enum import StrEnum

from shared.values.documents import Document


class WarningCode(StrEnum):
    """The code of a warning."""

    NOT_CHECKED = "NotChecked"
    NOTHING_SELECTED = "NothingSelected"
    NOT_THERE = "NotThere"
    OVERLAP = "Overlap"
    OBJECTIVE_UNLIKELY = "ObjectiveUnlikely"
    RETENTION_SHRINKS = "RetentionShrinks"
    NETWORK_NOT_ISOLATED = "NetworkNotIsolated"
    LIMIT_NEAR = "LimitNear"


class PolicyWarning(Document):
    """One warning; `target` is the field or the thing that it is about."""

    code: WarningCode
    message: str
    target: str | None = None
