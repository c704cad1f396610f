"""The flags of streams."""

import pytest

from pipeline.__main__ import parse
from pipeline.options import UsageError
from pipeline.stream_options import Streaming, resolve_limits, resolve_streaming
from transforms.instants import DAY, HOUR

KAFKA = "kafka://localhost:9092/readings"


def flags(*more):
    return parse(["run", *more])[0]


@pytest.mark.parametrize(
    ("messages", "more", "streaming"),
    [
        ("a.ndjson", (), None),
        (None, (), None),
        ("a.ndjson", ("--streaming",), Streaming(None)),
        (KAFKA, (), Streaming(None)),
        (KAFKA, ("--streaming", "--flush-seconds=5"), Streaming(5)),
        ("pubsub://p/s", ("--flush_seconds=0.5",), Streaming(0.5)),
    ],
)
def test_topics_are_streams_and_files_if_asked(messages, more, streaming):
    assert resolve_streaming(flags(*more), messages) == streaming


@pytest.mark.parametrize(
    ("given", "here", "cluster"), [(None, 2, 30), (5, 5, 5), (0.5, 0.5, 1)]
)
def test_a_laptop_need_not_wait_as_long_as_a_cluster(given, here, cluster):
    streaming = Streaming(given)
    assert (streaming.here, streaming.cluster) == (here, cluster)


@pytest.mark.parametrize(
    ("messages", "more", "said"),
    [
        (KAFKA, "--flush_seconds=0", "between 0.1 and 3600"),
        (KAFKA, "--flush_seconds=nan", "between 0.1 and 3600"),
        ("a.ndjson", "--flush_seconds=5", "is for streams"),
        ("a.ndjson", "--kafka_group=g", "names no topic"),
        ("pubsub://p/s", "--kafka_properties=f", "names no topic"),
    ],
)
def test_flags_that_make_no_sense_are_refused(messages, more, said):
    with pytest.raises(UsageError, match=said):
        resolve_streaming(flags(more), messages)


@pytest.mark.parametrize(
    ("more", "is_stream", "limits"),
    [
        ((), False, (None, None)),
        ((), True, (365 * DAY, 24 * HOUR)),
        (("--max_age_days=0", "--max_ahead_hours=0"), True, (None, None)),
        (("--max_age_days=2", "--max_ahead_hours=.5"), False, (2 * DAY, HOUR // 2)),
    ],
)
def test_a_stream_takes_times_that_can_be(more, is_stream, limits):
    assert resolve_limits(flags(*more), is_stream=is_stream) == limits


@pytest.mark.parametrize("name", ["max_age_days", "max_ahead_hours"])
@pytest.mark.parametrize("value", ["-1", "nan", "inf"])
def test_a_limit_is_a_number_of_days_or_hours(name, value):
    with pytest.raises(UsageError, match=f"--{name} must be 0 or more"):
        resolve_limits(flags(f"--{name}={value}"), is_stream=True)
