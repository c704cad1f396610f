"""Options that only Flink's job server knows, so that a misspelt one is noticed here.

https://beam.apache.org/documentation/runners/flink/ lists them all.
"""

import argparse

from apache_beam.options.pipeline_options import PipelineOptions

_VALUES: tuple[tuple[str, type[int] | type[str], str], ...] = (
    ("checkpointing_interval", int, "milliseconds between checkpoints"),
    ("checkpointing_mode", str, "EXACTLY_ONCE or AT_LEAST_ONCE"),
    ("checkpoint_timeout_millis", int, "milliseconds a checkpoint may take"),
    ("min_pause_between_checkpoints", int, "milliseconds"),
    ("max_bundle_size", int, "elements of a bundle"),
    ("max_bundle_time_mills", int, "milliseconds that a bundle may wait"),
    ("number_of_execution_retries", int, "restarts of a task"),
    ("savepoint_path", str, "savepoint or checkpoint to go on from"),
    ("state_backend", str, "rocksdb, or a class"),
)

_SWITCHES = (
    ("allow_non_restored_state", "go on from a savepoint of which a part is not used"),
    ("externalized_checkpoints_enabled", "keep checkpoints outside the job"),
    (
        "retain_externalized_checkpoints_on_cancellation",
        "keep the last checkpoint of a job that was cancelled",
    ),
    ("finish_bundle_before_checkpointing", "leave nothing under way in checkpoints"),
)


class FlinkJobOptions(PipelineOptions):
    """Flags that travel to the job server as they are; none has a default."""

    @classmethod
    def _add_argparse_args(cls, parser: argparse.ArgumentParser) -> None:
        for name, kind, text in _VALUES:
            parser.add_argument(f"--{name}", type=kind, default=None, help=text)
        for name, text in _SWITCHES:
            parser.add_argument(
                f"--{name}", action="store_true", default=None, help=text
            )
