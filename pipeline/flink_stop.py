r"""Stops a streaming job of a Flink cluster so that it can go on later.

    python -m pipeline.flink_stop --flink_rest=http://jobmanager:8081 \
        --job_name=vitalbeam

stores the state of the job as a savepoint where the cluster keeps them, and prints its
path. The next `vitalbeam run` with the same name, `--flink_rest` and `--flink_state`
finds it by itself.
"""

import argparse
import sys
from collections.abc import Sequence

from pipeline.flink_rest import FlinkRest
from pipeline.flink_state import FlinkError


def _parse(argv: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m pipeline.flink_stop",
        description="Stops a Flink job with a savepoint.",
        allow_abbrev=False,
    )
    parser.add_argument(
        "--flink_rest", metavar="URL", required=True, help="as http://jobmanager:8081"
    )
    parser.add_argument("--job_name", metavar="NAME", required=True)
    parser.add_argument(
        "--wait_s", type=float, default=300, metavar="S", help="(default %(default)s)"
    )
    return parser.parse_args(argv)


def main(argv: Sequence[str] | None = None) -> int:
    """Stops a job; returns the exit status: 0, 2 without such a job, 3 in trouble."""
    flags = _parse(sys.argv[1:] if argv is None else argv)
    try:
        flink = FlinkRest(flags.flink_rest)
        job = flink.job(flags.job_name)
        if job is None or job.over:
            sys.stderr.write(f"flink_stop: no job {flags.job_name} runs there\n")
            return 2
        sys.stdout.write(f"{flink.stop(job.id, wait_s=flags.wait_s)}\n")
    except FlinkError as error:
        sys.stderr.write(f"flink_stop: {error}\n")
        return 3
    return 0


if __name__ == "__main__":
    sys.exit(main())
