"""How far a reader of Kafka has come in event time."""

from collections.abc import Iterable

from pipeline.kafka_records import Partition


class Watermark:
    """A lower bound of the times of records to come; it never goes back.

    Of a partition that has more to read it is the highest time seen, of one that has
    been read to its end the moment before its end was asked for; less some slack, as
    records of several senders are not quite in order.

    Args:
        slack: microseconds.
    """

    def __init__(self, slack: int) -> None:
        self._slack = slack
        self._reached: dict[Partition, int] = {}
        self._lowest: int | None = None

    def read(self, partition: Partition, latest: int | None, now: int) -> None:
        """Notes records of a partition.

        Args:
            partition: where they are from.
            latest: the highest of their times, in microseconds.
            now: the clock: a sender's that is ahead must not carry us along.
        """
        if latest is not None:
            self._reach(partition, min(latest, now))

    def at_end(self, partition: Partition, asked: int) -> None:
        """Notes that a partition had nothing more to read at a moment."""
        self._reach(partition, asked)

    def _reach(self, partition: Partition, time: int) -> None:
        self._reached[partition] = max(time, self._reached.get(partition, time))

    def value(self, partitions: Iterable[Partition]) -> int | None:
        """The watermark of some partitions together; None while one is unknown."""
        reached = [self._reached.get(partition) for partition in partitions]
        if reached and None not in reached:
            lowest = min(time for time in reached if time is not None) - self._slack
            self._lowest = max(lowest, lowest if self._lowest is None else self._lowest)
        return self._lowest
