"""The tenant API and the tenant public API: what a customer's own certificate or token reaches."""

from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from uuid import UUID, uuid4

from shared.azure_pack.authorization import Authorization
from shared.azure_pack.odata.documents import read_document, single
from shared.azure_pack.odata.paging import counted_pages
from shared.azure_pack.subscriptions import AddOn, AddOnReference, AddOnSubscription, ManagementCertificate, Plan, Subscription, Usage
from shared.azure_pack.transport import Transport
from shared.azure_pack.vm_roles import VmRoles
from shared.azure_pack.vmm.client import Vmm
from shared.azure_pack.vmm.machines import Update
from shared.azure_pack.wire.calls import Endpoint, segment


class TenantClient:
    """Calls the tenant API (30005) with a token, or the tenant public API (30006, 443) with a certificate or a token."""

    def __init__(self, base_url: str, transport: Transport, authorization: Authorization, new_id: Callable[[], UUID] = uuid4) -> None:
        self._endpoint = Endpoint(base_url, transport, authorization, new_id)

    async def subscriptions(self) -> AsyncIterator[Subscription]:
        """Return the subscriptions that the certificate or the principal may see."""
        async for entity in counted_pages(self._endpoint, "/subscriptions"):
            yield Subscription.read(entity)

    async def subscription(self, subscription: UUID) -> Subscription:
        """Return one subscription; raises `AzurePackError`."""
        return Subscription.read(single(await self._endpoint.read(f"/subscriptions/{subscription}")))

    async def plans(self) -> AsyncIterator[Plan]:
        """Return the public plans."""
        async for entity in counted_pages(self._endpoint, "/plans"):
            yield Plan.read(entity)

    async def add_ons(self) -> AsyncIterator[AddOn]:
        """Return the public add-ons."""
        async for entity in counted_pages(self._endpoint, "/addons"):
            yield AddOn.read(entity)

    async def subscribe(self, subscription: UUID, add_on: str) -> AddOnReference:
        """Subscribe to an add-on of the subscription's plan; each call adds one more instance."""
        return await subscribe(self._endpoint, subscription, add_on)

    async def unsubscribe(self, subscription: UUID, add_on: str, instance: str) -> None:
        """Remove one instance of an add-on."""
        await unsubscribe(self._endpoint, subscription, add_on, instance)

    async def usage(self, subscription: UUID) -> tuple[Usage, ...]:
        """Return what the subscription uses."""
        document = await self._endpoint.read(f"/subscriptions/{subscription}/usagesummaries")
        return tuple(Usage.read(each) for each in document.entities)

    async def synchronize(self, subscription: UUID) -> None:
        """Bring the resource providers up to date with the subscription's quota; it goes on after the answer."""
        await synchronize(self._endpoint, subscription)

    async def certificates(self, subscription: UUID) -> tuple[ManagementCertificate, ...]:
        """Return the certificates that the subscription accepts."""
        document = await self._endpoint.read(f"/subscriptions/{subscription}/certificates")
        return tuple(ManagementCertificate.read(each) for each in document.entities)

    async def add_certificate(self, subscription: UUID, der: bytes) -> None:
        """Let the subscription accept a certificate, without its key, as DER."""
        body = {"SubscriptionCertificateData": b64encode(der).decode()}
        await self._endpoint.call("POST", f"/subscriptions/{subscription}/certificates", json=body)

    async def delete_certificate(self, subscription: UUID, thumbprint: str) -> None:
        """Let the subscription no longer accept a certificate."""
        await self._endpoint.call("DELETE", f"/subscriptions/{subscription}/certificates/{segment(thumbprint)}")

    def machines(self, subscription: UUID, *, update: Update = "PUT") -> Vmm:
        """Return the machines of a subscription; `update` is the method that changes one (inferred)."""
        return Vmm(self._endpoint.below(f"/{subscription}/services/systemcenter/vmm"), update=update)

    def vm_roles(self, subscription: UUID) -> VmRoles:
        """Return the VM roles of a subscription."""
        return VmRoles(self._endpoint.below(f"/{subscription}"))


async def subscribe(endpoint: Endpoint, subscription: UUID, add_on: str) -> AddOnReference:
    """Subscribe a subscription to an add-on."""
    body = AddOnSubscription(add_on_id=add_on).as_json()
    reply = await endpoint.call("POST", f"/subscriptions/{subscription}/addons", json=body)
    document = read_document(reply.body)
    return AddOnReference.read(document.entities[0]) if document.entities else AddOnReference(add_on_id=add_on)


async def unsubscribe(endpoint: Endpoint, subscription: UUID, add_on: str, instance: str) -> None:
    """Remove one instance of an add-on of a subscription."""
    await endpoint.call("DELETE", f"/subscriptions/{subscription}/addons/{segment(add_on)}/{segment(instance)}")


async def synchronize(endpoint: Endpoint, subscription: UUID) -> None:
    """Start the synchronisation of a subscription's quota."""
    await endpoint.call("PUT", f"/subscriptions/{subscription}/quota", params={"sync": "True"})
