"""An app as the SDKs' samples have it: imports and clients at the top; its health asks the same of storage as ours does."""

import os

import azure.functions as func
from azure.core.exceptions import ResourceNotFoundError
from azure.data.tables.aio import TableServiceClient
from azure.identity.aio import ManagedIdentityCredential
from azure.mgmt.compute.aio import ComputeManagementClient
from azure.mgmt.recoveryservicessiterecovery.aio import SiteRecoveryManagementClient
from azure.storage.queue.aio import QueueServiceClient

app = func.FunctionApp()

SUBSCRIPTION = "11111111-1111-1111-1111-111111111111"
CONNECTION = os.environ.get("AzureWebJobsStorage", "UseDevelopmentStorage=true")  # noqa: SIM112  # the platform's own spelling
credential = ManagedIdentityCredential()
tables = TableServiceClient.from_connection_string(CONNECTION)
queues = QueueServiceClient.from_connection_string(CONNECTION)
compute = ComputeManagementClient(credential, SUBSCRIPTION)
site_recovery = SiteRecoveryManagementClient(credential, SUBSCRIPTION)


@app.route(route="health", methods=["GET"], auth_level=func.AuthLevel.ANONYMOUS)
async def health(req: func.HttpRequest) -> func.HttpResponse:  # noqa: ARG001  # the binding needs it
    """Answer once the table can be read."""
    await tables.create_table_if_not_exists("operations")
    try:
        await tables.get_table_client("operations").get_entity("00", "a|none")
    except ResourceNotFoundError:
        return func.HttpResponse("up")
    return func.HttpResponse("up")
