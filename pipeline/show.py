"""Tables and findings for people."""

import os
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from transforms.errors import Problem
from transforms.instants import iso_date, iso_instant

if TYPE_CHECKING:  # what prints findings should not load Apache Beam
    from pipeline.preview import Preview
    from transforms.model import Measurement


_WIDE = 160
"""Characters of a line that goes to a file or a pipe, where nothing need be folded."""


class Terminal(Console):
    """A console whose reader may leave: rich would exit with status 1 then."""

    def __init__(self, *, stderr: bool = False) -> None:
        super().__init__(stderr=stderr)
        if not self.is_terminal and "COLUMNS" not in os.environ:
            self.width = _WIDE

    def on_broken_pipe(self) -> None:
        """Leaves it to the command line."""
        raise BrokenPipeError


def print_problems(console: Console, problems: Iterable[Problem]) -> None:
    """Prints findings as a compiler does: place, line, caret, suggestion."""
    lines: dict[str, list[str]] = {}
    for found in problems:
        style = "bold red" if found.severity == "error" else "bold yellow"
        head = Text(f"{found.file}:{found.line}:{found.column}: ", style="bold")
        head.append(f"{found.severity}: ", style=style)
        head.append(f"{found.message} [{found.code}]", style="default not bold")
        console.print(head, soft_wrap=True)
        if found.file not in lines:
            lines[found.file] = _lines(found.file)
        _print_line(console, lines[found.file], found)


_LINE_END = re.compile(r"\r\n|\r|\n")


def _lines(file: str) -> list[str]:
    text = Path(file).read_bytes().decode("utf-8-sig", "replace")
    return _LINE_END.split(text)  # as findings count: splitlines() cuts more often


def _print_line(console: Console, lines: list[str], found: Problem) -> None:
    if not 1 <= found.line <= len(lines):
        return
    text = lines[found.line - 1]
    number = f"{found.line:5} | "
    # Tabs stay tabs below the line, so that the caret stands under its character.
    indent = "".join("\t" if char == "\t" else " " for char in text[: found.column - 1])
    hint = f" {found.suggestion}" if found.suggestion else ""
    console.print(Text(number + text), soft_wrap=True)
    console.print(Text(f"{' ' * 5} | {indent}^{hint}"), soft_wrap=True)


def print_preview(console: Console, found: "Preview", *, with_resources: bool) -> None:
    """Prints what a run would do."""
    console.print(_measurements(found))
    if with_resources:
        console.print(_resources(found))
    if found.dead_letters:
        console.print(_letters(found))
    console.print(
        f"{found.messages:,} messages, {found.unmatched:,} without a match;"
        f" {len(found.measurements):,} measurements;"
        f" {len(found.dead_letters):,} dead letters"
    )


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def _plain(text: str) -> Text:
    """What a message says as it stands: no markup, no emoji, no terminal control."""
    return Text(_CONTROL.sub(lambda found: ascii(found[0])[1:-1], text))


def _table(title: str, *columns: str) -> Table:
    table = Table(
        title=Text(title, style="bold"),
        title_justify="left",
        box=None,
        pad_edge=False,
        header_style="dim",
    )
    for column in columns:
        # What is short and names the row stays whole; of the rest the widest folds
        # first, so that of each something is left.
        table.add_column(column, overflow="fold", no_wrap=column in _WHOLE)
    return table


_WHOLE = {"at", "resource", "id"}

_POSITION = re.compile(r"\d+\Z")


def _sources(sources: list[str]) -> tuple[Callable[[str], str], str]:
    """How to name sources in a table, and what to add to its title.

    Rows from one file show their position only; the file stands in the title.
    """
    files = {_POSITION.sub("", source) for source in sources}
    if len(files) == 1:
        file = files.pop()
        return (lambda source: source.removeprefix(file)), f" of {file[:-1]}"
    return (lambda source: source.rpartition("/")[2]), ""


def _measurements(found: "Preview") -> Table:
    short, title = _sources([entry.source for entry in found.measurements])
    table = _table(
        f"Measurements{title}", "at", "type", "time", "device", "patient", "values"
    )
    for measurement in found.measurements:
        table.add_row(
            _plain(short(measurement.source)),
            _plain(measurement.type),
            _time(measurement),
            _plain(measurement.device),
            _plain(measurement.patient or ""),
            _plain(", ".join(_readings(measurement))),
        )
    return table


def _time(measurement: "Measurement") -> str:
    """An instant, an interval as ISO 8601 writes it, or a date."""
    start, end = measurement.occurred_at, measurement.ended_at
    offset, tick = measurement.utc_offset_minutes, measurement.tick
    if offset is None:
        first, last = iso_date(start), "" if end is None else iso_date(end)
    else:
        first = iso_instant(start, offset, tick)
        last = "" if end is None else iso_instant(end, offset)
    return f"{first}/{last}" if last else first


_COMPARATORS = {"<", "<=", ">=", ">"}


def _readings(measurement: "Measurement") -> Iterable[str]:
    """Values with what flags say of them: `hr=72`, `hr>300`, `hr (masked)`."""
    flags = dict(measurement.flags)
    for name, text in measurement.values:
        flag = flags.pop(name, None)
        if flag in _COMPARATORS:
            yield f"{name}{flag}{text}"
        else:
            yield f"{name}={text}" if flag is None else f"{name}={text} ({flag})"
    yield from (f"{name} ({flag})" for name, flag in flags.items())


def _resources(found: "Preview") -> Table:
    table = _table("Resources", "resource", "id", "what", "effective", "value")
    for resource in found.resources:
        table.add_row(
            resource["resourceType"],
            resource["id"][:12],
            _plain(_what(resource)),
            _effective(resource),
            _plain(", ".join(_values(resource))),
        )
    return table


_FRACTION = re.compile(r"\.\d+")


def _effective(resource: dict[str, Any]) -> str:
    """When it was: of a period start and end, to the second, each date once."""
    if "effectivePeriod" not in resource:
        return str(resource.get("effectiveDateTime", ""))
    period = resource["effectivePeriod"]
    start, end = (_FRACTION.sub("", period.get(key, "")) for key in ("start", "end"))
    if start == end or not end:
        return start
    date = f"{start[:10]}T"
    return f"{start}/{end.removeprefix(date)}"


def _what(resource: dict[str, Any]) -> str:
    if "code" in resource:
        return str(resource["code"]["text"])
    return str(resource["identifier"][0]["value"])


def _values(resource: dict[str, Any]) -> Iterable[str]:
    for element, value in resource.items():
        if element == "valueQuantity":
            parts = (value.get(key, "") for key in ("comparator", "value", "unit"))
            sign, number, unit = parts
            yield f"{sign}{number} {unit}".strip()
        elif element == "dataAbsentReason":
            yield f"({_reason(value)})"
        elif element == "valueSampledData":
            yield value["data"]
        elif element == "valueCodeableConcept":
            yield value.get("text", "concept")
        elif element == "valueString":
            yield value
        elif element == "component":
            for part in value:
                yield f"{part['code']['text']} {' '.join(_values(part))}"


def _reason(concept: dict[str, Any]) -> str:
    first: dict[str, str] = next(iter(concept.get("coding", ())), {})
    return first.get("code") or concept.get("text") or "no value"


def _letters(found: "Preview") -> Table:
    short, title = _sources([letter.source for letter in found.dead_letters])
    table = _table(f"Dead letters{title}", "at", "error", "message", "suggestion")
    for letter in found.dead_letters:
        table.add_row(
            _plain(short(letter.source)),
            letter.error,
            _plain(letter.message),
            _plain(letter.suggestion),
        )
    return table
