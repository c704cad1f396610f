"""The layout of a store, recorded in its root and checked at launch.

Shards decide file names, periods decide groups, the rules by which the mapping is read
decide times, and they and the way of identifying decide ids: a run that assumed others
would leave two versions of one reading. Such a run is refused.
"""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import orjson

from pipeline.upsert_files import Folder
from transforms.lanes import SlotKey
from transforms.schema import SCHEMA_VERSION

NAME = "_layout.json"

DEFAULT_SHARDS = 4
"""Few, because each is a file per hour and table; a cluster wants more."""

MOST_SHARDS = 32
"""Of a store whose number is chosen by what its first run brings. It is a power of two
times the default: all that may be chosen divide it."""

_FULL = 2_500_000
"""Bytes of readings, as they are put aside, of an hour and shard: some 7,000."""


class LayoutError(ValueError):
    """The store was made with another layout; the message says which and what to do."""


def claim(
    folder: Folder,
    shards: int | None,
    periods: Mapping[str, int],
    rules: str,
    identity: str = "create",
) -> int:
    """Records the layout of a store, or checks it against what is recorded.

    Args:
        folder: root of the tables.
        shards: number of shards, None for what is recorded or the default.
        periods: minutes per Observation by lower-case type, 0 for instants, -1 for
            correlation ids.
        rules: `store_tag` of the rules that the mapping is read by, empty for the usual
            ones.
        identity: how measurements get their ids.

    Returns:
        The number of shards to use.

    Raises:
        LayoutError: the recorded layout is another one.
    """
    chosen = shards or DEFAULT_SHARDS

    def change(content: bytes | None) -> bytes:
        nonlocal chosen
        known = {} if content is None else _read(folder, content)
        chosen = _agree(folder, known, shards)
        if known and known["rules"] != rules:
            raise _other_rules(folder, known["rules"], rules)
        if known and known["identity"] != identity:
            raise _other_identity(folder, known["identity"], identity)
        merged = _merge(folder, known.get("periods", {}), periods)
        return _write(chosen, merged, rules, identity)

    folder.update(NAME, change)
    return chosen


def is_claimed(folder: Folder) -> bool:
    """Whether a store has a layout."""
    return folder.read(NAME) is not None


def suitable_shards(sizes: Mapping[SlotKey, int]) -> int:
    """How many shards keep the files of a new store at a size that suits memory.

    Args:
        sizes: bytes of readings by shard, of `MOST_SHARDS`, and slot.

    Returns:
        The fewest of which at least half of the readings lie in files that are not
        full: one busy hour does not make a year's files small.
    """
    whole = sum(sizes.values())
    shards = DEFAULT_SHARDS
    while shards < MOST_SHARDS:
        by_file: Counter[SlotKey] = Counter()
        for (shard, start, minutes), size in sizes.items():
            by_file[shard % shards, start, minutes] += size
        if 2 * sum(size for size in by_file.values() if size <= _FULL) >= whole:
            break
        shards *= 2
    return shards


def _read(folder: Folder, content: bytes) -> dict[str, Any]:
    try:
        known = orjson.loads(content)
    except orjson.JSONDecodeError as error:
        raise _damaged(folder) from error
    if not isinstance(known, dict):
        raise _damaged(folder)
    if known.get("schema") != SCHEMA_VERSION:
        msg = (
            f"{folder.uri} was written with schema {known.get('schema')}, this version"
            f" writes {SCHEMA_VERSION}: choose another --out"
        )
        raise LayoutError(msg)
    periods = known.get("periods")
    # Guessing either would spread the readings of one patient over several files.
    if type(known.get("shards")) is not int or not isinstance(periods, dict):
        raise _damaged(folder)
    known.setdefault("identity", "create")
    if not all(isinstance(known.get(name), str) for name in ("rules", "identity")):
        raise _damaged(folder)
    return known


def _damaged(folder: Folder) -> LayoutError:
    msg = f"{folder.uri}/{NAME} is damaged: restore it, or choose another --out"
    return LayoutError(msg)


def _other_rules(folder: Folder, recorded: str, rules: str) -> LayoutError:
    known, now = (f"[{tag}]" if tag else "the usual rules" for tag in (recorded, rules))
    msg = (
        f"{folder.uri} was written by {known}, this run goes by {now}, under which"
        " times and ids differ: run as before, or choose another --out and run the"
        " messages again"
    )
    return LayoutError(msg)


def _other_identity(folder: Folder, recorded: str, identity: str) -> LayoutError:
    msg = (
        f"{folder.uri} was written with identities by [{recorded}], this run has"
        f" [{identity}], under which ids of patients and encounters may differ: run as"
        " before, or choose another --out and run the messages again; vitalbeam push"
        " loads what has been written to a server"
    )
    return LayoutError(msg)


def _agree(folder: Folder, known: dict[str, Any], shards: int | None) -> int:
    if not known:
        return shards or DEFAULT_SHARDS
    recorded: int = known["shards"]
    if shards not in (None, recorded):
        msg = (
            f"{folder.uri} has {recorded} shards, not {shards}: leave --shards out, or"
            " choose another --out"
        )
        raise LayoutError(msg)
    return recorded


def _merge(
    folder: Folder, known: Mapping[str, int], periods: Mapping[str, int]
) -> dict[str, int]:
    merged = dict(known)
    for name, minutes in periods.items():
        if merged.setdefault(name, minutes) != minutes:
            msg = (
                f"{folder.uri} holds type [{name}] with a periodInterval of"
                f" {merged[name]}, the FHIR mapping now says {minutes}: rename the"
                " type, or choose another --out and run the messages again"
            )
            raise LayoutError(msg)
    return merged


def _write(shards: int, periods: Mapping[str, int], rules: str, identity: str) -> bytes:
    document: dict[str, Any] = {
        "schema": SCHEMA_VERSION,
        "shards": shards,
        "periods": dict(periods),
        "rules": rules,
    }
    if identity != "create":
        document["identity"] = identity
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS | orjson.OPT_INDENT_2)
