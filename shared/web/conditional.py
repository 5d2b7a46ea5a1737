"""Conditional requests on documents: `ETag`, `If-Match` and `If-None-Match: *`.

A document is a thing that `PUT` replaces as a whole, such as a copy policy or a tenant. Its tag is strong, opaque, and made from its
normal form. Sources: RFC 9110, section 13; docs/design/http.md, "Documents and conditions".
"""

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from shared.errors import ErrorCode, Refused
from shared.operations.model.models import JsonObject
from shared.web.documents import wrong

if TYPE_CHECKING:
    import azure.functions as func

_STRONG = re.compile(r'"[\x21\x23-\x7e]*"')


class Write(StrEnum):
    """What a `PUT` of a document does, once its condition holds."""

    CREATE = "create"
    REPLACE = "replace"
    NOTHING = "nothing"
    """The document there is equal: it is answered as it is."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The condition of a request: at most one of the two is set.

    `tag` is the strong tag of `If-Match`, quotes included, or `*` for any; `must_be_absent` is `If-None-Match: *`.
    """

    tag: str | None = None
    must_be_absent: bool = False


def read_condition(request: "func.HttpRequest") -> Condition:
    """Read a request's condition; refuses with 400 both headers together, weak tags, lists of tags and any other text."""
    match, none_match = request.headers.get("if-match"), request.headers.get("if-none-match")
    if match is not None and none_match is not None:
        raise wrong("If-None-Match", "If-Match and If-None-Match cannot be used together. Send one of them.")
    if none_match is not None:
        if none_match.strip() != "*":
            raise wrong("If-None-Match", "This header must be *: it creates a document and replaces none.")
        return Condition(must_be_absent=True)
    return condition_of(match) if match is not None else Condition()


def condition_of(match: str) -> Condition:
    """Return the condition that `If-Match` states; refuses with 400 weak tags, lists of tags and any other text."""
    tag = match.strip()
    if tag != "*" and not _STRONG.fullmatch(tag):
        raise wrong(
            "If-Match", 'This header must be * or one strong tag as an ETag header gives it, for example "3f2a". Lists are not read.'
        )
    return Condition(tag=tag)


def tag_of(document: JsonObject) -> str:
    """Return the strong tag of a document in its normal form: equal documents have equal tags, whatever the order of their members."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return f'"{hashlib.sha256(canonical.encode()).hexdigest()[:32]}"'


def decide_put(condition: Condition, standing: str | None, wanted: str) -> Write:
    """Return what a PUT does; `standing` is the tag of the document that is there (None: there is none), `wanted` that of the new one.

    Refuses with `PreconditionFailed` (412, the tag that is there beside the error), and with `PreconditionRequired` (428) a PUT without a
    condition over a document that differs.
    """
    if standing is None:
        if condition.tag is not None:
            raise _failed("There is no document to replace.", None)
        return Write.CREATE
    if condition.must_be_absent:
        raise _failed("The document exists.", standing, "If-None-Match")
    if condition.tag is not None:
        _require_match(condition, standing)
        return Write.NOTHING if standing == wanted else Write.REPLACE
    if standing == wanted:
        return Write.NOTHING
    message = "The document exists and differs. Send If-Match with its ETag to replace it, or If-Match: * to replace any."
    raise Refused(ErrorCode.PRECONDITION_REQUIRED, message, target="If-Match", beside={"etag": standing})


def check_delete(condition: Condition, standing: str) -> None:
    """Check the condition of a DELETE against the tag that is there; refuses with `PreconditionFailed`."""
    if condition.must_be_absent:
        raise _failed("The document exists.", standing, "If-None-Match")
    if condition.tag is not None:
        _require_match(condition, standing)


def _require_match(condition: Condition, standing: str) -> None:
    if condition.tag not in {"*", standing}:
        raise _failed("The document has changed. Read it again and repeat the request with its ETag.", standing)


def _failed(message: str, standing: str | None, header: str = "If-Match") -> Refused:
    beside: Mapping[str, object] = {"etag": standing} if standing is not None else {}
    return Refused(ErrorCode.PRECONDITION_FAILED, message, target=header, beside=dict(beside))
