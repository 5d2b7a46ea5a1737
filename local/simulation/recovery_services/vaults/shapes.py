"""How the estate names what is in a fabric, and what its kinds look like."""

from local.simulation.recovery_services.names import (
    CLASSIFICATION,
    CLASSIFICATION_MAPPING,
    CONTAINER,
    MAPPING,
    NETWORK,
    NETWORK_MAPPING,
    PROTECTABLE,
    PROVIDER,
)

#: The lists of a fabric in the estate, and the types of what is in them.
FABRIC_PARTS = {
    "containers": CONTAINER,
    "containerMappings": MAPPING,
    "protectableItems": PROTECTABLE,
    "networks": NETWORK,
    "networkMappings": NETWORK_MAPPING,
    "providers": PROVIDER,
    "storageClassifications": CLASSIFICATION,
    "storageClassificationMappings": CLASSIFICATION_MAPPING,
}
