"""The answers about the readiness of a tenant."""

from pydantic import Field

from shared.access.records.tenant import Shape
from shared.values.checks import CheckResult
from shared.values.documents import Document


class ReadinessFinding(Document):
    """One of the nine checks for hosters (docs/azure/site-recovery.md), with its result."""

    number: int
    name: str
    target: str
    result: CheckResult
    message: str
    action: str | None = Field(None, description="What to do; null for a pass.")


class Readiness(Document):
    """Whether a tenant can be protected; `result` is the worst that a check found, failure before unknown before warning."""

    tenant: str
    shape: Shape | None = Field(None, description="How its machines are protected, as the vault shows it.")
    vault_id: str | None = None
    result: CheckResult
    checked_at: str
    checks: tuple[ReadinessFinding, ...] = ()
