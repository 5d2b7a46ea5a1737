"""The audit finds a planted secret in each store and each form; else a clean result would mean nothing."""

import base64
import json
import zlib
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import quote

import pytest
from azure.core.exceptions import ResourceExistsError
from azure.data.tables import TableServiceClient
from azure.storage.blob import BlobServiceClient
from azure.storage.queue import QueueServiceClient

from local.azurite import Azurite
from tests.support.secret_audit import Marked, audit, shows

FORMS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "JSON": json.dumps,
    "JSON in JSON": lambda value: json.dumps({"a": value}, ensure_ascii=False),
    "URL": quote,
    "URL, slashes too": lambda value: quote(value, safe=""),
    "base64": lambda value: base64.b64encode(value.encode()).decode(),
    "base64 of more": lambda value: base64.b64encode(f'{{"value":"{value}"}}'.encode()).decode(),
    "base64 of one letter more": lambda value: base64.b64encode(f"x{value}y".encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS)
def test_each_form_is_found(form: str) -> None:
    secrets = Marked()
    assert shows(f"before {FORMS[form](secrets.new())} after", secrets.values)
    assert not shows(f"before {FORMS[form](Marked().new())} after", secrets.values)


@pytest.mark.parametrize("place", ["table", "packed column", "queue", "blob", "text"])
def test_each_store_is_looked_into(azurite: Azurite, place: str) -> None:
    secrets, storage = Marked(), azurite.connection_string
    audit([secrets.new()], storage=storage, texts={"log": "nothing"})
    value = secrets.new()
    texts = {"log": f"the password is {value}"} if place == "text" else {}
    if place in {"table", "packed column"}:
        column: object = value if place == "table" else zlib.compress(json.dumps({"a": value}).encode())
        with TableServiceClient.from_connection_string(storage) as tables:
            tables.create_table_if_not_exists("audited").create_entity({"PartitionKey": "a", "RowKey": place, "c": column})
    if place == "queue":
        with QueueServiceClient.from_connection_string(storage) as queues:
            client = queues.get_queue_client("audited")
            with suppress(ResourceExistsError):
                client.create_queue()
            client.send_message(json.dumps({"a": value}))
    if place == "blob":
        with BlobServiceClient.from_connection_string(storage) as blobs:
            blobs.create_container("audited").upload_blob("b", value)
    with pytest.raises(AssertionError, match="secrets in"):
        audit(secrets.values, storage=storage, texts=texts)
