"""Slices of files to batches of messages, on a runner."""

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline.message_files import slices_of
from pipeline.read_messages import ReadMessages
from transforms import batch_coder  # noqa: F401 - registers how batches travel
from transforms.model import MessageBatch


def _numbered(batch):
    assert isinstance(batch, MessageBatch)
    sources = [f"{batch.prefix}{position}" for position in batch.positions]
    return list(zip(sources, batch.payloads, strict=True))


@pytest.mark.parametrize("distribute", [False, True])
def test_every_message_of_every_slice_arrives_once(tmp_path, distribute):
    lines, array = tmp_path / "m.ndjson", tmp_path / "m.json"
    messages = [b'{"a":%d}' % number for number in range(20)]
    lines.write_bytes(b"\n".join(messages))
    array.write_bytes(b"[\n" + b",\n".join(messages) + b"]")
    slices = [part for path in (lines, array) for part in slices_of(str(path), 30)]
    expected = [
        (f"{path}{mark}{number}", message)
        for path, mark in ((lines, ":"), (array, "#"))
        for number, message in enumerate(messages, 1)
    ]
    assert len(slices) > 8
    with beam.Pipeline(runner="FnApiRunner") as root:
        read = root | ReadMessages(slices, distribute)
        assert_that(read | beam.FlatMap(_numbered), equal_to(expected))


def test_no_slices_are_no_messages():
    with beam.Pipeline(runner="FnApiRunner") as root:
        read = root | ReadMessages([])
        assert_that(read, equal_to([]))
