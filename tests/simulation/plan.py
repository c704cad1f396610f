"""What is drawn before a simulation begins: its messages, jobs and share of trouble."""

from typing import NamedTuple

from .dice import Dice
from .history import draw_records
from .jobs import JobPlan


class History(NamedTuple):
    """All that is drawn before a simulation begins."""

    records: tuple
    jobs: tuple
    side_by_side: bool
    shards: int
    medtech: bool
    server: bool
    merge: bool
    faults: int
    """Of the server."""
    retry_s: int
    disasters: int
    zombies: float
    """Share of the dead that go on."""
    torn: float
    """Share of the deaths in the middle of a file."""
    sinks: tuple


def draw(seed):
    """The history of a seed."""
    dice = Dice(f"{seed}/history")
    server = dice.chance(0.4)
    records = draw_records(
        dice, dice.pick((6, 10, 10, 24)), shared=not server and dice.chance(0.2)
    )
    calm = dice.chance(0.15)
    return History(
        records,
        _draw_jobs(dice, records),
        side_by_side=dice.chance(0.5),
        shards=dice.between(1, 3),
        medtech=dice.chance(0.1),
        server=server,
        merge=server and dice.chance(0.25),
        faults=0 if calm or not server else dice.between(0, 6),
        retry_s=dice.pick((0, 10_000)),
        disasters=0 if calm else dice.between(1, 4),
        zombies=dice.pick((0, 0.5, 1)),
        torn=0 if calm else dice.pick((0, 0, 0.02)),
        sinks=tuple(dice.shuffled((0, 1, 2))),
    )


def _draw_jobs(dice, records):
    """One job, or two of which the second reads everything."""
    last = _draw_job(dice, records)
    if dice.chance(0.5):
        return (last,)
    some = records if dice.chance(0.5) else records[: dice.between(1, len(records))]
    return _draw_job(dice, some), last


def _draw_job(dice, records):
    shape = dice.pick(("live", "live", "live", "direct", "direct", "pieces", "whole"))
    if shape == "whole":
        parts = _draw_slices(dice, records)
    else:
        partitions = {}
        for record in records:
            partitions.setdefault(record.partition, []).append(record)
        parts = tuple(tuple(part) for _, part in sorted(partitions.items()))
    return JobPlan(
        shape,
        parts,
        workers=1 if shape == "pieces" else dice.between(1, 3),
        bite=dice.pick((2, 4, 8)),
        checkpoint=dice.pick((1, 0.5, 0.2)) if shape in ("live", "direct") else 1,
        fused=dice.chance(0.7),
        confused=dice.pick((0, 0, 0.1)),
    )


def _draw_slices(dice, records):
    """Parts of all records, perhaps with repeats, in any order."""
    drawn = dice.shuffled(records)
    size = dice.between(max(1, len(drawn) // 3), len(drawn))
    slices = [tuple(drawn[at : at + size]) for at in range(0, len(drawn), size)]
    if dice.chance(0.3):
        slices.append(dice.pick(slices))
    return tuple(slices)
