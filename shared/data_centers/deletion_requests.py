"""A deletion over HTTP: its members in the query or in the body."""

from collections.abc import Mapping
from typing import Any

from shared.data_centers.requests import DeleteRequest
from shared.values.sent import SentBody
from shared.web.documents import parse, with_query, wrong


def read_deletion(query: Mapping[str, str], document: SentBody, data_center: str) -> tuple[DeleteRequest, SentBody]:
    """Return a deletion as its model and as it was sent; refuses with 400 another confirmation than the id, and two of them."""
    given: dict[str, Any] = {name: value if name == "confirm" else value == "true" for name, value in query.items()}
    sent = with_query(document.members, given)
    request = parse(DeleteRequest, sent)
    if request.confirm != data_center:
        raise wrong("confirm", f"Send confirm={data_center} to delete this data center.")
    return request, SentBody(sent)
