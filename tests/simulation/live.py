"""A stream whose runner keeps what is under way: lanes, panes, watermarks.

As real runners do it: the watermark may be ahead of stragglers, panes come in any
number, empty ones too, and after a restore some come again that came before. Between
the store and the sinks a runner may put a shuffle, and with it another order.
"""

from apache_beam.utils.windowed_value import PaneInfo, PaneInfoTiming

from pipeline.firings import ByPane
from transforms.instants import DAY, MINUTE

from . import chain
from .history import FIRST_DAY
from .jobs import END_OF_TIME, Job, Offer, Work

EARLY, ON_TIME, LATE = (
    PaneInfo(False, False, timing, 1, 1)
    for timing in (PaneInfoTiming.EARLY, PaneInfoTiming.ON_TIME, PaneInfoTiming.LATE)
)


class Live(Job):
    """A job whose state its runner keeps."""

    def __init__(self, plan, setting, dice):
        super().__init__(plan, setting, dice)
        self._now = FIRST_DAY + dice.pick((0, 1, 4, 6)) * DAY
        self._views = 0

    def set_back(self):
        super().set_back()
        self._now += self._dice.pick((0, 0, 1, 4)) * DAY

    def offers(self):
        state, reading = self.state, self._open()
        if self._dice.chance(0.3) or not reading:
            self._advance(bool(reading))
        panes = ((place, self._pane(place)) for place in state.held)
        return [
            *(Offer("read", number) for number in reading),
            *(Offer("fire", place, pane) for place, pane in panes if pane),
            *(Offer("letters", name) for name in state.letters),
            *(Offer("view", number, groups) for number, groups in state.views),
        ]

    def work(self, offer):
        return getattr(self, f"_{offer.kind}")(*offer[1:])

    def _advance(self, reading):
        ends = [end_of(place) for place in self.state.held if place[0] != "Beside"]
        watermark = self._dice.pick([0, *ends]) if reading else END_OF_TIME
        self.state.watermark = max(self.state.watermark, watermark)

    def _pane(self, place):
        """The pane in which a place can be fired; None if it cannot."""
        early = EARLY if self.state.held[place] else None
        if place[0] == "Beside":
            return early
        if place in self.state.told:
            if self.plan.confused and self._dice.chance(self.plan.confused):
                return self._dice.pick((early, ON_TIME))
            return LATE if early else None
        return ON_TIME if end_of(place) <= self.state.watermark else early

    def _read(self, number, _):
        records = self._take(number)

        def program(_server):
            readings, letters = chain.read(self._setting, chain.batches_of(records))
            lanes = list(chain.by_lane(readings, lambda: self._now / 1e6))
            return lanes, chain.named(letters)

        def note(result):
            lanes, letters = result
            for lane, key, batch in lanes:
                held = self.state.held.get((lane, key), ())
                self.state.held[lane, key] = (*held, batch)
            self._hold_letters(letters)
            self._pass(number, records)

        return Work(program, note)

    def _hold_letters(self, letters):
        for name, letter in letters:
            self.state.letters[name] = (*self.state.letters.get(name, ()), letter)

    def _fire(self, place, pane):
        batches = self.state.held[place]
        if len(batches) > 1 and pane is not ON_TIME and self._dice.chance(0.3):
            batches = batches[: self._dice.between(1, len(batches))]

        def program(server):
            writers = chain.Writers(self._setting, ByPane(), server)
            apart = []
            for groups in writers.store(place[1], batches, pane):
                if self.plan.fused:
                    writers.write(groups)
                else:
                    apart.append(groups)
            return apart, chain.named(writers.finish())

        def note(result):
            apart, letters = result
            self.state.held[place] = self.state.held[place][len(batches) :]
            if pane is ON_TIME:
                self.state.told |= {place}
            for groups in apart:
                self._views += 1
                self.state.views += ((self._views, groups),)
            self._hold_letters(letters)

        return Work(program, note)

    def _letters(self, name, _):
        letters = self.state.letters[name]

        def note(_result):
            rest = self.state.letters.pop(name)[len(letters) :]
            if rest:
                self.state.letters[name] = rest

        return Work(lambda _: chain.save_grouped(self._setting, name, letters), note)

    def _view(self, number, groups):
        def program(server):
            writers = chain.Writers(self._setting, ByPane(), server)
            writers.write(groups)
            return chain.named(writers.finish())

        def note(letters):
            left = (view for view in self.state.views if view[0] != number)
            self.state.views = tuple(left)
            self._hold_letters(letters)

        return Work(program, note)


def end_of(place):
    """The end of the window of a lane and key."""
    _lane, (_shard, start, minutes) = place
    return start + minutes * MINUTE
