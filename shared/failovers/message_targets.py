"""Finds the vault, the name and the body of a message about set-up or drills.

`create` has the body of the HTTP call, with the `name` of a recovery plan or a drill policy in it; `update`, `delete` and `run` have the
name in `target`. `vaultId` names the vault; its default is the vault of the ids in the body, else the tenant's.
"""

from shared.access.principal import not_found
from shared.access.sender import message_owner
from shared.access.vaults import cloud_key
from shared.arm.ids import ResourceId
from shared.failovers.set_up.requests import thing_name
from shared.failovers.vault.inventory import Inventory
from shared.failovers.vault.listing import Vault, vault_id
from shared.operations.outside.intake import Intake
from shared.values.sent import SentBody
from shared.web.calls import App
from shared.web.documents import wrong


async def read_target(app: App, intake: Intake, *, needs_name: bool) -> tuple[SentBody, Vault, str]:
    """Return the body without `vaultId` and `name`, the vault, and the name; refuses with `InvalidRequest` and `NotFound`."""
    body = {member: value for member, value in intake.body.items() if member not in {"vaultId", "name"}}
    name = intake.target or ""
    if needs_name and intake.operation == "create":
        given = intake.body.get("name")
        if not isinstance(given, str):
            raise wrong("name", "This field is required: the name of the new recovery plan or drill policy.")
        name = given
    elif "name" in intake.body:
        body["name"] = intake.body["name"]
    vault = await _vault(app, intake, name)
    name = name.rpartition("/")[2]
    try:
        return SentBody(body), vault, thing_name(name) if name else ""
    except ValueError as error:
        raise wrong("target" if intake.target else "name", str(error)) from error


async def _vault(app: App, intake: Intake, target: str) -> Vault:
    """Return the vault, reached as the tenant that owns the ids of the message, or that the message names."""
    ids = tuple(_ids([target, *_texts(intake.body)]))
    vault = _named(intake) or next((_vault_of(one) for one in ids if _in_a_vault(one)), None)
    # in a vault that several tenants share, the ids of the vault, its policies and its fabrics do not identify the tenant
    narrow = tuple(one for one in ids if not _of_a_whole_vault(one))
    sharing = vault is not None and intake.tenant is not None and await app.registry.shares(intake.tenant, str(vault))
    deciding = narrow if narrow or sharing else ids
    owner = await message_owner(app.registry, deciding, intake.tenant, app.of(Inventory).owner_of)
    if vault is None:
        tenant = await app.registry.by_name(owner)
        if tenant is None or tenant.default_vault is None:
            raise not_found(f"vault of tenant '{owner}'", target="vaultId")
        return Vault(ResourceId.parse(tenant.default_vault), owner)
    if owner != await app.of(Inventory).owner_of(vault) and not await app.registry.shares(owner, str(vault)):
        raise not_found(f"vault '{vault}' of tenant '{owner}'", target="vaultId")
    return Vault(vault, owner)


def _named(intake: Intake) -> ResourceId | None:
    named = intake.body.get("vaultId")
    if not isinstance(named, str):
        return None
    try:
        return ResourceId.parse(vault_id(named))
    except ValueError as error:
        raise wrong("vaultId", str(error)) from error


def _in_a_vault(one: ResourceId) -> bool:
    return one.types[0].lower() == "vaults"


def _of_a_whole_vault(one: ResourceId) -> bool:
    return _in_a_vault(one) and cloud_key(str(one)) is None and one.types[-1].lower() != "replicationrecoveryplans"


def _vault_of(one: ResourceId) -> ResourceId:
    return ResourceId(one.subscription_id, one.resource_group, one.provider, one.types[:1], one.names[:1])


def _texts(value: object) -> list[str]:
    """Return every text in a document."""
    if isinstance(value, str):
        return [value]
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [found for item in inner for found in _texts(item)]


def _ids(texts: list[str]) -> list[ResourceId]:
    found = []
    for text in texts:
        try:
            found.append(ResourceId.parse(text))
        except ValueError:
            continue
    return found
