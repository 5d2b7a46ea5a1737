"""What is asked of a data center, over HTTP and by message: every field with its bounds (docs/design/data-centers.md)."""

import re
from typing import Annotated, Final, Self

from pydantic import AfterValidator, Field, StrictBool, StrictInt, StrictStr, model_validator
from pydantic_core import InitErrorDetails, PydanticCustomError, ValidationError

from shared.installations.document import AfterSuspension
from shared.installations.resources import Resource
from shared.secrets.requests import SecretInput
from shared.values.documents import Document, Request
from shared.values.texts import guid, printable

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,189}", re.ASCII)
_LARGEST = 2**31 - 1
_PASSWORD = range(12, 128)


def is_order_number(text: str) -> bool:
    """Return whether a text can be a billing system's order number."""
    return NAME.fullmatch(text) is not None


def _email(value: str) -> str:
    if not _EMAIL.fullmatch(value):
        raise ValueError("This must be an e-mail address.")
    return value


def field_error(model: str, path: tuple[str | int, ...], message: str) -> ValidationError:
    """Return the error of one field that a model's own rule found."""
    error = PydanticCustomError("farshore_field", "{message}", {"message": message})
    return ValidationError.from_exception_data(model, [InitErrorDetails(type=error, loc=path, input=None)])


Named = Annotated[StrictStr, Field(min_length=1, max_length=128), AfterValidator(printable)]
Email = Annotated[StrictStr, Field(max_length=254), AfterValidator(_email)]
Guid = Annotated[StrictStr, AfterValidator(guid)]
Reason = Annotated[StrictStr, Field(max_length=1000)]
AddOns = Annotated[tuple[Named, ...], Field(max_length=20)]
Whole = StrictInt | None


class Resources(Document):
    """What the customer has in all; one that is not named is the plan's."""

    vm_count: Annotated[Whole, Field(ge=0, le=10_000)] = None
    cpu_count: Annotated[Whole, Field(ge=0, le=100_000)] = None
    memory_mb: Annotated[Whole, Field(ge=0, le=_LARGEST, alias="memoryMB")] = None
    storage_gb: Annotated[Whole, Field(ge=0, le=_LARGEST, alias="storageGB")] = None
    networks: Annotated[Whole, Field(ge=0, le=10_000)] = None
    bandwidth_in_mbps: Annotated[Whole, Field(ge=1, le=1_000_000)] = None
    bandwidth_out_mbps: Annotated[Whole, Field(ge=1, le=1_000_000)] = None
    vpn_connections: Annotated[Whole, Field(ge=0, le=99)] = None
    public_addresses: Annotated[Whole, Field(ge=0, le=99)] = None

    @property
    def named(self) -> dict[Resource, int]:
        """The resources that are named, with their numbers."""
        return {Resource(name): value for name, value in self.as_json().items() if value is not None}

    @property
    def removed(self) -> frozenset[Resource]:
        """The resources that a change gives back to the plan: those sent as null."""
        sent = self.model_dump(mode="json", by_alias=True, exclude_unset=True)
        return frozenset(Resource(name) for name, value in sent.items() if value is None)


class UserRequest(Document):
    """Who the customer signs in as."""

    name: Annotated[StrictStr, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._@-]{0,253}$")]
    email: Email | None = None
    existing: StrictBool = False
    password: SecretInput | None = None

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.email is None and not _EMAIL.fullmatch(self.name):
            raise field_error("UserRequest", ("email",), "This is required, because the name is not an e-mail address.")
        if self.password is not None and self.password.value is not None and len(self.password.value.reveal()) not in _PASSWORD:
            raise field_error("UserRequest", ("password", "value"), "This must have 12 to 127 characters.")
        return self

    @property
    def address(self) -> str:
        """The e-mail address: the one that was given, else the name."""
        return self.email or self.name


class CreateTenant(Document):
    """A tenant that is made with the order, if there is none of the name."""

    display_name: Annotated[StrictStr, Field(max_length=128), AfterValidator(printable)] = ""


class AdoptRequest(Document):
    """What another system made, and is taken over."""

    subscription_id: Guid
    add_on_id: Named | None = None


class OrderRequest(Document):
    """A data center to order."""

    installation: Annotated[StrictStr, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,30}$")] | None = None
    plan: Named | None = None
    name: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(printable)] | None = None
    user: UserRequest | None = None
    resources: Resources | None = None
    add_ons: AddOns = ()
    operation_after_suspension: AfterSuspension | None = None
    start_on_resume: StrictBool | None = None
    create_tenant: CreateTenant | None = None
    adopt: AdoptRequest | None = None
    tags: Annotated[dict[str, str], Field(max_length=15)] = {}

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if self.adopt is not None:
            for given, name in ((self.plan, "plan"), (self.user, "user"), (self.resources, "resources"), (self.add_ons or None, "addOns")):
                if given is not None:
                    raise field_error("OrderRequest", (name,), "This is read from Azure Pack and must not be given with adopt.")
            return self
        if self.user is None:
            raise field_error("OrderRequest", ("user",), "This field is required.")
        if self.resources is None or not self.resources.named:
            raise field_error("OrderRequest", ("resources",), "At least one resource is required.")
        wrong = next((name for name, value in self.tags.items() if len(name) > 512 or len(value) > 256), None)
        if wrong is not None:
            raise field_error("OrderRequest", ("tags",), "Names have at most 512 and values at most 256 characters.")
        return self


class ChangeRequest(Request):
    """A JSON merge patch of a data center."""

    name: Annotated[StrictStr, Field(min_length=1, max_length=64), AfterValidator(printable)] | None = None
    plan: Named | None = None
    resources: Resources | None = None
    add_ons: AddOns | None = None
    operation_after_suspension: AfterSuspension | None = None
    start_on_resume: StrictBool | None = None
    accept_below_usage: StrictBool = False


class SuspendRequest(Request):
    """How a data center is suspended, and why."""

    operation_after_suspension: AfterSuspension | None = None
    reason: Reason | None = None


class ResumeRequest(Request):
    """How a data center is resumed, and why."""

    start_on_resume: StrictBool | None = None
    reason: Reason | None = None


class DeleteRequest(Request):
    """What a deletion includes."""

    confirm: StrictStr | None = None
    delete_machines: StrictBool = False
    keep_user: StrictBool = False
    force: StrictBool = False
