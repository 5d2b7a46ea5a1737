"""Installations as they are answered: references to secrets and never a value."""

from pydantic import Field, field_serializer

from shared.installations.document import InstallationRequest, SecretReference, SignIn
from shared.values.checks import CheckResult
from shared.values.documents import Document


class ShownSignIn(SignIn):
    """How Farshore signs in, the password by its reference alone."""

    password: SecretReference  # type: ignore[assignment]  # an answer has no value


class InstallationBody(InstallationRequest):
    """An Azure Pack that the provider runs, and how it is reached."""

    name: str
    created_at: str
    last_updated_at: str

    @field_serializer("sign_in")
    def _password_by_reference(self, sign_in: SignIn) -> ShownSignIn:
        reference = SecretReference(key_vault_secret_id=sign_in.password.key_vault_secret_id or "")
        return ShownSignIn(**dict(sign_in) | {"password": reference})


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
