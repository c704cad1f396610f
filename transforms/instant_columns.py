"""Columns of instants as text: what `instants` writes, for many at once.

Minutes repeat from reading to reading, and so does what follows the minute: few devices
know more than the millisecond. Both are remembered.
"""

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
    minutes, rests = np.divmod(instants, MINUTE)
    return [
        f"{minute}{second}Z"
        for minute, second in zip(
            map(_iso_minute, minutes.tolist()),
            map(_iso_second, rests.tolist()),
            strict=True,
        )
    ]


def iso_instants_at(instants: np.ndarray, offsets: np.ndarray) -> list[str]:
    """`iso_instant` of each at the sender's offset.

    Args:
        instants: microseconds since 1970-01-01T00:00:00 UTC, int64.
        offsets: minutes from UTC, at the same index.
    """
    minutes, rests = np.divmod(instants, MINUTE)
    minutes += offsets
    return [
        f"{minute}{second}{offset}"
        for minute, second, offset in zip(
            map(_iso_minute, minutes.tolist()),
            map(_iso_second, rests.tolist()),
            map(_iso_offset, offsets.tolist()),
            strict=True,
        )
    ]


def id_segments(instants: np.ndarray) -> list[str]:
    """What `observation.identity_segment` makes of each as an instant.

    Args:
        instants: microseconds since 1970-01-01T00:00:00 UTC, int64.
    """
    minutes, rests = np.divmod(instants, MINUTE)
    return [
        f"{minute}{second}.{minute}{second}"
        for minute, second in zip(
            map(_id_minute, minutes.tolist()),
            map(_id_second, rests.tolist()),
            strict=True,
        )
    ]
