import json
import re
from pathlib import Path

import apache_beam as beam
import promql_parser
import pytest
import yaml
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.dashboard import Dashboard

import pipeline.latency
from deploy.flink.grafana import alerts, dashboard, names

ROOT = Path(__file__).parent.parent
SEEN = set((ROOT / "tests/data/flink/metrics.txt").read_text().split())
"""What the reporter of a real Flink named, where vitalbeam wrote to folders."""

ON_SERVERS = {
    "FhirResourceSaved",
    "ServerObservationCreated",
    "ServerObservationUpdated",
    "ServerObservationKnown",
    "FhirRequest",
    "FhirRetry",
    "FhirRequestMs",
}
"""Counted in the same way, where vitalbeam writes to a server."""

BOARD = json.loads(dashboard.PLACE.read_text())
PANELS = [panel for panel in BOARD["panels"] if panel["type"] != "row"]
RULES = [
    rule
    for group in yaml.safe_load(alerts.PLACE.read_text())["groups"]
    for rule in group["rules"]
]
QUERIES = {
    f"{panel['title']}: {target['legendFormat']}": target["expr"]
    for panel in PANELS
    for target in panel["targets"]
} | {rule["alert"]: rule["expr"] for rule in RULES}


def filled(query):
    """A query as Grafana asks it, its variables filled in."""
    query = query.replace("$__rate_interval", "5m")
    return re.sub(r"\$(job|group)\b", "vitalbeam", query)


@pytest.mark.parametrize("module", [dashboard, alerts], ids=["dashboard", "alerts"])
def test_files_are_as_they_are_made(module):
    made = f"run: .venv/bin/python -m {module.__name__}"
    assert module.PLACE.read_text() == module.text(), made


def test_grafanas_own_model_reads_the_dashboard_and_writes_it_alike():
    read = Dashboard.from_json(BOARD)
    assert json.loads(JSONEncoder().encode(read)) == BOARD


def test_panels_have_numbers_of_their_own_and_do_not_overlap():
    numbers = [panel["id"] for panel in BOARD["panels"]]
    assert len(set(numbers)) == len(numbers)
    cells = [
        (across, down)
        for panel in BOARD["panels"]
        for grid in [panel["gridPos"]]
        for across in range(grid["x"], grid["x"] + grid["w"])
        for down in range(grid["y"], grid["y"] + grid["h"])
    ]
    assert len(set(cells)) == len(cells)
    assert all(across < 24 for across, _ in cells)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_queries_are_promql(query):
    assert "$" not in re.sub(r'"\$1"', "", filled(query))
    promql_parser.parse(filled(query))


@pytest.mark.parametrize(
    "query", ["sum(rate(a[5m])", "rate(a)", 'a{job="x"', "histogram_quantile(a)"]
)
def test_what_is_no_promql_is_noticed(query):
    with pytest.raises(ValueError, match=r"."):
        promql_parser.parse(query)


def test_metrics_are_called_what_a_real_flink_calls_them():
    asked = {
        name
        for query in QUERIES.values()
        for name in re.findall(r"(?<![\"\w])flink_\w+", query)
    }
    on_servers = {names.COUNTERS[name] for name in ON_SERVERS}
    assert asked - on_servers <= SEEN
    assert on_servers <= set(names.COUNTERS.values())
    assert not on_servers & SEEN
    assert set(names.FLINK.values()) <= SEEN
    assert any(name.startswith(names.DEAD_LETTERS) for name in SEEN)


@pytest.mark.parametrize("name", names.COUNTERS)
def test_counters_are_ours(name):
    modules = [*(ROOT / "pipeline").glob("*.py"), *(ROOT / "transforms").glob("*.py")]
    assert any(f'"{name}"' in module.read_text() for module in modules)


def test_latencies_are_counted_in_buckets():
    class Note(beam.DoFn):
        def process(self, _):
            pipeline.latency.Latency(pipeline.latency.WRITTEN).note([0])

    with beam.Pipeline() as root:
        root | beam.Create([None]) | beam.ParDo(Note())
    counted = {
        names.reported(found.key.metric.namespace, found.key.metric.name)
        for found in root.result.metrics().query()["counters"]
    }
    prefix = names.BUCKETS.format(metric=pipeline.latency.WRITTEN)
    assert counted == {f"{prefix}Inf"}, "what is from 1970 is in no other bucket"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule["alert"])
def test_alerts_say_what_happened_and_what_to_do(rule):
    assert rule.keys() == {"alert", "expr", "for", "labels", "annotations"}
    assert re.fullmatch(r"\d+[mh]", rule["for"])
    assert rule["labels"]["severity"] in ("critical", "warning", "info")
    assert all(text.endswith((".", "?")) for text in rule["annotations"].values())
