"""Write-once blobs: what was written under a name stays as it is.

In Azure the container has version-level immutability; where storage cannot do that, as the emulator, `If-None-Match: *` keeps a second
write of the same name away.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from azure.core.credentials_async import AsyncTokenCredential
    from azure.storage.blob.aio import BlobServiceClient


class WriteOnceBlobs:
    """One container of blobs that are written once."""

    def __init__(self, account: "BlobAccount", container: str) -> None:
        self._account = account
        self._container = container

    async def create_container(self) -> None:
        """Create the container if it is not there: the emulator starts empty, in Azure the deployment makes it."""
        from azure.core.exceptions import ResourceExistsError

        try:
            await self._account.service.create_container(self._container)
        except ResourceExistsError:
            return

    async def write(self, name: str, content: bytes) -> bool:
        """Write a blob unless one of that name is there; return whether it was written."""
        from azure.core.exceptions import ResourceExistsError, ResourceModifiedError

        try:
            await self._account.service.get_blob_client(self._container, name).upload_blob(content, overwrite=False)
        except (ResourceExistsError, ResourceModifiedError):
            return False
        return True

    async def read(self, name: str) -> bytes | None:
        """Read a blob, or None where there is none of that name."""
        from azure.core.exceptions import ResourceNotFoundError

        try:
            stream = await self._account.service.get_blob_client(self._container, name).download_blob()
        except ResourceNotFoundError:
            return None
        return await stream.readall()

    async def names(self, prefix: str) -> list[str]:
        """List the names that begin with a prefix, in order."""
        container = self._account.service.get_container_client(self._container)
        return sorted([name async for name in container.list_blob_names(name_starts_with=prefix)])


class BlobAccount:
    """The blobs of one storage account. Its client is made when it is first used: the import of its SDK is a tenth of a first answer."""

    def __init__(self, connect: "Callable[[], BlobServiceClient]") -> None:
        self._connect = connect
        self._service: BlobServiceClient | None = None

    @property
    def service(self) -> "BlobServiceClient":
        """The client."""
        if self._service is None:
            self._service = self._connect()
        return self._service

    def write_once(self, container: str) -> WriteOnceBlobs:
        """Return a container of blobs that are written once."""
        return WriteOnceBlobs(self, container)

    async def close(self) -> None:
        """Close the connection, where there is one."""
        if self._service is not None:
            await self._service.close()


def connect(connection_string: str) -> BlobAccount:
    """Reach an emulator by its connection string."""

    def service() -> "BlobServiceClient":
        from azure.storage.blob.aio import BlobServiceClient

        return BlobServiceClient.from_connection_string(connection_string)

    return BlobAccount(service)


def connect_with_identity(blob_service_uri: str, credential: "AsyncTokenCredential") -> BlobAccount:
    """Reach a storage account with the app's identity."""

    def service() -> "BlobServiceClient":
        from azure.storage.blob.aio import BlobServiceClient

        return BlobServiceClient(blob_service_uri, credential=credential)

    return BlobAccount(service)
