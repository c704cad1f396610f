"""Makes vitalbeam.json, the Grafana dashboard of a vitalbeam job on Flink.

.venv/bin/python -m deploy.flink.grafana.dashboard
"""

import itertools
from collections.abc import Mapping
from pathlib import Path
from string import ascii_uppercase

from grafana_foundation_sdk.builders import common, dashboard, prometheus, timeseries
from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.models.common import LegendDisplayMode, LegendPlacement
from grafana_foundation_sdk.models.dashboard import DataSourceRef, VariableRefresh

from deploy.flink.grafana import queries
from deploy.flink.grafana.names import FLINK

PLACE = Path(__file__).with_name("vitalbeam.json")

_SOURCE = DataSourceRef(type_val="prometheus", uid="${source}")
_JOB = 'job_name="$job"'
_GROUP = 'consumergroup="$group"'
_WINDOW = "$__rate_interval"

_Queries = Mapping[str, str]
"""By legend."""


def _rates(*names: str) -> _Queries:
    return {name: queries.per_second(name, _JOB, _WINDOW) for name in names}


def _latencies(which: str) -> _Queries:
    return {
        f"p{percent}": queries.latency_ms(which, percent / 100, _JOB, _WINDOW)
        for percent in (50, 95, 99)
    }


def _flink(name: str, function: str = "max") -> str:
    return f"{function}({FLINK[name]}{{{_JOB}}})"


_ROWS: Mapping[str, Mapping[str, tuple[str, str, _Queries]]] = {
    "Health": {
        "Age of the last checkpoint": (
            "s",
            "What a stuck job shows first: it stays RUNNING, but this grows.",
            {"age": queries.checkpoint_age_s(_JOB, "2h")},
        ),
        "Backlog": (
            "short",
            "Messages that Kafka holds and no checkpoint covers.",
            {"messages": queries.backlog(_JOB, _GROUP)},
        ),
        "Dead letters": (
            "cps",
            "By error; what they mean is in templates/README.md.",
            {"{{error}}": queries.dead_letters_per_second(_JOB, _WINDOW)},
        ),
        "Restarts": (
            "short",
            "Each from the last checkpoint.",
            {"restarts": _flink("restarts")},
        ),
    },
    "Messages": {
        "Messages": (
            "cps",
            "DroppedEvent: no template matches.",
            _rates("DeviceEvent", "NormalizedEvent", "DroppedEvent"),
        ),
        "Measurements": (
            "cps",
            "What goes to the store, and the groups that become Observations.",
            _rates("Measurement", "Reading", "MeasurementGroup"),
        ),
        "Size": (
            "Bps",
            "Of the messages as received.",
            _rates("DeviceIngressSizeBytes"),
        ),
        "Behind": (
            "s",
            "How far the slowest watermark is behind the clock.",
            {"watermark": queries.behind_s(_JOB)},
        ),
    },
    "Store": {
        "Readings": (
            "cps",
            "Replaced: a newer version came. Repeated: nothing new.",
            _rates("ReadingStored", "ReadingReplaced", "ReadingRepeated"),
        ),
        "Late readings": (
            "cps",
            "After their hour was closed; they are stored all the same.",
            _rates("LateReading"),
        ),
        "Slots": (
            "cps",
            "Files of the store that are read and written.",
            _rates("SlotTouched"),
        ),
    },
    "FHIR": {
        "Saved on a server": (
            "cps",
            "Known: the server has it already, nothing was sent.",
            _rates(
                "FhirResourceSaved",
                "ServerObservationCreated",
                "ServerObservationUpdated",
                "ServerObservationKnown",
            ),
        ),
        "Written to a folder": (
            "cps",
            "Resources of type Observation.",
            _rates("ObservationCreated", "ObservationUpdated"),
        ),
        "Requests": (
            "cps",
            "Retries: the server was away, busy, or broke off.",
            _rates("FhirRequest", "FhirRetry"),
        ),
    },
    "Latency": {
        "From broker to store": (
            "ms",
            "Until a reading is stored and its Observation is made.",
            _latencies("stored"),
        ),
        "From broker to FHIR": (
            "ms",
            "Until a FHIR server or folder has the Observation.",
            _latencies("written"),
        ),
    },
    "Flink": {
        "Checkpoint size": (
            "bytes",
            "Of the last one.",
            {"size": _flink("checkpoint size")},
        ),
        "Checkpoint duration": (
            "ms",
            "Of the last one.",
            {"duration": _flink("checkpoint duration")},
        ),
        "Checkpoints": (
            "short",
            "In five minutes.",
            {
                "completed": f"max(increase({FLINK['checkpoints']}{{{_JOB}}}[5m]))",
                "failed": f"max(increase({FLINK['failed checkpoints']}{{{_JOB}}}[5m]))",
            },
        ),
        "Back pressure": (
            "percentunit",
            "Share of the time in which a task waits for the next one.",
            {
                "{{task_name}}": "max by (task_name)"
                f" ({FLINK['back pressure']}{{{_JOB}}}) / 1000"
            },
        ),
        "Busy": (
            "percentunit",
            "Share of the time in which a task works.",
            {"{{task_name}}": f"max by (task_name) ({FLINK['busy']}{{{_JOB}}}) / 1000"},
        ),
        "TaskManagers": (
            "short",
            "That have registered.",
            {"registered": f"max({FLINK['task managers']})"},
        ),
    },
}
"""Row → panel → unit, description, queries."""


def _panel(
    number: int, title: str, unit: str, description: str, asked: _Queries
) -> timeseries.Panel:
    panel = timeseries.Panel().id(number).title(title).description(description)
    panel = panel.datasource(_SOURCE).unit(unit).min(0).height(8).span(8)
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST)
    panel = panel.legend(legend.placement(LegendPlacement.BOTTOM).show_legend(True))
    for letter, (shown, expression) in zip(
        ascii_uppercase, asked.items(), strict=False
    ):
        query = prometheus.Dataquery().expr(expression).legend_format(shown)
        panel = panel.with_target(query.range().ref_id(letter))
    return panel


def build() -> dashboard.Dashboard:
    """The whole dashboard."""
    source = dashboard.DatasourceVariable("source").label("Prometheus")
    job = dashboard.QueryVariable("job").label("Job").datasource(_SOURCE)
    job = job.refresh(VariableRefresh.ON_DASHBOARD_LOAD)
    group = dashboard.TextBoxVariable("group").label("Consumer group")
    made = (
        dashboard.Dashboard("vitalbeam")
        .uid("vitalbeam")
        .tags(["vitalbeam", "beam", "flink"])
        .refresh("30s")
        .time("now-3h", "now")
        .with_variable(source.type("prometheus"))
        .with_variable(job.query(f"label_values({FLINK['uptime']}, job_name)"))
        .with_variable(group.default_value("vitalbeam"))
    )
    numbers = itertools.count(1)
    for row, panels in _ROWS.items():
        made = made.with_row(dashboard.Row(row).id(next(numbers)))
        for title, contents in panels.items():
            made = made.with_panel(_panel(next(numbers), title, *contents))
    return made


def text() -> str:
    """The file as it is written."""
    return JSONEncoder(sort_keys=True, indent=2).encode(build().build()) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text())
