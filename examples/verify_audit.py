"""Verifies the audit trail of a failover by itself, without code of Farshore's: each entry's hash, the chain, and the anchored heads.

    python3 verify_audit.py <file with the answer of GET /failovers/{id}/audit, or - for standard input> [<folder of anchors>]

Standard library only. The anchors are the write-once blobs `<failover's id>/<sequence>` of the container `audit`; to fetch them:

    az storage blob download-batch --auth-mode login --account-name <account> --source audit --pattern '<id>/*' --destination anchors

and give the folder `anchors/<id>`. Without them a trail whose last entries were taken off, or that was written anew, is not detected.
Exit code: 0 whole, 1 not whole (the message names the first broken entry), 2 wrongly called.
"""

import hashlib
import json
import sys
from pathlib import Path
from typing import Any

FIRST = "0" * 64


class Broken(Exception):  # noqa: N818  # what was found, not a defect
    """The trail is not whole; the message names where."""


def hash_of(entry: dict[str, Any]) -> str:
    """Return the SHA-256 of an entry's JSON without its own hash: members sorted, no blanks, UTF-8."""
    plain = {name: value for name, value in entry.items() if name != "hash"}
    return hashlib.sha256(json.dumps(plain, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()).hexdigest()


def verify(entries: list[dict[str, Any]], head: str) -> None:
    """Follow the chain from the first entry to the head; raises `Broken`."""
    previous = FIRST
    for expected, entry in enumerate(entries, start=1):
        if entry["sequence"] != expected:
            raise Broken(f"entry {expected} is missing, or out of its place")
        if entry["previousHash"] != previous:
            raise Broken(f"entry {expected} does not follow from the one before it")
        if entry["hash"] != hash_of(entry):
            raise Broken(f"entry {expected} was changed")
        previous = entry["hash"]
    if head != previous:
        raise Broken("the head is not the last entry's hash")


def compare(entries: list[dict[str, Any]], folder: Path) -> int:
    """Hold the entries against the anchors; returns up to which entry there are any. Raises `Broken`."""
    anchors = [json.loads(path.read_text("utf-8")) for path in sorted(folder.iterdir())]
    for anchor in anchors:
        if anchor["sequence"] > len(entries):
            raise Broken(f"entry {anchor['sequence']} was anchored and is not there: entries were taken off")
        if entries[anchor["sequence"] - 1]["hash"] != anchor["hash"]:
            raise Broken(f"entry {anchor['sequence']} is not the one that was anchored: the trail was written anew")
    return max((int(anchor["sequence"]) for anchor in anchors), default=0)


def main(arguments: list[str]) -> int:
    """Verify the trail and print what was found."""
    if len(arguments) not in {1, 2}:
        print(__doc__, file=sys.stderr)
        return 2
    try:
        trail = json.loads(sys.stdin.read() if arguments[0] == "-" else Path(arguments[0]).read_text("utf-8"))
        entries = trail["value"]
        verify(entries, trail["head"])
        anchored = compare(entries, Path(arguments[1])) if len(arguments) == 2 else None
    except Broken as broken:
        print(f"The trail is not whole: {broken}.", file=sys.stderr)
        return 1
    except (OSError, ValueError, KeyError, TypeError) as wrong:
        print(f"This is no audit trail, or no folder of its anchors: {wrong!r}", file=sys.stderr)
        return 2
    known = "its anchors were not looked at" if anchored is None else f"{anchored} of them anchored"
    print(f"The trail is whole: {len(entries)} entries, {known}, head {trail['head']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
