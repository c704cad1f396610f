"""Bugs, each of which the simulator must find.

A lock that was forgotten, an order that was trusted, a commit that came too early: a
simulator that does not find them proves nothing.
"""

from unittest import mock

from pipeline import store, write_fhir_server
from pipeline.resource_files import Saved
from pipeline.truth import Truth
from pipeline.upsert_files import Folder
from transforms import readings
from transforms.slot_state import Phase, SlotState

from . import chain, jobs, live, world


def _without_lock(self, name, change):
    self._pause("read", name)
    content = Folder.read(self, name)
    new = self._noted(f"{self.uri}/{name}", change)(content)
    self._pause("write", name)
    if new is not None:
        Folder.update(self, name, lambda _: new)


def no_lock():
    """A store that reads and writes, and does not look who else does."""
    return mock.patch.object(world.SimulatedFolder, "update", _without_lock)


def arrival_wins():
    """Of two versions of a reading the one that came last wins."""
    key, *others, _incoming = readings._BEST_FIRST
    order = [key, ("_incoming", "descending"), *others]
    return mock.patch.object(readings, "_BEST_FIRST", order)


def only_what_changed():
    """A store that hands on only what it has changed, as if no sink could fail."""
    true_upsert = readings.upsert

    def upsert(stored, incoming):
        done = true_upsert(stored, incoming)
        touched, starts = readings.groups_of([done.table], done.changed)
        return done._replace(touched=touched, starts=starts)

    return mock.patch.object(store, "upsert", upsert)


def commit_first():
    """A source that commits what it has read before anything came of it."""
    true_work = jobs.Direct.work

    def work(self, offer):
        done = true_work(self, offer)
        done.note(None)
        return done._replace(note=lambda _result: None)

    return mock.patch.object(jobs.Direct, "work", work)


def forgotten_panes():
    """A runner that commits its source, and forgets what waits in its lanes."""
    true_set_back = live.Live.set_back

    def set_back(self):
        true_set_back(self)
        self.state.held.clear()

    return mock.patch.object(live.Live, "set_back", set_back)


def late_is_lost():
    """A runner that drops what comes after its slot was closed."""

    def store_late(self, key, batches, pane=chain.NO_PANE):
        if pane is not live.LATE:
            yield from true_store(self, key, batches, pane)

    true_store = chain.Writers.store
    return mock.patch.object(chain.Writers, "store", store_late)


def appended_lines():
    """A sink that appends its lines."""

    def save(folder, name, newest, merge=None):
        lines, _removed = newest()

        def change(content):
            return (content or b"") + b"".join(one + b"\n" for one in lines.values())

        folder.update(name, change)
        return Saved()

    return mock.patch("pipeline.write_fhir.save_newest", save)


def stale_views():
    """Sinks that write what they were given, however old it is."""
    return mock.patch.object(Truth, "newer", return_value=[])


def told_once():
    """A store that tells nobody of a slot that was closed before a crash."""
    return mock.patch.object(SlotState, "tells_all", return_value=False)


def opened_again():
    """A slot that an early pane opens again."""
    true_after = SlotState.after

    def after(self, firing, changed):
        state = true_after(self, firing, changed)
        return state._replace(phase=Phase.OPEN) if firing.value == "early" else state

    return mock.patch.object(SlotState, "after", after)


def unchecked_server():
    """A sink that does not look again after it has sent."""

    def overtaken(_self, _sent):
        return write_fhir_server._Outbox()

    return mock.patch.object(write_fhir_server._SendBatches, "_overtaken", overtaken)


MUTANTS = {
    function.__name__: function
    for function in (
        no_lock,
        arrival_wins,
        only_what_changed,
        commit_first,
        forgotten_panes,
        late_is_lost,
        appended_lines,
        stale_views,
        told_once,
        opened_again,
        unchecked_server,
    )
}
