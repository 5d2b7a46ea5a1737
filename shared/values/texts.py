"""Checks of texts in requests and documents, for pydantic's validators: each returns the text, or raises `ValueError`."""

from shared.values.reading import is_guid


def printable(text: str) -> str:
    """Return a text without control characters."""
    if not text.isprintable():
        raise ValueError("This must have printable characters only.")
    return text


def guid(text: str) -> str:
    """Return a GUID in lower case."""
    if not is_guid(text):
        raise ValueError("This must be a GUID, such as 11111111-0000-4000-8000-000000000001.")
    return text.lower()
