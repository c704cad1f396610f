"""How a runner reads a log and hands readings on: which work there is, and its result.

A job offers pieces of work. A bundle does one; if it comes to its end, the job notes
the result, else the work is offered again. What a job has noted is lost when it is set
back to its last checkpoint, and what its bundles did until then is done again.
"""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

from pipeline.firings import Always, ByWatermark
from pipeline.settle import settle, slots_to_close
from transforms.instants import DAY
from transforms.slot_state import Firing

from . import chain
from .history import FIRST_DAY, Record

END_OF_TIME = FIRST_DAY + 100_000 * DAY


class JobPlan(NamedTuple):
    """What a job is."""

    shape: str
    """`live`, `direct`, `pieces` or `whole`."""
    parts: tuple[tuple[Record, ...], ...]
    """Partitions of a stream, or slices of a bounded run."""
    workers: int
    bite: int = 8
    """Most records of a bundle."""
    checkpoint: float = 1
    """Share of the bundles after which there is one; 1: each is one by itself."""
    fused: bool = True
    """Whether a bundle goes on from the store to the sinks."""
    confused: float = 0
    """Share of the panes that come when they should not."""


class Offer(NamedTuple):
    """Something that can be worked on. No two bundles work on one `what` of a kind."""

    kind: str
    what: Any
    how: Any = None


class Work(NamedTuple):
    """Something to do in one bundle."""

    program: Callable[[Any], Any]
    """Takes the process's settings of a FHIR server; returns a result."""
    note: Callable[[Any], None]
    """Takes the result, once the bundle is over."""


@dataclasses.dataclass
class State:
    """What a job has noted. Values are replaced, never changed: copies are cheap."""

    positions: tuple[int, ...]
    """By partition."""
    watermark: int = 0
    held: dict[Any, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    """Readings that wait in a lane, by lane and key."""
    told: frozenset[Any] = frozenset()
    """Lanes and keys that were fired on time."""
    letters: dict[str, tuple[Any, ...]] = dataclasses.field(default_factory=dict)
    """By file."""
    views: tuple[Any, ...] = ()
    """Groups between the store and the sinks."""
    done: frozenset[Any] = frozenset()
    """Slices that were run, watermarks up to which slots were closed."""

    def copy(self):
        return dataclasses.replace(
            self, held=dict(self.held), letters=dict(self.letters)
        )


class Job:
    """A job. Its shapes say which work there is.

    Args:
        plan: what it is.
        setting: what it writes to.
        dice: of the run.
    """

    def __init__(self, plan, setting, dice):
        self.plan, self._setting, self._dice = plan, setting, dice
        self.state = State((0,) * len(plan.parts))
        self._checkpoint = self.state.copy()

    def set_back(self):
        """To the last checkpoint."""
        self.state = self._checkpoint.copy()

    def noted(self):
        """A bundle came to its end and its result is noted."""
        if self._dice.chance(self.plan.checkpoint):
            self._checkpoint = self.state.copy()

    def offers(self):
        """What can be worked on now."""
        raise NotImplementedError

    def work(self, offer):
        """What to do about an offer."""
        raise NotImplementedError

    def _open(self):
        """Partitions with something left to read."""
        ends = enumerate(map(len, self.plan.parts))
        return [number for number, end in ends if self.state.positions[number] < end]

    def _take(self, number):
        """The next records of a partition."""
        first = self.state.positions[number]
        count = self._dice.between(1, self.plan.bite)
        return self.plan.parts[number][first : first + count]

    def _pass(self, number, records):
        positions = list(self.state.positions)
        positions[number] += len(records)
        self.state.positions = tuple(positions)

    def _to_the_end(self, records, rule):
        """A bundle from the source to every sink."""

        def program(server):
            readings, letters = chain.read(self._setting, chain.batches_of(records))
            writers = chain.Writers(self._setting, rule, server)
            for key, group in chain.by_slot(readings).items():
                for groups in writers.store(key, group):
                    writers.write(groups)
            chain.save_each(self._setting, letters + writers.finish())

        return program


class Whole(Job):
    """A bounded run, slice by slice, perhaps several at a time."""

    def set_back(self):
        """To the beginning: such a run remembers nothing."""
        self.state = State(self.state.positions)

    def offers(self):
        slices = range(len(self.plan.parts))
        return [Offer("slice", n) for n in slices if n not in self.state.done]

    def work(self, offer):
        def note(_result):
            self.state.done |= {offer.what}

        program = self._to_the_end(self.plan.parts[offer.what], Always(Firing.WHOLE))
        return Work(program, note)


class Direct(Job):
    """A stream whose source commits its position after the bundle."""

    def offers(self):
        return [Offer("read", number) for number in self._open()]

    def work(self, offer):
        records = self._take(offer.what)
        program = self._to_the_end(records, Always(Firing.EARLY))
        return Work(program, lambda _: self._pass(offer.what, records))


class Pieces(Job):
    """A stream that is worked off piece by piece, and closes slots by its watermark."""

    def offers(self):
        if self._open() or END_OF_TIME not in self.state.done:
            return [Offer("piece", 0)]
        return []

    def work(self, offer):
        drawn = FIRST_DAY + self._dice.between(-4, 6) * DAY // 2
        watermark = drawn if self._open() else END_OF_TIME
        self.state.watermark = max(self.state.watermark, watermark)
        if not self._open() or self._dice.chance(0.3):
            return self._closing()
        taken = {number: self._take(number) for number in self._open()}
        records = [record for part in taken.values() for record in part]

        def note(_result):
            for number, part in taken.items():
                self._pass(number, part)

        rule = ByWatermark(self.state.watermark)
        return Work(self._to_the_end(records, rule), note)

    def _closing(self):
        watermark, folder = self.state.watermark, self._setting.measurement

        def program(server):
            keys = slots_to_close(folder, watermark)
            writers = chain.Writers(self._setting, Always(Firing.LATE), server)
            for key in keys:
                for groups in writers.store(key, []):
                    writers.write(groups)
            chain.save_each(self._setting, writers.finish())
            for key in keys:
                settle(folder, key)

        def note(_result):
            self.state.done |= {watermark}

        return Work(program, note)
