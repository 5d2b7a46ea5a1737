"""Moments in the models of answers and of stored documents: aware UTC, written as ISO 8601 with a Z."""

from datetime import datetime
from typing import Annotated

from pydantic import PlainSerializer, WithJsonSchema

from shared.clock import to_text

Moment = Annotated[
    datetime, PlainSerializer(to_text, return_type=str, when_used="json"), WithJsonSchema({"type": "string", "format": "date-time"})
]
"""A moment of an answer: text in JSON only."""
StoredMoment = Annotated[datetime, PlainSerializer(to_text, return_type=str)]
"""A moment of stored state: text wherever it is written."""
