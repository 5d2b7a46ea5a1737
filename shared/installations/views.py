"""Writes the answers of installations: references to secrets and never a value."""

from shared.installations.answers import AzurePackPlan, InstallationBody, InstallationCheck, InstallationChecks, PlanAddOn
from shared.installations.checking import Checked
from shared.installations.plans import PlanFacts
from shared.installations.store import InstallationRecord


def installation_body(record: InstallationRecord) -> InstallationBody:
    """Return the answer of an installation."""
    settings = dict(record.installation.settings)
    return InstallationBody(**settings, name=record.name, created_at=record.created_at, last_updated_at=record.updated_at)


def checks_body(found: tuple[Checked, ...]) -> InstallationChecks:
    """Return the answer of a check."""
    return InstallationChecks(
        checks=tuple(InstallationCheck(name=one.name, result=one.result, message=one.message, action=one.action) for one in found)
    )


def plan_body(facts: PlanFacts, add_on_names: dict[str, str]) -> AzurePackPlan:
    """Return one plan; `add_on_names` are the display names of add-ons by id in lower case."""
    return AzurePackPlan(
        id=facts.id,
        display_name=facts.display_name,
        state=facts.state,
        max_subscriptions_per_account=facts.most_subscriptions,
        limits={str(resource): limit for resource, limit in facts.limits.items()},
        add_ons=tuple(PlanAddOn(id=one, display_name=add_on_names.get(one.lower(), one)) for one in facts.add_ons),
        suitable=facts.suitable,
        reasons=facts.shown_reasons,
    )
