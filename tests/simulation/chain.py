"""The stages of the chain, as they are, one after the other in one bundle."""

import collections
import functools
from typing import Any, NamedTuple

from apache_beam.pvalue import TaggedOutput
from apache_beam.utils.windowed_value import PaneInfo, PaneInfoTiming, WindowedValue

from pipeline.firings import WHOLE
from pipeline.store import _UpsertSlots
from pipeline.truth import Truth
from pipeline.write_dead_letters import _ByFile, _SaveBundle, _SaveLetters
from pipeline.write_fhir import _SaveBatch
from pipeline.write_fhir_server import _SendBatches
from pipeline.write_observations import _WriteRows
from transforms.group import Limits, _CollectSlots
from transforms.identify import _IdentifyBatch
from transforms.identity import MessageIdentities
from transforms.instants import DAY
from transforms.intake import Intake
from transforms.lanes import _beside, _keyed, _ToLanes
from transforms.model import LetterBatch, MessageBatch
from transforms.normalize import _NormalizeBatch
from transforms.observe import Observer, _ObserveGroups

from .history import VERSION, mappings

LIMITS = Limits(older=365 * DAY, ahead=DAY)

NO_PANE = PaneInfo(True, True, PaneInfoTiming.UNKNOWN, 0, 0)


class Setting(NamedTuple):
    """What all processes of a simulation write to, and how."""

    measurement: Any
    observation: Any
    fhir: Any
    dead_letters: Any
    shards: int
    medtech: bool
    merge: bool
    """Whether the server merges, `--fhir_merge`."""
    sinks: tuple[int, ...]
    """The order in which a runner hands a batch to the sinks."""
    counts: collections.Counter
    """Readings that were read, and what became of them."""

    @property
    def mapping(self):
        return mappings(medtech=self.medtech)[1]

    @property
    def periods(self):
        periods = self.mapping.periods
        return frozenset(name for name, minutes in periods.items() if minutes > 0)


def setting_in(folder, **rest):
    """A setting whose folders lie below one folder."""
    names = ("measurement", "observation", "fhir", "dead_letters")
    counts = collections.Counter()
    return Setting(*(folder / name for name in names), **rest, counts=counts)


class _Count(NamedTuple):
    """A counter as Beam's, that counts without a runner."""

    counts: collections.Counter
    name: str

    def inc(self, number=1):
        self.counts[self.name] += number


@functools.cache
def _observer(medtech, merge):
    # It only computes; what it keeps are compiled templates.
    mapping = mappings(medtech=medtech)[1]
    return Observer(mapping, VERSION, "", keep_groups=merge)


def _truth(setting):
    truth = Truth(setting.measurement, setting.periods, setting.mapping, VERSION, "")
    truth.__dict__["_observer"] = _observer(setting.medtech, setting.merge)
    return truth


def _split(outputs):
    """What a stage hands on, and its dead letters."""
    main, letters = [], []
    for output in outputs or ():
        if isinstance(output, WindowedValue):
            output = output.value
        if isinstance(output, TaggedOutput):
            output = output.value
        (letters if isinstance(output, LetterBatch) else main).append(output)
    return main, letters


def read(setting, batches):
    """From messages to readings by slot, as one bundle collects them.

    Args:
        setting: of the simulation.
        batches: of messages.

    Returns:
        `SlotReadings` and batches of dead letters.
    """
    device, fhir = mappings(medtech=setting.medtech)
    intake = Intake(mapping_version=VERSION, medtech=setting.medtech)
    normalize = _NormalizeBatch(device, intake)
    identify = _IdentifyBatch(MessageIdentities(), VERSION)
    collect = _CollectSlots(fhir, setting.shards, VERSION, LIMITS)
    collect._readings = _Count(setting.counts, "read")
    collect.start_bundle()
    letters = []
    for batch in batches:
        for stage in (normalize, identify, collect):
            outputs = list(stage.process(batch)) if batch is not None else []
            main, lost = _split(outputs)
            letters += lost
            batch = main[0] if main else None
    readings, _ = _split(collect.finish_bundle())
    return readings, letters


def by_slot(readings):
    """As they are grouped where all are there at once."""
    groups = {}
    for each in readings:
        key, batch = _keyed(each)
        groups.setdefault(key, []).append(batch)
    return groups


def by_lane(readings, clock):
    """As they are grouped on a stream: lane, key and readings."""
    lanes = _ToLanes(clock)
    for each in readings:
        for output in lanes.process(each):
            key, batch = _beside(each) if output.tag == "Beside" else _keyed(each)
            yield output.tag, key, batch


class Writers:
    """From a slot's readings to every sink, in one bundle of one process.

    Args:
        setting: of the simulation.
        rule: what hands the readings on.
        server: the process's settings for a FHIR server, if there is one.
    """

    def __init__(self, setting, rule, server):
        self._store = _UpsertSlots(setting.measurement, setting.periods, rule)
        for name in ("new", "replaced", "repeated"):
            setattr(self._store, f"_{name}", _Count(setting.counts, name))
        self._observe = _ObserveGroups(setting.mapping, VERSION, "", None, False)
        self._observe._observer = _observer(setting.medtech, setting.merge)
        truth = _truth(setting)
        self._sinks = [
            _SaveBatch(setting.fhir, setting.shards, truth),
            _WriteRows(setting.observation, truth),
        ]
        if server is not None:
            send = _SendBatches(server, setting.mapping, VERSION, truth)
            send.setup()
            self._sinks.append(send)
        order = [number for number in setting.sinks if number < len(self._sinks)]
        self._sinks = [self._sinks[number] for number in order]
        self.letters = []
        for sink in self._sinks:
            sink.start_bundle()

    def store(self, key, batches, pane=NO_PANE):
        """Stores readings; yields the groups they touch, as they are stored."""
        yield from self._store.process((key, batches), pane)

    def write(self, groups):
        """Observes groups and hands the Observations to the sinks."""
        for output in self._observe.process(groups):
            if isinstance(output, TaggedOutput):
                self.letters.append(output.value)
                continue
            for sink in self._sinks:
                self.letters += _split(sink.process(output))[1]

    def finish(self):
        """Ends the bundle; returns its dead letters."""
        for sink in self._sinks:
            self.letters += _split(sink.finish_bundle())[1]
        return self.letters


def named(letters):
    """Letters and the file of each."""
    by_file = _ByFile()
    return [pair for batch in letters for pair in by_file.process(batch)]


def save_each(setting, letters):
    """Saves letters in the bundle that they come in."""
    save = _SaveBundle(setting.dead_letters)
    save.start_bundle()
    for pair in named(letters):
        save.process(pair)
    save.finish_bundle()


def save_grouped(setting, name, letters):
    """Saves the letters of one file."""
    _SaveLetters(setting.dead_letters).process((name, letters))


def batches_of(records):
    """Records as a source hands them on: those of a partition together."""
    partitions = {}
    for record in records:
        partitions.setdefault(record.partition, []).append(record)
    return [
        MessageBatch(
            f"log/{partition}/",
            tuple(record.offset for record in part),
            tuple(record.payload for record in part),
        )
        for partition, part in sorted(partitions.items())
    ]


def write_all(setting, records):
    """One undisturbed run over all records: what every history must end as."""
    readings, letters = read(setting, batches_of(records))
    writers = Writers(setting, WHOLE, None)
    for key, group in by_slot(readings).items():
        for groups in writers.store(key, group):
            writers.write(groups)
    save_each(setting, letters + writers.finish())
