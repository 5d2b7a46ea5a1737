"""A deletion over HTTP: its members in the query or in the body."""

from collections.abc import Mapping
from typing import Any

from shared.data_centers.requests import DeleteRequest
from shared.values.sent import SentBody
from shared.web.documents import parse, wrong


def read_deletion(query: Mapping[str, str], document: SentBody, data_center: str) -> tuple[DeleteRequest, SentBody]:
    """Return a deletion as its model and as it was sent; refuses with 400 another confirmation than the id."""
    flags = {name: value == "true" for name, value in query.items() if name != "confirm"}
    sent: dict[str, Any] = {**document.members, **flags, **{name: value for name, value in query.items() if name == "confirm"}}
    request = parse(DeleteRequest, sent)
    if request.confirm != data_center:
        raise wrong("confirm", f"Send confirm={data_center} to delete this data center.")
    return request, SentBody(sent)
