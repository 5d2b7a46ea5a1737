"""The answers about the readiness of a tenant."""

from shared.values.checks import CheckResult
from shared.values.documents import Document


class ReadinessFinding(Document):
    """One of the nine checks for hosters (docs/azure/site-recovery.md), with its result."""

    number: int
    name: str
    target: str
    result: CheckResult
    message: str


class Readiness(Document):
    """Whether a tenant can be protected; `result` is the worst that a check found, failure before unknown before warning."""

    tenant: str
    vault_id: str | None = None
    result: CheckResult
    checks: tuple[ReadinessFinding, ...] = ()
