"""Ids, keys and hashes: from the id alone come partition and row, and the same request gives the same id (docs/design/core.md)."""

import base64
import hashlib
import json
from datetime import UTC, datetime

from shared.operations.model.models import JsonObject

SHARDS = 16
_ID_LENGTH = 26
_ALPHABET = "abcdefghijklmnopqrstuvwxyz234567"
_END_OF_TIME = 10**16


def _digest(*parts: str) -> bytes:
    # each part is preceded by its length, so that no two lists of parts run together
    return hashlib.sha256("".join(f"{len(part)}:{part}" for part in parts).encode("utf-8", "surrogatepass")).digest()


def short_hash(*parts: str) -> str:
    """Return 26 characters (a-z, 2-7) that identify the parts: a key without the characters that tables refuse."""
    return base64.b32encode(_digest(*parts)).decode().lower()[:_ID_LENGTH]


def operation_id(tenant: str, kind: str, key: str) -> str:
    """Return an operation's id: 4 characters of the tenant's hash and 22 of the request's, all of them a-z and 2-7."""
    return short_hash(tenant)[:4] + short_hash(tenant, kind, key)[:22]


def is_operation_id(text: str) -> bool:
    """Whether the text has the form of an operation's id."""
    return len(text) == _ID_LENGTH and frozenset(_ALPHABET).issuperset(text)


def phase_of(operation: str) -> float:
    """Return a number from 0 to less than 1, the same for all operations of a partition: what they do at one moment is one transaction."""
    return int(partition_of(operation)) / SHARDS


def partition_of(operation: str) -> str:
    """Return the partition of an operation by its id: one of 16, the same for all of a tenant's."""
    return f"{_ALPHABET.index(operation[0]) % SHARDS:02d}"


def partition_of_tenant(tenant: str) -> str:
    """Return the partition that holds a tenant's operations."""
    return partition_of(short_hash(tenant))


def all_partitions() -> tuple[str, ...]:
    """Return every partition of the operations."""
    return tuple(f"{number:02d}" for number in range(SHARDS))


def inverted(moment: datetime) -> str:
    """Return 16 digits that sort the newest moment first (microseconds before the year 2286)."""
    return f"{_END_OF_TIME - int(moment.astimezone(UTC).timestamp() * 1_000_000):016d}"


def canonical(body: JsonObject) -> bytes:
    """Return the JSON with sorted members and no white space, UTF-8."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")


def body_hash(body: JsonObject, leave_out: frozenset[str] = frozenset({"id", "tenant"})) -> str:
    """Return the SHA-256 of the canonical JSON without the reserved members of a queue message, as 64 hexadecimal digits."""
    return hashlib.sha256(canonical({name: value for name, value in body.items() if name not in leave_out})).hexdigest()
