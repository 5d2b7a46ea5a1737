"""Single resources of Azure by their ids: read, written, deleted and listed, each with the api-version of its type."""

from collections.abc import Mapping
from typing import Final

from shared.arm.api_versions import COMPUTE, DISKS, IMAGES, MACHINE_WRITES, NETWORKS, RESOURCE_GROUPS, RESOURCES
from shared.arm.clients import AzureClients
from shared.arm.failures import in_doubt, passing_refusal, sent_again_for_a_while
from shared.arm.ids import ResourceId
from shared.arm.operations import OperationStatus, error_of_operation, read_operation, status_of_operation
from shared.arm.reading import own_id
from shared.errors import CallFailure, FailureKind, Problem
from shared.values.reading import Json, same_text

_MACHINES: Final = "microsoft.compute/virtualmachines"
_VERSIONS: Final[Mapping[str, str]] = {
    "microsoft.compute/availabilitysets": COMPUTE,
    "microsoft.compute/disks": DISKS,
    "microsoft.compute/images": IMAGES,
    "microsoft.compute/snapshots": DISKS,
    _MACHINES: COMPUTE,
}
_CONFLICT = 409
_PRECONDITION = 412


class ResourceManagerResources:
    """Resources on Resource Manager. Every failure is a `CallFailure`; writes are sent once."""

    def __init__(self, clients: AzureClients) -> None:
        self._clients = clients

    async def get(self, resource: ResourceId) -> Json | None:
        """Return a resource's document; None where Azure answers 404."""
        try:
            return (await self._clients.read(resource, api_version=_version(resource))).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def error_of_operation(self, url: str | None) -> Problem | None:
        """Return the error of one of Azure's operations that has failed, None where it has not or can no longer be read."""
        return await error_of_operation(self._clients, url)

    async def status_of_operation(self, url: str | None) -> OperationStatus | None:
        """Return the status of one of Azure's operations, None where it can no longer be read."""
        return await status_of_operation(self._clients, url)

    async def get_by_text(self, resource: str) -> Json | None:
        """Return the document of a resource by its id as text; None for what is no id, and where Azure answers 404."""
        return await self.get(ResourceId.parse(resource)) if "/" in resource else None

    async def post(self, resource: ResourceId, action: str, body: Json, request_id: str, timeout: float) -> str | None:
        """POST an action of a resource, and return the URL of the operation."""
        try:
            answer = await self._clients.write(
                "POST", f"{resource}/{action}", api_version=_version(resource), body=body, request_id=request_id, timeout=timeout
            )
        except CallFailure as failure:
            raise passing_refusal(failure) from failure
        return answer.operation_url

    async def operation(self, url: str) -> OperationStatus:
        """Read one of Azure's operations by the URL that its start gave."""
        return await read_operation(self._clients, url)

    async def group(self, subscription_id: str, name: str) -> Json | None:
        """Return a resource group's document; None where Azure answers 404."""
        path = f"/subscriptions/{subscription_id}/resourceGroups/{name}"
        try:
            return (await self._clients.read(path, api_version=RESOURCE_GROUPS)).body
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise

    async def groups(self, subscription_id: str) -> list[Json]:
        """Return the resource groups of a subscription."""
        return await self._listed(f"/subscriptions/{subscription_id}/resourceGroups", RESOURCE_GROUPS)

    async def put_group(self, subscription_id: str, name: str, body: Json, request_id: str, timeout: float) -> None:
        """PUT a resource group, which is done at once."""
        path = f"/subscriptions/{subscription_id}/resourceGroups/{name}"
        try:
            await self._clients.write("PUT", path, api_version=RESOURCE_GROUPS, body=body, request_id=request_id, timeout=timeout)
        except CallFailure as failure:
            raise passing_refusal(failure) from failure

    async def in_subscription(self, subscription_id: str, type_: str) -> list[Json]:
        """Return the resources of a type in a subscription."""
        version = _VERSIONS.get(type_.lower(), NETWORKS)
        return await self._listed(f"/subscriptions/{subscription_id}/providers/{type_}", version)

    async def find(self, subscription_id: str, type_: str, name: str) -> tuple[ResourceId, ...]:
        """Return the ids of a subscription's resources of a type and a name."""
        wanted = f"resourceType eq '{type_}' and name eq '{name}'"
        found = await self._clients.read_all(
            f"/subscriptions/{subscription_id}/resources", api_version=RESOURCES, params={"$filter": wanted}
        )
        ids = [ResourceId.parse(own_id(one)) for one in found if own_id(one)]
        return tuple(one for one in ids if same_text(one.type, type_) and same_text(one.name, name))

    async def within(self, sibling: ResourceId) -> list[Json]:
        """Return the resources of a resource group that have the type of one of its resources."""
        path = str(sibling).rpartition("/")[0]
        return await self._listed(path, _version(sibling))

    async def _listed(self, path: str, version: str) -> list[Json]:
        """Read a list; a 404 counts as not read, because it would leave out everything that exists."""
        try:
            return list(await self._clients.read_all(path, api_version=version))
        except CallFailure as failure:
            if failure.kind is not FailureKind.NOT_FOUND:
                raise
            raise in_doubt("NotRead", f"The list {path} was not found. The read is retried.") from failure

    async def put(
        self, resource: ResourceId, body: Json, request_id: str, timeout: float, *, only_new: bool = False, etag: str | None = None
    ) -> str | None:
        """PUT a resource, and return the URL of the operation.

        With `only_new` one that exists is refused with 409, with `etag` one that has changed with 412.
        """
        version = MACHINE_WRITES if resource.type.lower() == _MACHINES else _version(resource)
        condition = {"If-None-Match": "*"} if only_new else {"If-Match": etag} if etag is not None else None
        try:
            answer = await self._clients.write(
                "PUT", resource, api_version=version, body=body, request_id=request_id, timeout=timeout, condition=condition
            )
        except CallFailure as failure:
            raise _exists(failure) if only_new and failure.status == _PRECONDITION else passing_refusal(failure) from failure
        return answer.operation_url

    async def patch(self, resource: ResourceId, body: Json, request_id: str, timeout: float, *, etag: str | None = None) -> str | None:
        """PATCH a resource, under its ETag where one is given, and return the URL of the operation."""
        version = MACHINE_WRITES if resource.type.lower() == _MACHINES else _version(resource)
        condition = {"If-Match": etag} if etag is not None else None
        try:
            answer = await self._clients.write(
                "PATCH", resource, api_version=version, body=body, request_id=request_id, timeout=timeout, condition=condition
            )
        except CallFailure as failure:
            raise passing_refusal(failure) from failure
        return answer.operation_url

    async def delete(self, resource: ResourceId, request_id: str, timeout: float) -> str | None:
        """DELETE a resource, and return the URL of the operation; one that is absent is deleted."""
        try:
            answer = await self._clients.write("DELETE", resource, api_version=_version(resource), request_id=request_id, timeout=timeout)
        except CallFailure as failure:
            if failure.kind is FailureKind.NOT_FOUND:
                return None
            raise passing_refusal(failure) from failure
        return answer.operation_url


def _version(resource: ResourceId) -> str:
    return _VERSIONS.get(resource.type.lower(), NETWORKS)


def _exists(failure: CallFailure) -> CallFailure:
    """Return a 412 of a PUT of something new as a conflict: what is there decides, once a read shows it."""
    return sent_again_for_a_while(
        CallFailure(FailureKind.REFUSED, code="Conflict", message=failure.message, status=_CONFLICT, date=failure.date)
    )
