"""ReadPubSub: messages of a Pub/Sub subscription in, batches out, on Dataflow.

Dataflow reads and acknowledges by itself: a message is acknowledged when what it became
has been stored by the runner, and delivered again otherwise.
"""

import dataclasses
import re
from collections.abc import Iterator

import apache_beam as beam
from apache_beam.io.gcp.pubsub import PubsubMessage, ReadFromPubSub
from apache_beam.pvalue import PBegin, PCollection
from apache_beam.transforms.window import GlobalWindow
from apache_beam.utils.timestamp import Timestamp
from apache_beam.utils.windowed_value import WindowedValue

from pipeline.options import UsageError
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.instants import iso_instant
from transforms.model import Attributes, MessageBatch

_MOST_MESSAGES = 2_000
_MOST_BYTES = 1_000_000

_ADDRESS = re.compile(
    r"([a-z0-9.-]+:)?[a-z][-a-z0-9]{4,61}[a-z0-9]/[A-Za-z][A-Za-z0-9._~%+-]{2,254}"
)
"""Project and subscription: https://cloud.google.com/pubsub/docs/pubsub-basics"""


def attributes_of(message: PubsubMessage) -> Attributes:
    """What stands beside a message's data, as the envelope has it."""
    system = {"message_id": message.message_id}
    enqueued_at = None
    if message.publish_time is not None:
        published = Timestamp.from_utc_datetime(message.publish_time)
        enqueued_at = published.micros
        system["x-opt-enqueued-time"] = iso_instant(enqueued_at)
    if message.ordering_key:
        system["ordering_key"] = message.ordering_key
    return Attributes(dict(message.attributes or {}), system, enqueued_at)


def batch_of(messages: list[PubsubMessage], prefix: str) -> MessageBatch:
    """Some messages as one batch; a message's id stands where others have a place.

    Args:
        messages: as Beam's reader hands them over, with attributes.
        prefix: of their sources.
    """
    return MessageBatch(
        prefix,
        tuple(int(message.message_id) for message in messages),
        tuple(message.data for message in messages),
        tuple(map(attributes_of, messages)),
    )


class _CollectMessages(beam.DoFn):
    """Messages one by one to batches, at the latest when their bundle ends."""

    def __init__(self, prefix: str) -> None:
        self._prefix = prefix

    def start_bundle(self) -> None:
        self._messages: list[PubsubMessage] = []
        self._size = 0
        self._latest: Timestamp | None = None

    def process(
        self,
        message: PubsubMessage,
        timestamp: Timestamp = beam.DoFn.TimestampParam,  # type: ignore[assignment]
    ) -> Iterator[MessageBatch]:
        self._messages.append(message)
        self._size += len(message.data or b"")
        self._latest = max(timestamp, self._latest or timestamp)
        if len(self._messages) >= _MOST_MESSAGES or self._size >= _MOST_BYTES:
            yield self._taken()

    def finish_bundle(self) -> Iterator[WindowedValue]:
        if self._messages and self._latest is not None:
            yield WindowedValue(self._taken(), self._latest, (GlobalWindow(),))

    def _taken(self) -> MessageBatch:
        batch = batch_of(self._messages, self._prefix)
        self._messages, self._size = [], 0
        return batch


@dataclasses.dataclass
class ReadPubSub(beam.PTransform):
    """Reads a subscription; no order, at least once.

    Args:
        address: `project/subscription`.

    Raises:
        UsageError: the address is no such.
    """

    address: str

    def __post_init__(self) -> None:
        """Checks the address."""
        super().__init__()
        if not _ADDRESS.fullmatch(self.address):
            msg = (
                f"--messages: {self.address!r} is no subscription; give"
                " pubsub://project/subscription"
            )
            raise UsageError(msg)

    def expand(self, root: PBegin) -> PCollection[MessageBatch]:
        """Wires the stage."""
        project, subscription = self.address.split("/")
        messages = root | "ReadPubSub" >> ReadFromPubSub(
            subscription=f"projects/{project}/subscriptions/{subscription}",
            with_attributes=True,
        )
        return messages | "Collect" >> beam.ParDo(
            _CollectMessages(f"{self.address}/")
        ).with_output_types(MessageBatch)
