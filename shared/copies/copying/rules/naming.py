"""Names of collections, restore points and rows, derived from ids alone, so that a step that runs again finds what it created before.

Names in Microsoft.Compute have 1 to 80 letters, digits, hyphens, underscores and full stops, in any case; a tag's value has
at most 256 characters ("Naming rules and restrictions for Azure resources", "Use tags to organize your Azure resources").
"""

import hashlib
import re
from collections.abc import Mapping

from shared.arm.ids import ResourceId
from shared.copies.copying.models import MAX_TAG_VALUE, RESERVED_TAG_PREFIX

MAX_NAME = 80
_HASH = 10
_COLLECTION = "restorePointCollections"
_PROVIDER = "Microsoft.Compute"

VM_TAG = f"{RESERVED_TAG_PREFIX}virtual-machine"
"""The VM of the copies in a target collection: after the source is deleted Azure does not show it (docs/azure/restore-points.md)."""
SOURCE_TAG = f"{RESERVED_TAG_PREFIX}source-collection"
"""The source collection of a target collection."""


def restore_point_name(operation_id: str) -> str:
    """Return the name of the restore point that an operation creates, of a VM or as a copy: its own id, so that it is unique."""
    return operation_id


def source_collection_id(virtual_machine: ResourceId) -> ResourceId:
    """Return the id of the collection for restore points that are created of a VM: one per VM, in its resource group."""
    name = _named(f"farshore-{virtual_machine.name}", virtual_machine.key)
    return virtual_machine.sibling(_COLLECTION, name)


def target_collection_id(
    source_collection: ResourceId,
    region: str,
    resource_group: str,
    *,
    subscription_id: str | None = None,
    collection: str | None = None,
) -> ResourceId:
    """Return the id of the collection that copies of a source collection go to.

    `region` is ARM's name; `subscription_id` is by default the source's, `collection` a name made from the source's name, the
    region and a hash of both. The hash keeps two source collections of one name, from different resource groups or
    subscriptions, apart: several source collections cannot share a target (docs/azure/restore-points.md). Raises `ValueError` for
    what cannot be in an id.
    """
    name = collection or _named(f"{source_collection.name}-{region}", f"{source_collection.key}>{region}")
    subscription = (subscription_id or source_collection.subscription_id).lower()
    return ResourceId.parse(f"/subscriptions/{subscription}/resourceGroups/{resource_group}/providers/{_PROVIDER}/{_COLLECTION}/{name}")


def chain_key(source_collection: ResourceId, target_collection: ResourceId) -> str:
    """Return what names a chain in a table key: 26 hexadecimal digits."""
    return _hash(f"{source_collection.key}>{target_collection.key}", 26)


def copy_key(restore_point: ResourceId, region: str) -> str:
    """Return what names a copy in a table key: a restore point can be copied once per region (docs/azure/restore-points.md)."""
    return _hash(f"{restore_point.key}>{region}", 26)


def collection_tags(
    requested: Mapping[str, str], virtual_machine: ResourceId | None, source_collection: ResourceId | None
) -> dict[str, str]:
    """Return the tags of a collection that Farshore creates: those of the request, and its own, which name VM and source collection.

    `source_collection` is None for a collection of the VM itself.
    """
    tags = dict(requested)
    if virtual_machine is not None:
        tags |= _split(VM_TAG, str(virtual_machine))
    return tags | _split(SOURCE_TAG, str(source_collection)) if source_collection is not None else tags


def id_in_tags(tags: Mapping[str, str], tag: str) -> str | None:
    """Read an id that `collection_tags` wrote, `tag` being `VM_TAG` or `SOURCE_TAG`; None when it is not there."""
    by_name = {name.lower(): value for name, value in tags.items()}
    first = by_name.get(tag)
    return first + by_name.get(f"{tag}-2", "") if first else None


def _split(tag: str, id_: str) -> dict[str, str]:
    # an id with the longest names has some 290 characters, more than a tag holds
    parts = {tag: id_[:MAX_TAG_VALUE]}
    if len(id_) > MAX_TAG_VALUE:
        parts[f"{tag}-2"] = id_[MAX_TAG_VALUE:]
    return parts


def _named(readable: str, identity: str) -> str:
    clean = re.sub(r"[^A-Za-z0-9_.-]", "-", readable)
    return f"{clean[: MAX_NAME - _HASH - 1]}-{_hash(identity, _HASH)}"


def _hash(text: str, digits: int) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:digits]
