"""What a fleet sends to a topic: all of a day at once, or a day that begins now."""

import contextlib
import itertools
import re
import threading
import time
from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta, timezone
from functools import lru_cache
from typing import NamedTuple

from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from benchmarks import fleet
from benchmarks.measure import SEED

PARTITIONS = 4

_TIMES = re.compile(rb'"time":"(\d{4}-\d\d-\d\dT\d\d:[0-5]\d)')

_DAY_S = 86_400


class Message(NamedTuple):
    """What is sent, and when that was; 0 for now."""

    value: bytes
    sent_ms: int = 0


def backlog(messages: int) -> Iterator[Message]:
    """The whole of yesterday, as a topic holds it in the morning."""
    today = datetime.now(timezone.utc).date()
    days = timedelta(days=(today - fleet.DAY_START.date()).days - 1)
    start_ms = round((fleet.DAY_START + days).timestamp() * 1000)
    lines = fleet.generate(messages, SEED, envelope=False)
    for number, line in enumerate(lines):
        sent_ms = start_ms + number * fleet.DAY_MS // messages
        yield Message(moved(line, days), sent_ms)


def live(per_second: int, people: int | None = None) -> Iterator[Message]:
    """A day that begins now.

    Args:
        per_second: messages.
        people: who send them; None for as many as send so much in a day.
    """
    minutes = (datetime.now(timezone.utc) - fleet.DAY_START) // timedelta(minutes=1)
    lines = fleet.generate(per_second * _DAY_S, SEED, envelope=False, people=people)
    return (Message(moved(line, timedelta(minutes=minutes))) for line in lines)


def moved(line: bytes, by: timedelta) -> bytes:
    """A message of the fleet at another time, without its newline."""

    def later(found: re.Match[bytes]) -> bytes:
        return b'"time":"' + _minute(found[1], by)

    return _TIMES.sub(later, line.rstrip(b"\n"))


@lru_cache(maxsize=4096)
def _minute(text: bytes, by: timedelta) -> bytes:
    # As it is written: the offset behind it stays.
    written = datetime.strptime(text.decode(), "%Y-%m-%dT%H:%M")  # noqa: DTZ007
    return f"{written + by:%Y-%m-%dT%H:%M}".encode()


class Topic:
    """A topic of its own, and what is sent to it."""

    def __init__(self, servers: str, name: str) -> None:
        self.name = name
        self.sent = 0
        """Messages that the broker has taken."""
        self.place = f"kafka://{servers}/{name}"
        admin = AdminClient({"bootstrap.servers": servers, "log_level": 2})
        made = admin.create_topics([NewTopic(name, PARTITIONS, 1)])
        made[name].result(30)
        settings = {"bootstrap.servers": servers, "log_level": 2, "linger.ms": 5}
        self._producer = Producer({**settings, "queue.buffering.max.messages": 1000000})
        self._next = itertools.cycle(range(PARTITIONS))

    def send(self, messages: Iterable[Message]) -> None:
        """Sends messages, to one partition after the other, and waits for the broker.

        Raises:
            RuntimeError: the broker did not take all.
        """
        count = 0
        for count, (value, sent_ms) in enumerate(messages, 1):  # noqa: B007
            self._producer.produce(
                self.name, value, partition=next(self._next), timestamp=sent_ms
            )
            self._producer.poll(0)
        if self._producer.flush(60):
            msg = "the broker does not take what is sent"
            raise RuntimeError(msg)
        self.sent += count

    @contextlib.contextmanager
    def fed(self, per_second: int, people: int | None = None) -> Iterator[None]:
        """Sends a live fleet's messages until the end of the block, as `live`."""
        over = threading.Event()

        def feed() -> None:
            messages, started, sent = live(per_second, people), time.monotonic(), 0
            while not over.wait(0.05):
                due = int((time.monotonic() - started) * per_second)
                self.send(itertools.islice(messages, due - sent))
                sent = due

        thread = threading.Thread(target=feed, daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
