"""Reads and writes what a restore makes in Azure. Every failure is a `CallFailure`; writes are sent once, under the id of their intent."""

from collections.abc import Mapping
from typing import Final

from shared.arm.api_versions import COMPUTE, COMPUTE_RESTORE_POINTS, DISKS, MACHINE_WRITES, NETWORKS, RESOURCE_GROUPS, SKUS
from shared.arm.clients import AzureClients
from shared.arm.failures import busy_where_another_works, passing_refusal, sent_again_for_a_while
from shared.arm.ids import ResourceId
from shared.arm.operations import error_of_operation
from shared.errors import CallFailure, FailureKind, Problem
from shared.values.reading import Json

_MACHINES: Final = "microsoft.compute/virtualmachines"
_VERSIONS: Final[Mapping[str, str]] = {
    "microsoft.compute/disks": DISKS,
    "microsoft.compute/diskencryptionsets": DISKS,
    "microsoft.compute/availabilitysets": COMPUTE,
    "microsoft.compute/restorepointcollections": COMPUTE_RESTORE_POINTS,
    "microsoft.compute/restorepointcollections/restorepoints": COMPUTE_RESTORE_POINTS,
    "microsoft.compute/restorepointcollections/restorepoints/diskrestorepoints": DISKS,
    _MACHINES: COMPUTE,
}
_CONFLICT, _PRECONDITION = 409, 412


class RestoreGateway:
    """Resources on Resource Manager, all in the region that is restored to."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients

    async def get(self, resource: ResourceId, expand: str | None = None) -> Json | None:
        """Return a resource's document; None where Azure answers 404."""
        params = {"$expand": expand} if expand is not None else None
        return await self._or_none(str(resource), _version(resource), params)

    async def put(self, resource: ResourceId, body: Json, request_id: str, timeout: float) -> str | None:
        """PUT a resource, and return the URL of the operation; a VM only where there is none of its name, which is refused with 409."""
        is_machine = resource.type.lower() == _MACHINES
        version = MACHINE_WRITES if is_machine else _version(resource)
        condition = {"If-None-Match": "*"} if is_machine else None
        try:
            answer = await self._clients.write(
                "PUT", resource, api_version=version, body=body, request_id=request_id, timeout=timeout, condition=condition
            )
        except CallFailure as failure:
            raise _exists(failure) if failure.status == _PRECONDITION else passing_refusal(failure) from failure
        return answer.operation_url

    async def delete(self, resource: ResourceId, request_id: str, timeout: float) -> str | None:
        """DELETE a resource, and return the URL of the operation; one that is absent is deleted."""
        try:
            answer = await self._clients.write("DELETE", resource, api_version=_version(resource), request_id=request_id, timeout=timeout)
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise busy_where_another_works(failure) from failure
            return None
        return answer.operation_url

    async def error_of_operation(self, url: str | None) -> Problem | None:
        """Return the error of one of Azure's operations that has failed, None where it has not or can no longer be read."""
        return await error_of_operation(self._clients, url)

    async def group(self, subscription_id: str, name: str) -> Json | None:
        """Return a resource group's document; None where Azure answers 404."""
        return await self._or_none(f"/subscriptions/{subscription_id}/resourceGroups/{name}", RESOURCE_GROUPS)

    async def sizes(self, subscription_id: str, region: str) -> list[Json]:
        """Return what a subscription can use in a region: sizes of machines, sorts of disks."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/skus"
        return list(await self._clients.read_all(path, api_version=SKUS, params={"$filter": f"location eq '{region}'"}))

    async def usages(self, subscription_id: str, region: str) -> list[Json]:
        """Return how much of each quota a subscription uses in a region."""
        path = f"/subscriptions/{subscription_id}/providers/Microsoft.Compute/locations/{region}/usages"
        return list(await self._clients.read_all(path, api_version=COMPUTE))

    async def _or_none(self, path: str, version: str, params: Mapping[str, str] | None = None) -> Json | None:
        try:
            return (await self._clients.read(path, api_version=version, params=params)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise


def _version(resource: ResourceId) -> str:
    return _VERSIONS.get(resource.type.lower(), NETWORKS)


def _exists(failure: CallFailure) -> CallFailure:
    """Return a 412 of a PUT of something new as a conflict: what is there decides, once a read shows it."""
    conflict = CallFailure(FailureKind.REFUSED, code="Conflict", message=failure.message, status=_CONFLICT, date=failure.date)
    return sent_again_for_a_while(conflict)
