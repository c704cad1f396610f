"""Columns of instants as text: what `instants` writes, for many at once.

Minutes repeat from reading to reading, and so does what follows the minute: few devices
know more than the millisecond. Both are remembered.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np

from transforms.instants import MINUTE, id_segment, iso_instant


@lru_cache(maxsize=16_384)
def _iso_minute(minute: int) -> str:
    return iso_instant(minute * MINUTE).removesuffix("00Z")


@lru_cache(maxsize=65_536)
def _iso_second(rest: int) -> str:
    return iso_instant(rest)[len("1970-01-01T00:00:") : -1]


@lru_cache(maxsize=256)
def _iso_offset(minutes: int) -> str:
    return iso_instant(0, minutes)[len("1970-01-01T00:00:00") :]


@lru_cache(maxsize=16_384)
def _id_minute(minute: int) -> str:
    return id_segment(minute * MINUTE).removesuffix("00Z")


@lru_cache(maxsize=65_536)
def _id_second(rest: int) -> str:
    return id_segment(rest)[len("197001010000") :]


def iso_instants(instants: np.ndarray) -> list[str]:
    """`iso_instant` of each.

    Args:
        instants: microseconds since 1970-01-01T00:00:00 UTC, int64.
    """
    parts = _parts(instants, _iso_minute, _iso_second)
    return [f"{minute}{second}Z" for minute, second in parts]


def iso_instants_at(instants: np.ndarray, offsets: np.ndarray) -> list[str]:
    """`iso_instant` of each at the sender's offset.

    Args:
        instants: microseconds since 1970-01-01T00:00:00 UTC, int64.
        offsets: minutes from UTC, at the same index.
    """
    # Offsets are whole minutes: what follows the minute is the same in all zones.
    wall = instants + offsets.astype(np.int64) * MINUTE
    parts = _parts(wall, _iso_minute, _iso_second)
    zones = map(_iso_offset, offsets.tolist())
    return [
        f"{minute}{second}{zone}"
        for (minute, second), zone in zip(parts, zones, strict=True)
    ]


def id_segments(instants: np.ndarray) -> list[str]:
    """What `observation.identity_segment` makes of each as an instant.

    Args:
        instants: microseconds since 1970-01-01T00:00:00 UTC, int64.
    """
    return [
        f"{minute}{second}.{minute}{second}"
        for minute, second in _parts(instants, _id_minute, _id_second)
    ]


def _parts(
    instants: np.ndarray, minute: Callable[[int], str], second: Callable[[int], str]
) -> Iterator[tuple[str, str]]:
    """Each instant in two texts: up to its minute, and what follows that."""
    minutes, rests = np.divmod(instants, MINUTE)
    return zip(map(minute, minutes.tolist()), map(second, rests.tolist()), strict=True)
