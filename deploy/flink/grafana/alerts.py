"""Makes alerts.yaml, rules for Prometheus.

.venv/bin/python -m deploy.flink.grafana.alerts
"""

from pathlib import Path
from typing import Any

import yaml

from deploy.flink.grafana import queries
from deploy.flink.grafana.names import FLINK

PLACE = Path(__file__).with_name("alerts.yaml")

_JOB = 'job_name="vitalbeam"'
_GROUP = 'consumergroup="vitalbeam"'


def _rule(
    name: str, expression: str, wait: str, severity: str, what: str, cure: str
) -> dict[str, Any]:
    return {
        "alert": f"Vitalbeam{name}",
        "expr": expression,
        "for": wait,
        "labels": {"severity": severity},
        "annotations": {"summary": what, "description": cure},
    }


def _health() -> list[dict[str, Any]]:
    return [
        _rule(
            "Gone",
            f"absent({FLINK['uptime']}{{{_JOB}}})",
            "5m",
            "critical",
            "No job named vitalbeam runs.",
            "Hand it in again with the path of its newest checkpoint or savepoint;"
            " without it, what was under way is lost.",
        ),
        _rule(
            "Stuck",
            f"max(changes({FLINK['checkpoints']}{{{_JOB}}}[10m])) == 0",
            "5m",
            "critical",
            "No checkpoint was completed for a quarter of an hour.",
            "The watch restarts the workers of a stuck job. Is it back pressure, or the"
            " bucket of the checkpoints? The JobManager's log says why they fail.",
        ),
        _rule(
            "Restarts",
            f"max(increase({FLINK['restarts']}{{{_JOB}}}[15m])) > 3",
            "1m",
            "warning",
            "The job is restored again and again.",
            "The JobManager's exceptions name the step; a FHIR server that refuses"
            " credentials does this too.",
        ),
    ]


def _data() -> list[dict[str, Any]]:
    letters = f"sum({queries.dead_letters_per_second(_JOB, '15m')})"
    messages = queries.per_second("DeviceEvent", _JOB, "15m")
    retries = queries.per_second("FhirRetry", _JOB, "10m")
    requests = queries.per_second("FhirRequest", _JOB, "10m")
    backlog = queries.backlog(_JOB, _GROUP)
    return [
        _rule(
            "DeadLetters",
            f"{letters} / {messages} > 0.01",
            "15m",
            "warning",
            "More than one message in a hundred becomes a dead letter.",
            "Look into the newest files of the dead letters: each says what to change.",
        ),
        _rule(
            "BacklogGrows",
            f"deriv(({backlog})[30m:1m]) > 0 and ({backlog}) > 10000",
            "30m",
            "warning",
            "Messages come faster than they are worked on.",
            "Which task is busy, and which waits? More parallelism for the first; for"
            " a FHIR server at its limit, more of that.",
        ),
        _rule(
            "FhirServerAway",
            f"{retries} / {requests} > 0.5",
            "10m",
            "warning",
            "Most requests to the FHIR server are repeated ones.",
            "Nothing is lost: messages wait in Kafka until it answers. Is it up?",
        ),
        _rule(
            "LateReadings",
            f"{queries.per_second('LateReading', _JOB, '1h')}"
            f" / {queries.per_second('Reading', _JOB, '1h')} > 0.5",
            "1h",
            "info",
            "Most readings come after their hour was closed.",
            "They are stored all the same. Do clocks of devices go right?",
        ),
    ]


def rules() -> dict[str, Any]:
    """The whole file."""
    return {
        "groups": [
            {"name": "vitalbeam-health", "rules": _health()},
            {"name": "vitalbeam-data", "rules": _data()},
        ]
    }


def text() -> str:
    """The file as it is written."""
    head = "# Made by python -m deploy.flink.grafana.alerts: change it there.\n"
    return head + yaml.safe_dump(rules(), sort_keys=False, width=110)


if __name__ == "__main__":
    PLACE.write_text(text())
