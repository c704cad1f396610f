"""NDJSON files of FHIR resources, upserted by resource id.

The form that servers' bulk import takes: one resource per line
(https://hl7.org/fhir/uv/bulkdata/export.html). Lines are sorted by id.
"""

import re
from collections.abc import Callable, Mapping
from typing import NamedTuple

import orjson

from pipeline.upsert_files import Folder

_ID = re.compile(rb'\{"resourceType":"[A-Za-z]+","id":"([^"\\]+)"')


class Saved(NamedTuple):
    """What became of the resources handed in."""

    created: int
    updated: int
    unchanged: int


def _id_of(line: bytes) -> str:
    # Our own lines start alike; any other JSON is parsed.
    match = _ID.match(line)
    return match[1].decode() if match else orjson.loads(line)["id"]


def _replace(_known: bytes | None, new: bytes) -> bytes:
    return new


def save_resources(
    folder: Folder,
    name: str,
    resources: Mapping[str, bytes],
    merge: Callable[[bytes | None, bytes], bytes] = _replace,
) -> Saved:
    """Upserts resources into one file.

    Args:
        folder: root of the resource type.
        name: the file below it.
        resources: JSON by id.
        merge: what the known and the new version of a resource become; the new one
            replaces the known one unless told otherwise.
    """
    saved = Saved(0, 0, 0)

    def change(content: bytes | None) -> bytes | None:
        nonlocal saved
        lines = {_id_of(line): line for line in (content or b"").splitlines()}
        created = updated = 0
        for resource_id, new in resources.items():
            known = lines.get(resource_id)
            merged = merge(known, new)
            if merged != known:
                lines[resource_id] = merged
                created += known is None
                updated += known is not None
        saved = Saved(created, updated, len(resources) - created - updated)
        if not created and not updated:
            return None
        return b"".join(lines[key] + b"\n" for key in sorted(lines))

    folder.update(name, change)
    return saved
