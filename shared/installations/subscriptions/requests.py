"""The body of an import."""

from typing import Annotated, Final, Self

from pydantic import Field, model_validator

from shared.secrets.requests import IN_SCHEMA, hidden_text
from shared.values.documents import Request
from shared.values.hidden import Hidden

LARGEST: Final = 256 * 1024
_MOST: Final = 100


class PublishSettingsInput(Request):
    """A publishsettings file: its text, over HTTP only, or the id of a Key Vault secret."""

    value: Annotated[Hidden, hidden_text(LARGEST), IN_SCHEMA] | None = None
    key_vault_secret_id: Annotated[str, Field(min_length=1, max_length=2048)] | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.value is None) == (self.key_vault_secret_id is None):
            raise ValueError("give either value or keyVaultSecretId")
        return self


class ImportRequest(Request):
    """What is imported of a file: all of its subscriptions, or those that are named."""

    publish_settings: PublishSettingsInput
    subscription_ids: Annotated[tuple[Annotated[str, Field(max_length=36)], ...], Field(min_length=1, max_length=_MOST)] | None = None
