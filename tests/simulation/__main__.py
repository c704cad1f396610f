"""Runs seeds: `python -m tests.simulation --seeds=0:1000`, `--seed=7 --show`."""

import argparse
import concurrent.futures
import functools
import multiprocessing
import os
import sys
import time

from . import laws
from .errors import BrokenLawError
from .trial import command, judged, simulated, told


def main(arguments=None):
    """Returns 1 if a law was broken."""
    flags = _parse(arguments)
    started = time.monotonic()
    if flags.show:
        return max(map(_show, flags.seeds))
    broken = 0
    with _pool(flags.processes) as pool:
        verdicts = pool.map(judged, flags.seeds, chunksize=10)
        for seed, law in zip(flags.seeds, verdicts, strict=True):
            if law is not None:
                broken += 1
                _say(f"seed {seed}: {law}\n  see it with {command(seed)}")
    number, seconds = len(flags.seeds), time.monotonic() - started
    _say(f"{number} seeds in {seconds:.0f} s, {broken} of them break a law")
    return min(broken, 1)


def _parse(arguments):
    parser = argparse.ArgumentParser("python -m tests.simulation", allow_abbrev=False)
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("--seed", type=int, help="one seed")
    which.add_argument("--seeds", type=_range, help="from A to before B: A:B")
    parser.add_argument("--show", action="store_true", help="tell all that happens")
    parser.add_argument(
        "--processes", type=int, default=os.cpu_count(), help="how many seeds at a time"
    )
    flags = parser.parse_args(arguments)
    if flags.seed is not None:
        flags.seeds = range(flags.seed, flags.seed + 1)
    return flags


def _range(text):
    first, _, end = text.partition(":")
    return range(int(first), int(end))


def _pool(processes):
    # Arrow has threads, which a forked process would not have.
    spawn = multiprocessing.get_context("spawn")
    return concurrent.futures.ProcessPoolExecutor(processes, mp_context=spawn)


def _show(seed):
    with simulated(seed) as simulation:
        for line in told(simulation):
            _say(line)
        try:
            laws.check(simulation)
        except BrokenLawError as error:
            _say(f"seed {seed}: {error}")
            return 1
    _say(f"seed {seed}: every law holds")
    return 0


_say = functools.partial(print, flush=True)


if __name__ == "__main__":
    sys.exit(main())
