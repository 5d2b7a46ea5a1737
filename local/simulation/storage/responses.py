"""What Microsoft.Storage answers."""

from local.simulation.arm.call import Answer, Call, page
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.ids import key, name
from local.simulation.storage.models import StorageAccount, StorageState

STORAGE = "Microsoft.Storage/storageAccounts"


def get_account(call: Call) -> Answer:
    """`StorageAccounts_GetProperties`."""
    found = call.world.of(StorageState).accounts.get(key(call.path))
    if found is None:
        raise not_found(STORAGE, call.names[2], call.names[1])
    return Answer(200, body(found))


def list_accounts(call: Call) -> Answer:
    """`StorageAccounts_List`: those of a subscription."""
    scope = f"/subscriptions/{call.names[0].lower()}/"
    return page(call, [row for row in call.world.of(StorageState).accounts.values() if key(row.id).startswith(scope)], body)


def body(row: StorageAccount) -> Json:
    """Return a `StorageAccount`, of its properties only the state."""
    return {
        "id": row.id,
        "name": name(row.id),
        "type": STORAGE,
        "location": row.location,
        "kind": "StorageV2",
        "sku": {"name": row.sku, "tier": row.sku.partition("_")[0]},
        "properties": {"provisioningState": "Succeeded"},
    }
