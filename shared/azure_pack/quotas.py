"""Quotas of the service `systemcenter`: XML in the settings `Clouds` and `Actions` of a plan or an add-on. Pure."""

from dataclasses import dataclass
from typing import Final, Self
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from shared.azure_pack.errors import unreadable
from shared.azure_pack.wire import xml

SERVICE: Final = "systemcenter"
CLOUDS: Final = "Clouds"
ACTIONS: Final = "Actions"
NETWORK_ACTION: Final = "AuthorVMNetwork"
_LARGEST: Final = 2**63 - 1


@dataclass(frozen=True, slots=True)
class CloudQuota:
    """What one cloud gives. None is unlimited (an empty element). The limits of the role and of each member are the same."""

    cloud: UUID
    stamp: UUID
    vm_count: int | None = None
    cpu_count: int | None = None
    memory_mb: int | None = None
    storage_gb: int | None = None

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read the setting `Clouds`, one quota for each cloud, by its role's limits; raises `AzurePackError` UNREADABLE."""
        return tuple(cls._read(each) for each in xml.descendants(_root(text, CLOUDS), "Cloud"))

    @classmethod
    def _read(cls, element: Element) -> Self:
        quota = xml.child(element, "Quota")
        holder = quota if quota is not None else element
        return cls(
            _id(element, "Id"),
            _id(element, "StampId"),
            _limit(holder, "RoleVMCount"),
            _limit(holder, "RoleCPUCount"),
            _limit(holder, "RoleMemoryMB"),
            _limit(holder, "RoleStorageGB"),
        )

    def to_xml(self) -> str:
        """Return the setting `Clouds` of this cloud alone."""
        root = Element(CLOUDS)
        quota = SubElement(SubElement(root, "Cloud", Id=str(self.cloud), StampId=str(self.stamp)), "Quota")
        for holder in ("Role", "Member"):
            for name, value in (
                ("VMCount", self.vm_count),
                ("CPUCount", self.cpu_count),
                ("MemoryMB", self.memory_mb),
                ("StorageGB", self.storage_gb),
            ):
                SubElement(quota, holder + name).text = None if value is None else str(value)
        return tostring(root, encoding="unicode")


@dataclass(frozen=True, slots=True)
class NetworkQuota:
    """The limits of virtual networks. None is unlimited. The element names are of the field; the form of `Actions` is inferred."""

    stamp: UUID
    networks: int | None = None
    bandwidth_in_mbps: int | None = None
    bandwidth_out_mbps: int | None = None
    vpn_connections: int | None = None
    nat_connections: int | None = None

    @classmethod
    def parse(cls, text: str) -> tuple[Self, ...]:
        """Read the setting `Actions`: one quota for each stamp that allows virtual networks; raises `AzurePackError` UNREADABLE."""
        return tuple(
            cls._read(_id(stamp, "Id"), action)
            for stamp in xml.descendants(_root(text, ACTIONS), "Stamp")
            for action in xml.descendants(stamp, "Action")
            if xml.attribute(action, "Name") == NETWORK_ACTION
        )

    @classmethod
    def _read(cls, stamp: UUID, action: Element) -> Self:
        return cls(
            stamp,
            _limit(action, "MaximumNetwork"),
            _limit(action, "MaximumBandwidthIn"),
            _limit(action, "MaximumBandwidthOut"),
            _limit(action, "MaximumVPNConnection"),
            _limit(action, "MaximumNATConnection"),
        )

    def to_xml(self) -> str:
        """Return the setting `Actions` with this one action."""
        root = Element(ACTIONS)
        quota = SubElement(SubElement(SubElement(root, "Stamp", Id=str(self.stamp)), "Action", Name=NETWORK_ACTION), "Quota")
        for name, value in (
            ("MaximumNetwork", self.networks),
            ("MaximumMemberNetwork", self.networks),
            ("MaximumBandwidthIn", self.bandwidth_in_mbps),
            ("MaximumBandwidthOut", self.bandwidth_out_mbps),
            ("MaximumVPNConnection", self.vpn_connections),
            ("MaximumMemberVPNConnection", self.vpn_connections),
            ("MaximumNATConnection", self.nat_connections),
            ("MaximumMemberNATConnection", self.nat_connections),
        ):
            SubElement(quota, name).text = None if value is None else str(value)
        return tostring(root, encoding="unicode")


def _root(text: str, name: str) -> Element:
    try:
        return xml.parse(text)
    except xml.XmlError as problem:
        raise unreadable(f"The quota setting {name} cannot be read. {problem}") from None


def _id(element: Element, name: str) -> UUID:
    text = xml.attribute(element, name) or ""
    try:
        return UUID(text)
    except ValueError:
        raise unreadable(f"The quota has no id of its {name}: '{text[:60]}' is not a GUID.") from None


def _limit(element: Element, name: str) -> int | None:
    text = xml.text_of(next(xml.descendants(element, name), None))
    if text is None:
        return None
    if not (text.isascii() and text.isdigit()) or len(text) > 19 or int(text) > _LARGEST:
        raise unreadable(f"The quota's {name} is not a whole number: '{text[:60]}'.")
    return int(text)
