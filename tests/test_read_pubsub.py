"""Messages of a subscription to batches, in Beam's own graph."""

import datetime

import apache_beam as beam
import pytest
from apache_beam.io.gcp.pubsub import PubsubMessage
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.portability.api import beam_runner_api_pb2
from apache_beam.portability.common_urns import composites
from apache_beam.testing.test_pipeline import TestPipeline as Root
from apache_beam.testing.util import assert_that, equal_to

from pipeline.options import UsageError
from pipeline.read_pubsub import ReadPubSub, _CollectMessages, attributes_of
from transforms.instants import parse_instant
from transforms.model import Attributes, MessageBatch

AT = "2026-03-01T07:14:55.123456Z"
PUBLISHED = datetime.datetime(2026, 3, 1, 7, 14, 55, 123456, datetime.timezone.utc)


def message(number=17, data=b"{}", attributes=None, **changes):
    given = {"message_id": str(number), "publish_time": PUBLISHED, **changes}
    return PubsubMessage(data, attributes or {}, **given)


SYSTEM = {"message_id": "17", "x-opt-enqueued-time": AT}
INSTANT = parse_instant(AT)[0]


@pytest.mark.parametrize(
    ("given", "attributes"),
    [
        (message(), Attributes({}, SYSTEM, INSTANT)),
        (
            message(attributes={"source": "acme"}),
            Attributes({"source": "acme"}, SYSTEM, INSTANT),
        ),
        (
            message(ordering_key="watch-7"),
            Attributes({}, {**SYSTEM, "ordering_key": "watch-7"}, INSTANT),
        ),
        (message(publish_time=None), Attributes({}, {"message_id": "17"}, None)),
    ],
)
def test_what_stands_beside_the_data_is_found_where_medtech_has_it(given, attributes):
    assert attributes_of(given) == attributes


def test_messages_of_a_bundle_arrive_as_one_batch():
    messages = [message(17, b"a"), message(12, b"b", {"x": "y"})]
    expected = MessageBatch(
        "project/sub/",
        (17, 12),
        (b"a", b"b"),
        tuple(map(attributes_of, messages)),
    )
    with Root(runner="FnApiRunner") as root:
        batches = (
            root
            | beam.Create([messages], reshuffle=False)
            | beam.FlatMap(lambda messages: messages)
            | beam.ParDo(_CollectMessages("project/sub/")).with_output_types(
                MessageBatch
            )
        )
        assert_that(batches, equal_to([expected]))


def test_the_graph_reads_the_subscription_with_attributes():
    root = beam.Pipeline(options=PipelineOptions(["--streaming"]))
    batches = root | ReadPubSub("my-project/my-sub")
    transforms = root.to_runner_api().components.transforms.values()
    (read,) = [
        each for each in transforms if each.spec.urn == composites.PUBSUB_READ.urn
    ]
    payload = beam_runner_api_pb2.PubSubReadPayload.FromString(read.spec.payload)

    assert payload.subscription == "projects/my-project/subscriptions/my-sub"
    assert payload.with_attributes
    assert not batches.is_bounded


@pytest.mark.parametrize(
    "address",
    ["", "my-project", "my-project/", "my-project/a/b", "p/sub", "my-project/1s"],
)
def test_an_address_that_cannot_be_is_refused(address):
    with pytest.raises(UsageError, match="is no subscription"):
        ReadPubSub(address)
