"""Of two workers that touch one Observation, the slower one does not undo the other."""

import json

import pytest
from fhir_server import FhirStub
from runs import files
from walks import MAPPING, MIDNIGHT, step

from pipeline.fhir_settings import FhirServer
from pipeline.store import store
from pipeline.truth import Truth
from pipeline.upsert_files import Folder
from pipeline.write_fhir import _SaveBatch
from pipeline.write_fhir_server import _SendBatches
from pipeline.write_observations import _WriteRows
from transforms.group import SlotCollector
from transforms.identify import identify
from transforms.identity import MessageIdentities
from transforms.instants import DAY, MINUTE
from transforms.observe import Observer
from transforms.readings import to_table


def beat(value, **changes):
    fields = {"type": "heartrate", "correlation": None, "values": (("hr", value),)}
    return step(MIDNIGHT, **{**fields, **changes})


def walk(value, at, **changes):
    return step(at, values=(("pulse", value),), **changes)


class Worker:
    """Stores, and writes later what it made of it."""

    def __init__(self, root):
        self.root, self.measurement = root, Folder(f"{root}/measurement")
        self.truth = Truth(self.measurement, frozenset(), MAPPING, "v", "")

    def stores(self, *measurements):
        collector = SlotCollector(MAPPING, 1, "v")
        known, _ = identify(list(measurements), MessageIdentities(), "v")
        collector.add(known)
        observer = Observer(MAPPING, "v", "")
        return [
            batch
            for shard, slot, readings in collector.drain()
            for batch in observer.observe(
                store(self.measurement, slot, shard, to_table([readings])).groups
            )[0]
        ]

    def writes(self, batches):
        sinks = (
            _SaveBatch(Folder(f"{self.root}/fhir"), 1, self.truth),
            _WriteRows(Folder(f"{self.root}/observation"), self.truth),
        )
        for sink in sinks:
            sink.start_bundle()
            for batch in batches:
                sink.process(batch)
            sink.finish_bundle()


OVERTAKEN = {
    "corrected": ([beat("60")], [beat("61", ingested_at=MIDNIGHT + MINUTE)]),
    "joined": ([walk("60", MIDNIGHT)], [walk("61", MIDNIGHT + MINUTE)]),
    "moved to an earlier date": ([walk("60", MIDNIGHT)], [walk("61", MIDNIGHT - DAY)]),
    "moved, with more": (
        [walk("60", MIDNIGHT), walk("60", MIDNIGHT, correlation="t")],
        [walk("61", MIDNIGHT - DAY), beat("60")],
    ),
}


@pytest.mark.parametrize("name", OVERTAKEN)
def test_files_are_those_of_the_last_store_whoever_writes_last(name, tmp_path):
    first, second = OVERTAKEN[name]
    slow, fast, alone = (Worker(tmp_path / who) for who in ("both", "both", "alone"))
    old = slow.stores(*first)
    fast.writes(fast.stores(*second))
    slow.writes(old)
    alone.writes(alone.stores(*first, *second))
    assert files(tmp_path / "both") == files(tmp_path / "alone")


def test_what_nobody_has_overtaken_is_written_as_it_is(tmp_path):
    worker = Worker(tmp_path)
    (batch,) = worker.stores(beat("60"))
    assert worker.truth.newest(batch) is batch
    assert worker.truth.newer(batch) == []


@pytest.mark.parametrize("name", OVERTAKEN)
def test_a_server_ends_with_the_last_store(name, tmp_path, stub: FhirStub):
    """The other one stores and sends while ours is on its way."""
    first, second = OVERTAKEN[name]
    worker = Worker(tmp_path)
    rest = {"retry_s": 10, "timeout_s": 5}
    ours = _sink(FhirServer(base=stub.base, **rest), worker.truth)
    theirs = _sink(FhirServer(base=f"{stub.base}/", **rest), worker.truth)
    for batch in worker.stores(*first):
        list(ours.process(batch))
    others = worker.stores(*second)

    def overtake(method, url):
        if method == "PUT" and url.startswith("Observation") and others:
            _sends(theirs, [others.pop() for _ in tuple(others)])

    stub.before_entry = overtake
    list(ours.finish_bundle())
    worker.writes(worker.stores(*first, *second))
    wanted = [
        json.loads(line)
        for name, content in files(tmp_path / "fhir" / "Observation").items()
        for line in content.splitlines()
    ]
    assert stub.store.everything("Observation") == {one["id"]: one for one in wanted}


def _sink(server, truth):
    sink = _SendBatches(server, MAPPING, "v", truth)
    sink.setup()
    sink.start_bundle()
    return sink


def _sends(sink, batches):
    for batch in batches:
        list(sink.process(batch))
    list(sink.finish_bundle())
