"""What a million devices need: workers, partitions, state, requests, files, money.

`python -m benchmarks.sizing` prints what three fleets need, from costs that were
measured (`benchmarks/sizing.json`) and a model (`benchmarks/sizing_model.py`). With
`--devices` and its like it is your fleet, with `--price` your money.

    python -m benchmarks.sizing --devices=1000000 --messages_per_device=96 --peak=2
    python -m benchmarks.sizing --table=money --fleet=CGMs --price=core_hour=0.05
    python -m benchmarks.sizing --update

`--update` measures the stages in this process, runs loads on a Flink of this machine
beside a Kafka and a FHIR server that answers at once, and writes the page
`deploy/SIZING.md` anew: twenty minutes, Java 17, Maven and 6 GB of memory.
`--check` does the second and prints what the model says beside what was measured.
"""

import argparse
import contextlib
import json
import logging
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import machine, sizing_stages, sizing_table
from benchmarks.measure import ROOT
from benchmarks.sizing_answer import FLEETS, Answer, answer
from benchmarks.sizing_check import fitted
from benchmarks.sizing_inputs import Costs, FileBytes, Fleet, Linear, Plan, Runner
from benchmarks.sizing_lines import lines
from benchmarks.sizing_loads import LOADS, Observed, from_json, observe, to_json
from benchmarks.sizing_money import PRICES, drivers

MEASURED = Path(__file__).with_suffix(".json")
PAGE = ROOT / "deploy" / "SIZING.md"

TABLES = ("fleets", "flush", "mapping", "money", "inputs", "check")

_FLUSH_S = 600.0
"""Between firings, unless told otherwise: what suits a million devices."""


class Known(NamedTuple):
    """What was measured, and when."""

    date: str
    machine: dict[str, str]
    costs: Costs
    seen: list[Observed]

    @property
    def runner(self) -> Runner:
        """What Flink and Beam add."""
        return fitted(self.costs, self.seen)


def load(path: Path = MEASURED) -> Known:
    """What was measured last."""
    document = json.loads(path.read_text(encoding="utf-8"))
    kinds = Costs.__annotations__
    costs = {
        name: kinds[name](*value) if kinds[name] in (Linear, FileBytes) else value
        for name, value in document["costs"].items()
    }
    return Known(
        document["date"],
        document["machine"],
        Costs(**costs),
        from_json(document["seen"]),
    )


def _seen(path: Path = MEASURED) -> list[Observed]:
    return from_json(json.loads(path.read_text(encoding="utf-8"))["seen"])


def save(known: Known, path: Path = MEASURED) -> None:
    """Writes what was measured."""
    document = known._asdict() | {
        "costs": known.costs._asdict(),
        "seen": to_json(known.seen),
    }
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")


def run_loads(seconds: float) -> list[Observed]:
    """Runs every load on a broker, a cluster and a server of their own."""
    # Here, as these need what a table does not: Java, Maven, a Kafka client.
    from benchmarks.fhir import instant_server
    from benchmarks.stream_job import flink, kafka

    with contextlib.ExitStack() as held:
        folder = Path(
            held.enter_context(tempfile.TemporaryDirectory(prefix="vitalbeam-sizing-"))
        )
        servers = held.enter_context(kafka(folder / "kafka", None))
        fhir = held.enter_context(instant_server())
        cluster = held.enter_context(flink(folder / "flink"))
        seen = []
        for one in LOADS:
            print(f"{one.name}: {one.per_s} messages/s", file=sys.stderr)
            # What is more than the machine takes is left out; the others still tell.
            try:
                seen.append(observe(cluster, servers, fhir, folder, one, seconds))
            except TimeoutError as error:
                print(error, file=sys.stderr)
        return seen


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        "python -m benchmarks.sizing",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--table", choices=TABLES, default="fleets")
    parser.add_argument("--fleet", help="one of the fleets, to begin with")
    for name in Fleet._fields[1:]:
        parser.add_argument(f"--{name}", type=float, help="of the fleet")
    for name, value in Plan(0, _FLUSH_S)._asdict().items():
        if isinstance(value, bool):
            parser.add_argument(f"--{name}", action="store_true", default=None)
        else:
            flag = "--flush_seconds" if name == "flush_s" else f"--{name}"
            kind = type(value)
            parser.add_argument(
                flag, dest=name, type=kind, help=f"of the plan ({value:g})"
            )
    parser.add_argument(
        "--price",
        action="append",
        type=_price,
        default=[],
        metavar="NAME=VALUE",
        help=f"in your money: {', '.join(PRICES)}",
    )
    parser.add_argument("--json", action="store_true", help="JSON instead of a table")
    parser.add_argument("--seconds", type=float, default=120, help="of each load")
    parser.add_argument("--rounds", type=int, default=5, help="of each stage")
    for name, text in (
        ("check", "run the loads, compare, keep nothing"),
        ("stages", "measure the stages again, keep the loads, and write the page"),
        ("update", "measure everything, and write the page"),
        ("page", "write the page from what was measured"),
    ):
        parser.add_argument(f"--{name}", action="store_true", help=text)
    return parser


