"""Images of compute galleries and their versions: read, and used by machines of any subscription that may read them."""

from local.simulation.arm.call import Answer, Call
from local.simulation.arm.errors import not_found
from local.simulation.arm.tables import Json
from local.simulation.common.document import Document
from local.simulation.compute.state import ComputeState
from local.simulation.ids import key, name, resource_group

VERSION = "Microsoft.Compute/galleries/images/versions"
_DEFINITION = "Microsoft.Compute/galleries/images"


def get_definition(call: Call) -> Answer:
    """`GalleryImages_Get`."""
    return Answer(200, _body(_existing(call, call.path, _DEFINITION), _DEFINITION))


def get_version(call: Call) -> Answer:
    """`GalleryImageVersions_Get`."""
    return Answer(200, _body(version(call, call.path), VERSION))


def version(call: Call, version_id: str) -> Document:
    """Return a version; raises `ArmError` 404."""
    return _existing(call, version_id, VERSION)


def definition(call: Call, version_id: str) -> Document:
    """Return the definition of a version; raises `ArmError` 404."""
    return _existing(call, version_id.rpartition("/versions/")[0], _DEFINITION)


def _existing(call: Call, resource_id: str, kind: str) -> Document:
    state = call.world.of(ComputeState)
    found = (state.gallery_versions if kind == VERSION else state.gallery_images).get(key(resource_id))
    if found is None:
        raise not_found(kind, name(resource_id), resource_group(resource_id))
    return found


def _body(row: Document, kind: str) -> Json:
    properties = {**row.properties, "provisioningState": "Succeeded"}
    return {"id": row.id, "name": name(row.id), "type": kind, "location": row.location, "tags": dict(row.tags), "properties": properties}
