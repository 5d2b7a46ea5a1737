"""The checks of a restore, as answers name them."""

from enum import StrEnum

from shared.values.checks import CheckResult
from shared.values.documents import Document


class CheckName(StrEnum):
    """The checks of a restore."""

    COPY = "copy"
    SUPPORTED = "supported"
    NAME = "name"
    SIZE = "size"
    ZONE = "zone"
    QUOTA = "quota"
    NETWORK = "network"
    ENCRYPTION_SET = "encryptionSet"
    RESOURCE_GROUP = "resourceGroup"


class Check(Document):
    """What one check found; `target` is the field or the ARM id that it is about."""

    name: CheckName
    target: str
    result: CheckResult
    message: str
