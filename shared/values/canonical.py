"""One form of JSON for hashes."""

import json


def canonical(body: object) -> bytes:
    """Return JSON in its canonical form: members sorted, no white space, UTF-8. Raises `ValueError` for what JSON cannot hold."""
    return json.dumps(body, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()
