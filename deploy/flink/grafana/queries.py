"""What the dashboard and the alerts ask Prometheus."""

from deploy.flink.grafana.names import (
    BACKLOG,
    BUCKETS,
    CONSUMER_LAG,
    COUNTERS,
    DEAD_LETTERS,
    FLINK,
    LATENCIES,
)


def per_second(name: str, job: str, window: str) -> str:
    """How fast a counter of ours grows.

    Args:
        name: of the counter.
        job: what selects the job, as `job_name="vitalbeam"`.
        window: over which the mean is taken.
    """
    return f"sum(rate({COUNTERS[name]}{{{job}}}[{window}]))"


def _by_name(prefix: str, label: str, job: str) -> str:
    """Counters whose names end differently, as one with a label.

    Summed before their rate is taken: rate() drops names, and would see doubles.
    """
    found = f'{{__name__=~"{prefix}.+", {job}}}'
    named = f'label_replace({found}, "{label}", "$1", "__name__", "{prefix}(.+)")'
    return f"sum by ({label}) ({named})"


def dead_letters_per_second(job: str, window: str) -> str:
    """How fast dead letters come, by error."""
    return f"rate(({_by_name(DEAD_LETTERS, 'error', job)})[{window}:])"


def latency_ms(which: str, quantile: float, job: str, window: str) -> str:
    """A quantile of how long messages were under way, in milliseconds."""
    buckets = _by_name(BUCKETS.format(metric=LATENCIES[which]), "le", job)
    return f"histogram_quantile({quantile}, rate(({buckets})[{window}:]))"


def backlog(job: str, group: str) -> str:
    """Messages that Kafka holds and no checkpoint covers.

    Args:
        job: what selects the job.
        group: what selects the consumer group, for what kafka_exporter sees.
    """
    own = f'sum({{__name__=~"{BACKLOG}.+", {job}}})'
    return f"sum({CONSUMER_LAG}{{{group}}}) or {own}"


def checkpoint_age_s(job: str, longest: str) -> str:
    """Seconds since a checkpoint was completed; nothing if it is longer than that.

    Flink gives no time of a checkpoint, but a count that moves.
    """
    moved = f"changes({FLINK['checkpoints']}{{{job}}}[1m]) > 0"
    return f"time() - max(max_over_time(timestamp({moved})[{longest}:30s]))"


def behind_s(job: str) -> str:
    """Seconds that the slowest watermark is behind the clock."""
    # Before the first message it is the smallest number there is.
    return f"time() - min({FLINK['watermark']}{{{job}}} > 0) / 1000"
