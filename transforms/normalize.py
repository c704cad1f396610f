"""Normalize: device messages in, measurements and dead letters out.

Every template of the device mapping sees every message; each match of each template is
one measurement. What fails is one dead letter and stops nothing beside it: not the
next match, not the next template, not the next message. Output order is that of the
messages, then of the templates, then of the matches. Stateless: a repeated bundle
gives the same output.
"""

import dataclasses
from collections.abc import Collection, Iterable, Iterator
from typing import Any, NamedTuple

import apache_beam as beam
from apache_beam.metrics.metric import Metrics
from apache_beam.pvalue import PCollection, TaggedOutput
from apache_beam.typehints.decorators import no_annotations

from transforms.dead_letters import dead_letter
from transforms.device_mapping import DeviceMapping
from transforms.dispatch import Dispatch
from transforms.errors import (
    NoTemplateMatchedError,
    RecordError,
)
from transforms.evaluate import DeviceTemplate, matches
from transforms.intake import Intake, parse_message
from transforms.model import (
    Attributes,
    DeadLetter,
    DeviceMessage,
    LetterBatch,
    Measurement,
    MeasurementBatch,
    MessageBatch,
)

STAGE = "Normalize"


class NormalizedBatch(NamedTuple):
    """What became of one batch of messages."""

    measurements: list[Measurement]
    dead_letters: list[DeadLetter]
    unmatched: int
    """Messages without a match."""


class Normalized(NamedTuple):
    """The outputs of `Normalize`."""

    measurements: PCollection[MeasurementBatch]
    dead_letters: PCollection[LetterBatch]


def normalize(
    batch: MessageBatch, mapping: DeviceMapping, intake: Intake
) -> NormalizedBatch:
    """Evaluates a device mapping on a batch of messages.

    Args:
        batch: the messages as received.
        mapping: the compiled device mapping.
        intake: how to take them in.

    Returns:
        Measurements in input order, a dead letter for everything that failed.
    """
    measurements: list[Measurement] = []
    letters: list[DeadLetter] = []
    unmatched = 0
    prefix = batch.prefix
    dispatch = mapping.dispatch
    attached = batch.attributes or (None,) * len(batch.payloads)
    for position, payload, attributes in zip(
        batch.positions, batch.payloads, attached, strict=True
    ):
        source = f"{prefix}{position}"
        try:
            message = parse_message(payload, source, intake, attributes)
        except RecordError as error:
            letters.append(_unreadable(error, payload, source, attributes, intake))
            continue
        before = len(measurements)
        failures = _evaluate(dispatch, message, payload or b"", measurements)
        if failures:
            letters += [_letter(found, payload, message, intake) for found in failures]
        elif len(measurements) == before:
            unmatched += 1
            if intake.report_unmatched:
                letters.append(_unmatched(payload, message, intake))
    return NormalizedBatch(measurements, letters, unmatched)


def _evaluate(
    dispatch: Dispatch,
    message: DeviceMessage,
    payload: bytes,
    measurements: list[Measurement],
) -> Collection["_Failure"]:
    """Adds a message's measurements; returns what failed, where and how often."""
    failures: dict[Any, _Failure] = {}
    envelope = message.envelope
    for template, measure, places in dispatch.concerned(message, payload):
        tokens: Iterable[Any]
        if places is None:
            try:
                tokens = matches(template, message, len(payload))
            except RecordError as error:
                _note(failures, error, template)
                continue
        elif places == _BODY:  # the usual case
            tokens = (envelope["Body"],)
        else:
            tokens = [envelope if p is None else envelope[p] for p in places]
        for token in tokens:
            try:
                measurements.append(measure(message, token))
            except RecordError as error:
                _note(failures, error, template)
    return failures.values()


_BODY = ("Body",)


class _Failure(NamedTuple):
    error: RecordError
    template: DeviceTemplate
    times: int


def _note(
    failures: dict[Any, _Failure], error: RecordError, template: DeviceTemplate
) -> None:
    # A message with a million bad elements is one letter, not a million payloads.
    key = (error.name, error.message, error.expression, template.position)
    known = failures.get(key)
    times = 1 if known is None else known.times + 1
    kept = error.detached() if known is None else known.error
    failures[key] = _Failure(kept, template, times)


def _unreadable(
    error: RecordError,
    payload: bytes | None,
    source: str,
    attributes: Attributes | None,
    intake: Intake,
) -> DeadLetter:
    enqueued_at = attributes and attributes.enqueued_at
    version = intake.mapping_version
    return dead_letter(
        STAGE, error, payload, source, enqueued_at, version, attributes=attributes
    )


def _letter(
    failure: _Failure, payload: bytes | None, message: DeviceMessage, intake: Intake
) -> DeadLetter:
    error, template, times = failure
    letter = dead_letter(
        STAGE,
        error,
        payload,
        message.source,
        message.ingested_at,
        intake.mapping_version,
        template.type_name,
        template.location,
        message.attributes,
    )
    return letter._replace(count=times)


def _unmatched(
    payload: bytes | None, message: DeviceMessage, intake: Intake
) -> DeadLetter:
    error = NoTemplateMatchedError(
        "no template of the device mapping matches this message",
        "if it should become a measurement, look at typeMatchExpression with"
        " `vitalbeam preview`; if not, leave out --report_unmatched",
    )
    return dead_letter(
        STAGE,
        error,
        payload,
        message.source,
        message.ingested_at,
        intake.mapping_version,
        attributes=message.attributes,
    )


class _NormalizeBatch(beam.DoFn):
    def __init__(self, mapping: DeviceMapping, intake: Intake) -> None:
        self._mapping = mapping
        self._intake = intake
        self._messages = Metrics.counter(STAGE, "DeviceEvent")
        self._bytes = Metrics.counter(STAGE, "DeviceIngressSizeBytes")
        self._measurements = Metrics.counter(STAGE, "NormalizedEvent")
        self._unmatched = Metrics.counter(STAGE, "DroppedEvent")

    def process(self, batch: MessageBatch) -> Iterator[Any]:
        normalized = normalize(batch, self._mapping, self._intake)
        self._messages.inc(len(batch.payloads))
        self._bytes.inc(sum(map(len, filter(None, batch.payloads))))
        self._measurements.inc(len(normalized.measurements))
        self._unmatched.inc(normalized.unmatched)
        if normalized.measurements:
            yield MeasurementBatch(normalized.measurements)
        if normalized.dead_letters:
            yield TaggedOutput("dead_letters", LetterBatch(normalized.dead_letters))


@dataclasses.dataclass
class Normalize(beam.PTransform):
    """Messages to measurements; both outputs keep the messages' window.

    Args:
        mapping: the compiled device mapping.
        intake: how messages are taken in.
    """

    mapping: DeviceMapping
    intake: Intake

    @no_annotations  # Beam reads no NamedTuple of outputs
    def expand(self, messages: PCollection[MessageBatch]) -> Normalized:
        """Wires the stage."""
        normalize_batch = _NormalizeBatch(self.mapping, self.intake)
        split = messages | beam.ParDo(normalize_batch).with_output_types(
            MeasurementBatch
        ).with_outputs("dead_letters", main="measurements")
        return Normalized(split.measurements, split.dead_letters)
