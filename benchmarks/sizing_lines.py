"""The numbers of an answer, each with its unit and its formula."""

import math
from typing import NamedTuple

from benchmarks.sizing_answer import Answer
from benchmarks.sizing_inputs import DAY_S, HOUR_S
from benchmarks.sizing_model import open_slots


class Line(NamedTuple):
    """One number of an answer."""

    name: str
    value: float
    unit: str
    formula: str


def lines(found: Answer) -> list[Line]:
    """Every number, with where it comes from."""
    fleet, plan, peak, mean = found.fleet, found.plan, found.peak, found.mean
    per_day = fleet.per_s * DAY_S
    readings = per_day * fleet.readings_per_message
    cores = found.python_cores + found.java_cores
    requests = mean.requests + found.shells / plan.bundle
    kafka = fleet.per_s * fleet.message_bytes
    return [
        Line("messages a day", per_day, "", "devices × messages_per_device"),
        Line("messages/s at the peak", found.per_s, "", "a day ÷ 86,400 × peak"),
        Line(
            "CPU of a message, all in all",
            1e6 * cores / found.per_s,
            "µs",
            "cores ÷ messages/s, at the peak",
        ),
        Line(
            "Python cores",
            found.python_cores,
            "",
            "messages/s × map µs + firings/s × (fixed + new + rows)",
        ),
        Line(
            "of these, rewriting rows",
            peak.rows_us / 1e6,
            "",
            "firings/s × rows × per_row",
        ),
        Line("Java cores", found.java_cores, "", "messages/s × java µs"),
        Line("slots of Flink", found.slots, "", "Python cores × skew ÷ busy"),
        Line("shards", plan.shards, "", "≥ 4 × slots, a power of two"),
        Line(
            "Kafka partitions",
            found.partitions,
            "",
            "max(slots, MB/s ÷ partition_mb_s)",
        ),
        Line("Kafka in, peak", found.per_s * fleet.message_bytes / 1e6, "MB/s", ""),
        Line(
            "Kafka retained",
            kafka * HOUR_S * plan.retention_h * plan.replicas / 1e9,
            "GB",
            "bytes/s × retention_h × replicas",
        ),
        Line("firings/s, peak", peak.firings, "", "files ÷ (flush_s + wait)"),
        Line(
            "rows of the fullest file",
            open_slots(fleet, plan, found.per_s).most_rows,
            "",
            "readings an hour ÷ shards, at the peak",
        ),
        Line("longest firing", peak.longest_s, "s CPU", "must stay below flush_s"),
        Line(
            "memory of that firing",
            open_slots(fleet, plan, found.per_s).most_rows * found.row_memory / 1e9,
            "GB",
            "rows × store_memory",
        ),
        Line(
            "rows rewritten for a reading",
            mean.rows * DAY_S / readings,
            "×",
            "firings/s × rows ÷ readings/s",
        ),
        Line("Parquet files a day", found.files, "", "2 tables × 24 × shards"),
        Line("Parquet kept a day", found.kept / 1e9, "GB", "files, rows, devices"),
        Line(
            "a Parquet file, mean", found.kept / found.files / 1e6, "MB", "kept ÷ files"
        ),
        Line(
            "Parquet written a day",
            mean.bytes_written * DAY_S / 1e9,
            "GB",
            "firings × bytes of a file",
        ),
        Line("Observations a day", found.observations, "", "by mapping"),
        Line(
            "Observations sent a day",
            found.written,
            "",
            "touched by a firing, and once as final",
        ),
        Line(
            "FHIR requests/s, mean",
            requests,
            "",
            "sent ÷ bundle + ½ a firing, + shells ÷ bundle",
        ),
        Line(
            "the same with --fhir_merge",
            2 * mean.requests + found.shells / plan.bundle,
            "",
            "each Observation is read first",
        ),
        Line(
            "the same without Bundles",
            mean.touched + found.shells,
            "",
            "--fhir_bundle_size=1",
        ),
        Line(
            "Observations/s sent, peak",
            peak.touched,
            "",
            "what the FHIR server must take",
        ),
        Line(
            "FHIR servers",
            math.ceil(peak.touched / plan.server_per_s),
            "",
            "sent at the peak ÷ server_per_s",
        ),
        Line(
            "state of Flink, peak",
            (found.window_bytes + peak.state_bytes) / 1e6,
            "MB",
            "242 B × shards × 169 hours + what waits for a firing",
        ),
    ]