def _fleets(options: argparse.Namespace) -> list[Fleet]:
    given = {
        name: value
        for name in Fleet._fields[1:]
        if (value := getattr(options, name)) is not None
    }
    chosen = [one for one in FLEETS if options.fleet in (None, one.name)]
    if not chosen:
        names = ", ".join(one.name for one in FLEETS)
        msg = f"--fleet: there are {names}"
        raise SystemExit(msg)
    if not given:
        return chosen
    name = options.fleet or "yours"
    return [chosen[0]._replace(name=name, **given)]


def _plan(options: argparse.Namespace) -> Plan:
    names = Plan._fields
    given = {n: v for n in names if (v := getattr(options, n)) is not None}
    return Plan(0, _FLUSH_S)._replace(**given)


def _price(text: str) -> tuple[str, float]:
    """A price of the command line."""
    name, _, value = text.partition("=")
    if name not in PRICES:
        msg = f"there is no price {name}"
        raise argparse.ArgumentTypeError(msg)
    return name, float(value)


def shown(options: argparse.Namespace, known: Known) -> str:
    """The table that was asked for."""
    fleets, plan = _fleets(options), _plan(options)

    def of(fleet: Fleet, plan: Plan = plan) -> Answer:
        return answer(fleet, plan, known.costs, known.runner)

    # Where a device sends but now and then there is nothing to compare.
    often = [one for one in fleets if one.messages_per_device > one.active_hours]

    if options.table == "inputs":
        return sizing_table.inputs(known.date, known.machine, known.costs, known.runner)
    if options.table == "check":
        return sizing_table.check(known.seen, known.costs)
    if options.table == "money":
        prices = dict(options.price)
        return sizing_table.money(list(map(of, fleets)), known.costs, prices)
    if options.table == "flush":
        plans = [plan._replace(flush_s=s) for s in sizing_table.FLUSHES]
        return sizing_table.by_flush(
            [[of(one, each) for each in plans] for one in often or fleets]
        )
    if options.table == "mapping":
        kinds = [
            one._replace(hourly_share=share)
            for one in often or fleets
            for share in (0, 1)
        ]
        return sizing_table.by_mapping(list(map(of, kinds)), known.costs)
    return sizing_table.fleets(list(map(of, fleets)))


def as_json(options: argparse.Namespace, known: Known) -> list[dict[str, Any]]:
    """The same numbers as plain data."""
    plan, costs, runner = _plan(options), known.costs, known.runner
    answers = [answer(one, plan, costs, runner) for one in _fleets(options)]
    return [
        {
            "fleet": one.fleet._asdict(),
            "plan": one.plan._asdict(),
            "lines": [line._asdict() for line in lines(one)],
            "drivers": [each._asdict() for each in drivers(one, costs)],
        }
        for one in answers
    ]


_BLOCK = re.compile(
    r"^(`\.venv/bin/(python -m benchmarks\.sizing[^`\n]*)`:\n\n)(?:\|.*\n)*",
    re.MULTILINE,
)
"""A command of the page that stands alone, and the table below it."""


def page(text: str, known: Known) -> str:
    """The page, with what each of its commands prints now."""

    def printed(found: re.Match[str]) -> str:
        options = _parser().parse_args(shlex.split(found[2])[3:])
        return f"{found[1]}{shown(options, known)}\n"

    return _BLOCK.sub(printed, text)


def main(arguments: Sequence[str] | None = None) -> None:
    """Does what the command line says."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.ERROR)  # Beam warns of what is not installed
    if options.check:
        known = load()
        print(sizing_table.check(run_loads(options.seconds), known.costs))
        return
    if options.update or options.stages:
        date = time.strftime("%Y-%m-%d", time.gmtime())
        costs = sizing_stages.measured(options.rounds)
        seen = _seen() if options.stages else run_loads(options.seconds)
        save(Known(date, machine.facts(), costs, seen))
    known = load()
    if options.update or options.stages or options.page:
        text = PAGE.read_text(encoding="utf-8")
        PAGE.write_text(page(text, known), encoding="utf-8")
    elif options.json:
        print(json.dumps(as_json(options, known), indent=2))
    else:
        print(shown(options, known))


if __name__ == "__main__":
    main()
