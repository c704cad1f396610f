"""Answers of the cost model as Markdown, which a terminal and the page show alike."""

from collections.abc import Mapping, Sequence

from benchmarks.sheets import markdown
from benchmarks.sizing_answer import Answer
from benchmarks.sizing_check import compared, fitted
from benchmarks.sizing_inputs import DAY_S, Costs, Linear, Runner
from benchmarks.sizing_lines import lines
from benchmarks.sizing_loads import BEHIND_S, Observed
from benchmarks.sizing_money import PRICES, drivers, priced

FLUSHES = (30, 120, 600, 1800)
"""Seconds between firings that are compared."""


def number(value: float) -> str:
    """Three digits that count, in full."""
    if value == round(value) and abs(value) < 1e4:
        return f"{value:,.0f}"
    if abs(value) >= 100:
        digits = len(str(round(abs(value)))) - 3
        return f"{round(value, -digits):,.0f}"
    return f"{value:.3g}"


def _named(name: str, unit: str) -> str:
    return f"{name}, {unit}" if unit and unit != "×" else name


def fleets(answers: Sequence[Answer]) -> str:
    """Fleets side by side, with the formula of each number."""
    columns = [lines(one) for one in answers]
    rows = [
        (
            _named(alike[0].name, alike[0].unit),
            alike[0].formula,
            *(number(one.value) for one in alike),
        )
        for alike in zip(*columns, strict=True)
    ]
    heading = ("", "formula", *(one.fleet.name for one in answers))
    return markdown(heading, rows, left=2)


def by_flush(answers: Sequence[Sequence[Answer]]) -> str:
    """What each interval between firings costs, fleet by fleet."""
    rows = [
        (
            one.fleet.name,
            number(one.plan.flush_s),
            number(one.plan.shards),
            number(one.slots),
            number(one.python_cores + one.java_cores),
            number(one.mean.rows / (one.fleet.per_s * one.fleet.readings_per_message)),
            f"{100 * one.late.rows / one.mean.rows:.0f}",
            number(one.mean.bytes_written * DAY_S / 1e9),
            number(one.written / one.observations),
            number(one.mean.firings * 2 * DAY_S / 1e6),
            number((one.window_bytes + one.peak.state_bytes) / 1e6),
        )
        for some in answers
        for one in some
    ]
    heading = (
        "fleet",
        "flush, s",
        "shards",
        "slots",
        "cores",
        "rows rewritten for a reading",
        "of these for late ones, %",
        "Parquet written a day, GB",
        "sent for an Observation",
        "object writes a day, million",
        "state, MB",
    )
    return markdown(heading, rows)


def by_mapping(answers: Sequence[Answer], costs: Costs) -> str:
    """What it costs a FHIR server whether a reading or an hour is an Observation."""
    rows = [
        (
            one.fleet.name,
            f"{100 * one.fleet.hourly_share:.0f}",
            number(one.observations),
            number(one.written),
            number(one.peak.touched),
            number(one.mean.requests + one.shells / one.plan.bundle),
            number(one.observations * costs.ndjson_bytes / 1e9),
            number(one.python_cores + one.java_cores),
        )
        for one in answers
    ]
    heading = (
        "fleet",
        "hourly, % of messages",
        "Observations a day",
        "sent a day",
        "sent/s, peak",
        "requests/s, mean",
        "JSON a day, GB",
        "cores",
    )
    return markdown(heading, rows)


def money(answers: Sequence[Answer], costs: Costs, prices: Mapping[str, float]) -> str:
    """What is paid for, a month; the dearest of the first fleet first."""
    lists = [drivers(one, costs) for one in answers]
    order = [one.price for one, _cost in priced(lists[0], prices)]
    by_name = [{one.price: one for one in some} for some in lists]
    rows = []
    for name in order:
        alike = [some[name] for some in by_name]
        cells = [
            number(one.amount)
            + (f" = {number(one.amount * prices[name])}" if name in prices else "")
            for one in alike
        ]
        rows.append((f"`{name}`: {PRICES[name]}", alike[0].formula, *cells))
    heading = ("price", "a month", *(one.fleet.name for one in answers))
    return markdown(heading, rows, left=2)


_FACTS = ("processor", "cores", "memory", "python", "apache-beam", "pyarrow")


def inputs(date: str, facts: Mapping[str, str], costs: Costs, runner: Runner) -> str:
    """What was measured, and is put into the model."""
    machine = ", ".join(f"{name} {facts[name]}" for name in _FACTS)
    rows = [("when and where", f"{date}: {machine}")]
    for name, value in costs._asdict().items():
        if isinstance(value, Linear):
            text = f"{number(value.fixed)} + {number(value.per_new)} × new"
            text += f" + {number(value.per_row)} × rows"
        elif isinstance(value, tuple):
            fixed, per_row, per_device = value
            text = f"{number(fixed)} + {number(per_row)} × rows"
            text += f" + {number(per_device)} × devices"
        else:
            text = number(value)
        rows.append((f"`{name}`", text))
    rows += [(f"`{name}`", number(value)) for name, value in runner._asdict().items()]
    return markdown(("measured", "CPU µs, or bytes"), rows, left=2)


def check(seen: Sequence[Observed], costs: Costs) -> str:
    """What the model says of each load, and what it was."""
    columns = [
        # A load must not be judged by what was learnt of it.
        compared(one, costs, fitted(costs, [each for each in seen if each != one]))
        for one in seen
    ]
    heading = ["predicted from the other loads / measured"]
    heading += [
        f"{one.load.name}: {one.load.per_s:,}/s, flush {one.load.flush_s} s"
        + (" (not kept up with)" if one.backlog_s > BEHIND_S else "")
        for one in seen
    ]
    names = dict.fromkeys(one.quantity for some in columns for one in some)
    rows = []
    for name in names:
        cells = [name]
        for some in columns:
            found = [one for one in some if one.quantity == name]
            cells += [
                f"{number(one.predicted)} / {number(one.measured)} = {one.ratio:.2f}"
                for one in found
            ] or ["–"]
        rows.append(cells)
    backlogs = [f"– / {one.backlog_s:.1f}" for one in seen]
    rows.append(["not read yet in the end, s", *backlogs])
    return markdown(heading, rows)
