"""How version 0.1.0 wrote and read the registry, kept as it was: a row for each tenant in one partition, and nothing else."""

import json
from typing import Any

from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel


class PreviousTenant(BaseModel):
    """A tenant as version 0.1.0 read it."""

    model_config = ConfigDict(extra="ignore", alias_generator=to_camel, populate_by_name=True)

    name: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$")
    display_name: str = ""
    kind: str = Field("tenant", pattern="^(provider|tenant)$")
    tenant_id: str | None = None
    subscriptions: tuple[str, ...] = ()
    vault_id: str | None = None
    clouds: tuple[str, ...] = ()
    settings: dict[str, Any] = Field(default_factory=dict)


def previous_row(document: dict[str, Any]) -> dict[str, Any]:
    """Return the row of a tenant as version 0.1.0 wrote it, or a person by its instructions."""
    data = json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode()
    return {"PartitionKey": "tenant", "RowKey": document["name"], "v": 1, "document": 1, "document0": data}


def read_previous(row: dict[str, Any]) -> PreviousTenant:
    """Read a row as version 0.1.0 did: the pieces that `document` counts, then the model."""
    data = b"".join(row[f"document{number}"] for number in range(row["document"]))
    return PreviousTenant.model_validate(json.loads(data))
