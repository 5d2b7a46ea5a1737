"""Writes the answers of installations: references to secrets and never a value."""

from shared.installations.checking import Checked
from shared.installations.plans import PlanFacts
from shared.installations.store import InstallationRecord
from shared.operations.model.models import JsonObject


def installation_body(record: InstallationRecord) -> JsonObject:
    """Return the answer of an installation."""
    settings = record.installation.settings.as_json()
    password = {"keyVaultSecretId": record.installation.settings.sign_in.password.key_vault_secret_id}
    settings["signIn"] |= {"password": password}
    shown: JsonObject = {"name": record.name, **settings}
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
