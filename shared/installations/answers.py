"""Installations as they are answered: references to secrets and never a value."""

from pydantic import Field

from shared.installations.checking import Checked
from shared.installations.document import InstallationRequest
from shared.installations.plans import PlanFacts
from shared.installations.store import InstallationRecord
from shared.operations.model.models import JsonObject
from shared.values.checks import CheckResult
from shared.values.documents import Document


class InstallationBody(InstallationRequest):
    """An Azure Pack that the provider runs, and how it is reached."""

    name: str
    created_at: str
    last_updated_at: str


class InstallationCheck(Document):
    """One result of a check of an installation."""

    name: str
    result: CheckResult
    message: str
    action: str | None


class InstallationChecks(Document):
    """What a check of an installation found, in the order in which one thing needs the other."""

    checks: tuple[InstallationCheck, ...]


class PlanAddOn(Document):
    """An add-on that a plan has."""

    id: str
    display_name: str


class AzurePackPlan(Document):
    """A plan of an installation; a limit of null is unlimited."""

    id: str
    display_name: str
    state: str
    max_subscriptions_per_account: int = Field(description="-1: no limit.")
    limits: dict[str, int | None]
    add_ons: tuple[PlanAddOn, ...]
    suitable: bool = Field(description="Whether an order can use it; an order also needs a number in each dimension that it names.")
    reasons: tuple[str, ...]


class AzurePackPlans(Document):
    """The plans of an installation."""

    value: tuple[AzurePackPlan, ...]


def installation_body(record: InstallationRecord) -> JsonObject:
    """Return the answer of an installation."""
    settings = record.installation.settings.as_json()
    password = {"keyVaultSecretId": record.installation.settings.sign_in.password.key_vault_secret_id}
    settings["signIn"] |= {"password": password}
    shown: JsonObject = {"name": record.name, **settings}
    shown["displayName"] = settings["displayName"] or record.name
    return shown | {"createdAt": record.created_at, "lastUpdatedAt": record.updated_at}


def checks_body(found: tuple[Checked, ...]) -> JsonObject:
    """Return the answer of a check."""
    return {"checks": [one.as_json() for one in found]}


def plan_body(facts: PlanFacts, add_on_names: dict[str, str]) -> JsonObject:
    """Return one plan; `add_on_names` are the display names of add-ons by id in lower case."""
    return {
        "id": facts.id,
        "displayName": facts.display_name,
        "state": facts.state,
        "maxSubscriptionsPerAccount": facts.most_subscriptions,
        "limits": {str(resource): limit for resource, limit in facts.limits.items()},
        "addOns": [{"id": one, "displayName": add_on_names.get(one.lower(), one)} for one in facts.add_ons],
        "suitable": facts.suitable,
        "reasons": list(facts.reasons),
    }
