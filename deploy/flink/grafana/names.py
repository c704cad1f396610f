"""What Flink's Prometheus reporter calls our metrics: the one place to correct them.

Seen on Flink 1.19.3 with Beam's runner 2.70: a Beam counter or gauge is a gauge named
flink_taskmanager_job_task_operator_<namespace>_<name>, a value per operator and
subtask, so a sum over them is ours; what is no letter or digit becomes _. A Beam
distribution is not there, or always 0: hence the buckets.
"""

import re

from pipeline.latency import STAGE, STORED, WRITTEN

_JOB = "flink_jobmanager_job_"
_TASK = "flink_taskmanager_job_task_"


def reported(namespace: str, name: str) -> str:
    """What a counter or gauge of Beam is called."""
    return f"{_TASK}operator_" + re.sub(r"[^a-zA-Z0-9:_]", "_", f"{namespace}_{name}")


DEAD_LETTERS = reported("DeadLetter", "")
"""Begins the names of dead letters; the name of the error follows."""

BUCKETS = reported(STAGE, "") + "{metric}_le_"
"""Begins the names of the buckets of a latency; milliseconds or Inf follow."""

BACKLOG = reported("ReadMessages", "Backlog ")
"""Begins the names of our own Kafka reader's backlog; topic and partition follow."""

CONSUMER_LAG = "kafka_consumergroup_lag"
"""Of kafka_exporter (https://github.com/danielqsj/kafka_exporter)."""

COUNTERS = {
    name: reported(namespace, name)
    for namespace, names in {
        "Normalize": (
            "DeviceEvent",
            "DeviceIngressSizeBytes",
            "NormalizedEvent",
            "DroppedEvent",
        ),
        "Group": ("Measurement", "Reading"),
        "Store": (
            "ReadingStored",
            "ReadingReplaced",
            "ReadingRepeated",
            "LateReading",
            "SlotTouched",
        ),
        "Observe": ("MeasurementGroup",),
        "WriteFhir": (
            "FhirResourceSaved",
            "ObservationCreated",
            "ObservationUpdated",
            "ServerObservationCreated",
            "ServerObservationUpdated",
            "ServerObservationKnown",
            "FhirRequest",
            "FhirRetry",
            "FhirRequestMs",
        ),
    }.items()
    for name in names
}
"""Ours, by the name in the README."""

LATENCIES = {"stored": STORED, "written": WRITTEN}
"""How long messages have been under way, by where they have got to."""

FLINK = {
    "checkpoints": f"{_JOB}numberOfCompletedCheckpoints",
    "failed checkpoints": f"{_JOB}numberOfFailedCheckpoints",
    "checkpoint size": f"{_JOB}lastCheckpointSize",
    "checkpoint duration": f"{_JOB}lastCheckpointDuration",
    "restarts": f"{_JOB}numRestarts",
    "uptime": f"{_JOB}uptime",
    "back pressure": f"{_TASK}backPressuredTimeMsPerSecond",
    "busy": f"{_TASK}busyTimeMsPerSecond",
    "watermark": f"{_TASK}operator_currentOutputWatermark",
    "task managers": "flink_jobmanager_numRegisteredTaskManagers",
}
"""Flink's own, by what they tell."""
