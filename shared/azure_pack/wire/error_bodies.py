"""The body of an error, in each of the forms in which Azure Pack and its resource providers write one. Pure."""

import html
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from xml.etree.ElementTree import Element  # a type; defusedxml parses

from shared.azure_pack.errors import ErrorDetail
from shared.azure_pack.wire import xml
from shared.values import reading
from shared.values.reading import Json

_LONGEST_TEXT: Final = 200
_LARGEST_READ: Final = 1 << 20
_LARGEST_PAGE: Final = 8_000
"""Characters of a page that are looked at: removing tags takes time that grows with the square."""
_HIDDEN_PARTS: Final = re.compile(r"<(script|style|head)\b.*?</\1\s*>", re.IGNORECASE | re.DOTALL)
_TAG: Final = re.compile(r"<[^>]*>")
_ENVELOPES: Final = ("odata.error", "error", "Error", "DeploymentErrorInfo", "ErrorInfo")


@dataclass(frozen=True, slots=True)
class ErrorBody:
    """What an error's body holds; `code` is None where it has none that is recognised."""

    code: str | None
    message: str | None
    recommended_action: str | None = None
    details: tuple[ErrorDetail, ...] = ()
    is_soap_fault: bool = False


def read_error(body: bytes) -> ErrorBody:
    """Read an error's body, whatever its content type; text that no form fits becomes the message, its first 200 characters."""
    text = decoded(body[:_LARGEST_READ]).strip()
    if text[:1] in ("{", "["):
        try:
            found = from_json(json.loads(text))
        except (ValueError, RecursionError):
            found = None
        if found is not None:
            return found
    if text[:1] == "<" and not is_html(text):
        try:
            found = _from_xml(xml.parse(text))
        except xml.XmlError:
            found = None
        if found is not None:
            return found
    return ErrorBody(None, plain_text(text))


def from_json(value: object) -> ErrorBody | None:
    """Read the JSON of the service, of OData, or of VMM (`DeploymentErrorInfo`, a job's `ErrorInfo`); None for anything else."""
    if not isinstance(value, Mapping):
        return None
    for name in _ENVELOPES:
        inner = reading.member(value, name)
        if isinstance(inner, Mapping):
            return from_json(inner)
    code = reading.code(value, "Code", "DetailedErrorCode")
    message = reading.text(value, "Problem", "Message") or reading.text(reading.an_object(value, "message"), "value")
    if code is None and message is None:
        return None
    details = reading.objects(value, "Details")
    return ErrorBody(
        code=code,
        message=message,
        recommended_action=reading.text(value, "RecommendedAction"),
        details=tuple(detail for each in details if (detail := _detail(each)) is not None),
    )


def plain_text(text: str) -> str | None:
    """Return the beginning of a text or page as plain text: tags removed, white space joined, at most 200 characters."""
    visible = html.unescape(_TAG.sub(" ", _HIDDEN_PARTS.sub(" ", text[:_LARGEST_PAGE])))
    return " ".join("".join(each if each.isprintable() else " " for each in visible).split())[:_LONGEST_TEXT] or None


def is_html(text: str) -> bool:
    """Return whether a text begins as an HTML page does."""
    beginning = text.lstrip("\ufeff \t\r\n")[:200].lower()
    return beginning.startswith(("<!doctype html", "<html")) or (beginning.startswith("<?xml") and "<html" in beginning)


def decoded(body: bytes) -> str:
    """Return a body as text: UTF-16 by its byte-order mark, else UTF-8 with what is not readable replaced."""
    if body[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return body.decode("utf-16", "replace")
    return body.decode("utf-8-sig", "replace")


def _detail(value: Json) -> ErrorDetail | None:
    code = reading.code(value, "Code")
    message = reading.text(value, "Message", "Value")
    return None if code is None and message is None else ErrorDetail(code or "", message or "")


def _from_xml(root: Element) -> ErrorBody | None:
    fault = next(xml.descendants(root, "Fault"), None)
    if fault is not None:
        return _soap(fault)
    if xml.local(root.tag) not in ("Error", "error", "DeploymentErrorInfo", "ErrorInfo"):
        return None
    values = {xml.local(each.tag).lower(): each for each in root}
    code = xml.text_of(values.get("code")) or xml.text_of(values.get("detailederrorcode"))
    message = xml.text_of(values.get("problem")) or xml.text_of(values.get("message"))
    if code is None and message is None:
        return None
    holder = values.get("details")
    details = [] if holder is None else [{xml.local(part.tag): xml.text_of(part) for part in each} for each in holder]
    return ErrorBody(
        code=code,
        message=message,
        recommended_action=xml.text_of(values.get("recommendedaction")),
        details=tuple(detail for each in details if (detail := _detail(each)) is not None),
    )


def _soap(fault: Element) -> ErrorBody:
    code = xml.child(fault, "Code", "Subcode", "Value")
    if code is None:
        code = xml.child(fault, "Code", "Value")
    if code is None:
        code = xml.child(fault, "faultcode")
    reason = xml.child(fault, "Reason", "Text")
    if reason is None:
        reason = xml.child(fault, "faultstring")
    name = xml.text_of(code)
    return ErrorBody(None if name is None else name.rpartition(":")[2], xml.text_of(reason), is_soap_fault=True)
