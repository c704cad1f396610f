"""Times vitalbeam beside the script by hand and the obvious stack, in one run.

`python -m benchmarks` generates a day of messages and gives it to each contender, in a
process of its own, all on one core, round after round; then it shows where the time
goes, how it grows, and what more cores bring. Leave the machine alone meanwhile.
"""

import argparse
import functools
import json
import shlex
import sys
import tempfile
from pathlib import Path

from rich.console import Console

from benchmarks import contenders, machine, measure, report, scaling, stages
from benchmarks.contenders import OBVIOUS, VITALBEAM, Results
from benchmarks.measure import ROOT
from benchmarks.sheets import Sheet, show

PARTS = ("contenders", "cores", "stages", "scaling")

SIZES = (20_000, scaling.USUAL, 1_000_000)
LARGE = 5_000_000


def main(arguments: list[str] | None = None) -> None:
    """Runs the benchmark from the command line."""
    given = sys.argv[1:] if arguments is None else arguments
    parser = _parser()
    options = parser.parse_args(given)
    parts = options.only.split(",")
    if unknown := set(parts) - set(PARTS):
        parser.error(f"--only: unknown {', '.join(sorted(unknown))}")
    if min(options.messages, options.obvious_messages) <= contenders.TINY:
        parser.error(f"--messages, --obvious_messages: more than {contenders.TINY}")
    console = Console(stderr=options.json)
    if not console.is_terminal:  # a file is as wide as a table
        console = Console(stderr=options.json, width=160)
    with tempfile.TemporaryDirectory(prefix="vitalbeam-benchmark-") as temporary:
        sheets, results = _measure(options, parts, Path(temporary), console)
    facts = {"date": report.today(), "commit": report.commit(), **machine.facts()}
    if options.json:
        documents = {sheet.title: sheet.records() for sheet in sheets}
        rounds = {name: each._asdict() for name, each in results.items()}
        print(json.dumps({"facts": facts, "rounds": rounds, **documents}, indent=2))
    else:
        machine.show(console)
    if options.results:
        how = shlex.join(["python", "-m", "benchmarks", *given])
        path = ROOT / "benchmarks" / "RESULTS.md"
        path.write_text(report.page(sheets, facts, how))
        console.print(f"\nwritten to {path.relative_to(ROOT)}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--messages", type=int, default=scaling.USUAL)
    parser.add_argument(
        "--obvious_messages", type=int, default=20_000, help="it takes long"
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default=",".join(PARTS), help="some of the default")
    parser.add_argument(
        "--large", action="store_true", help=f"{LARGE:,} messages too (4 GB of disk)"
    )
    parser.add_argument("--flamegraph", type=Path, metavar="FILE", help="an SVG")
    parser.add_argument("--json", action="store_true", help="JSON instead of tables")
    parser.add_argument(
        "--results", action="store_true", help="write benchmarks/RESULTS.md"
    )
    return parser


def _measure(
    options: argparse.Namespace, parts: list[str], folder: Path, console: Console
) -> tuple[list[Sheet], Results]:
    sheets: list[Sheet] = []

    def add(sheet: Sheet) -> None:
        show(console, sheet)
        sheets.append(sheet)

    cores = memory = None
    if "cores" in parts:  # before anything is pinned
        cores, sheet = _cores(folder)
        add(sheet)
    measure.pin_to_one_core()
    results: Results = {}
    if "contenders" in parts:
        commands = contenders.contenders(folder / "mappings")
        sizes = dict.fromkeys(commands, options.messages)
        sizes[OBVIOUS] = options.obvious_messages
        results = contenders.race(commands, sizes, folder, options.rounds)
        add(contenders.sheet(results, options.rounds))
    if "stages" in parts or options.flamegraph:
        messages = measure.write_messages(folder, options.messages)
        if "stages" in parts:
            raw = folder / "stacks.txt"
            stages.record(messages, folder, "raw", raw)
            shares = stages.shares_of(raw.read_text().splitlines())
            each = results[VITALBEAM].us_per_message if results else None
            add(stages.sheet(shares, each))
        if options.flamegraph:
            stages.record(messages, folder, "flamegraph", options.flamegraph.resolve())
    sizes_of = (*SIZES, LARGE) if options.large else SIZES
    if "scaling" in parts:
        steps = scaling.steps(folder / "mappings", sizes_of)
        measured = scaling.measure_steps(steps, folder)
        memory = scaling.memory_ratio(measured)
        add(scaling.sheet(measured))
    if found := report.targets(results, cores, memory, max(sizes_of)):
        add(report.sheet(found))
    return sheets, results


def _cores(folder: Path) -> tuple[float, Sheet]:
    """A larger run by one process, and by as many as there are cores."""
    messages = measure.write_messages(folder, SIZES[-1])
    seconds = {}
    for name, workers in (("one process", 1), ("as it is", None)):
        command = functools.partial(measure.vitalbeam, workers=workers)
        run = contenders.run_once(command, messages, folder / "out")
        seconds[name] = run.seconds
    one = seconds["one process"]
    title = f"All cores, {SIZES[-1]:,} messages, start-up included"
    headings = ("", "s", "messages per s", "times one process")
    sheet = Sheet(
        title,
        headings,
        [(name, each, SIZES[-1] / each, one / each) for name, each in seconds.items()],
    )
    return one / seconds["as it is"], sheet


if __name__ == "__main__":
    main()
