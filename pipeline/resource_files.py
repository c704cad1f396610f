"""NDJSON files of FHIR resources, upserted by resource id.

The form that servers' bulk import takes: one resource per line
(https://hl7.org/fhir/uv/bulkdata/export.html). Lines are sorted by id.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

import orjson

from pipeline.upsert_files import Folder

_ID = re.compile(rb'\{"resourceType":"[A-Za-z]+","id":"([^"\\]+)"')


class Saved(NamedTuple):
    """What became of the resources handed in: their ids."""

    created: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    unchanged: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    """Those that stood in the file and do no longer."""


def _id_of(line: bytes) -> str:
    # Our own lines start alike; any other JSON is parsed.
    match = _ID.match(line)
    return match[1].decode() if match else orjson.loads(line)["id"]


def _lines_by_id(content: bytes) -> dict[str, bytes]:
    return {_id_of(line): line for line in content.splitlines()}


def _replace(_known: bytes | None, new: bytes) -> bytes:
    return new


class Lines(NamedTuple):
    """What a file must hold, and what it must not."""

    resources: Mapping[str, bytes]
    """JSON by id."""
    removed: tuple[str, ...] = ()
    """Ids. If nothing is left, the file is empty: whether it was ever otherwise is
    nothing that files should tell."""


def save_resources(
    folder: Folder,
    name: str,
    resources: Mapping[str, bytes],
    merge: Callable[[bytes | None, bytes], bytes] = _replace,
    removed: Iterable[str] = (),
) -> Saved:
    """Upserts resources into one file.

    Args:
        folder: root of the resource type.
        name: the file below it.
        resources: JSON by id.
        merge: what the known and the new version of a resource become; the new one
            replaces the known one unless told otherwise.
        removed: ids that must not stand in the file.
    """
    lines = Lines(resources, tuple(removed))
    return save_newest(folder, name, lambda: lines, merge)


def save_newest(
    folder: Folder,
    name: str,
    newest: Callable[[], Lines],
    merge: Callable[[bytes | None, bytes], bytes] = _replace,
) -> Saved:
    """Upserts resources that are asked for when nobody else can write the file.

    Args:
        folder: root of the resource type.
        name: the file below it.
        newest: what to write; called again when another writer was faster.
        merge: as in `save_resources`.
    """
    saved = Saved()

    def change(content: bytes | None) -> bytes | None:
        nonlocal saved
        resources, unwanted = newest()
        lines = {} if not content else _lines_by_id(content)
        gone = tuple(key for key in unwanted if lines.pop(key, None) is not None)
        created: list[str] = []
        updated: list[str] = []
        unchanged: list[str] = []
        for resource_id, new in resources.items():
            known = lines.get(resource_id)
            lines[resource_id] = merged = merge(known, new)
            outcome = created if known is None else updated
            (unchanged if merged == known else outcome).append(resource_id)
        saved = Saved(tuple(created), tuple(updated), tuple(unchanged), gone)
        is_new = content is None and bool(resources or unwanted)
        if not (saved.created or saved.updated or gone or is_new):
            return None
        # The empty one at the end puts a newline behind the last resource as well.
        return b"\n".join([*map(lines.__getitem__, sorted(lines)), b""])

    folder.update(name, change)
    return saved
