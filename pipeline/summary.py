"""The numbers at the end of a run, for people."""

from collections.abc import Iterable, Mapping

from rich.console import Console
from rich.table import Table
from rich.text import Text

from pipeline.options import Outputs

_ROWS = (
    ("messages", "DeviceEvent"),
    ("  without a match", "DroppedEvent"),
    ("measurements", "NormalizedEvent"),
    ("readings", "Reading"),
    ("  flagged, out of their range", "ReadingImplausible"),
    ("  stored", "ReadingStored"),
    ("  in place of older ones", "ReadingReplaced"),
    ("  repeated or older", "ReadingRepeated"),
    ("  after the end of their hour", "LateReading"),
)

_IN_FILES = (
    ("Observations created", "ObservationCreated"),
    ("  updated", "ObservationUpdated"),
    ("  unchanged", "ObservationUnchanged"),
    ("  withdrawn", "ObservationRemoved"),
    ("Patients created", "PatientCreated"),
    ("Devices created", "DeviceCreated"),
)

_ON_SERVERS = (
    ("on the server: Observations created", "ServerObservationCreated"),
    ("  written again or updated", "ServerObservationUpdated"),
    ("  unchanged", "ServerObservationUnchanged"),
    ("  not sent, known to be there", "ServerObservationKnown"),
    ("  withdrawn", "ServerObservationRemoved"),
    ("  requests", "FhirRequest"),
    ("  repeated requests", "FhirRetry"),
)

_PUSHED = (
    ("files", "FilePushed"),
    ("  pushed before", "FileKnown"),
    ("Patients created", "ServerPatientCreated"),
    ("Devices created", "ServerDeviceCreated"),
    ("Observations created", "ServerObservationCreated"),
    *_ON_SERVERS[1:],
)

_RARE = {
    "ReadingImplausible",
    "LateReading",
    "ObservationRemoved",
    "ServerObservationUnchanged",
    "ServerObservationRemoved",
    "FhirRetry",
    "ServerObservationKnown",
}
"""Shown only if there is any."""


def dead_letters(counts: Mapping[str, int]) -> dict[str, int]:
    """Dead letters by error name."""
    found = {
        key.removeprefix("DeadLetter/"): count
        for key, count in counts.items()
        if key.startswith("DeadLetter/") and count
    }
    return dict(sorted(found.items()))


def print_summary(
    console: Console, counts: Mapping[str, int], outputs: Outputs, seconds: float
) -> None:
    """Prints what was read, what became of it, and where it is."""
    in_files = _IN_FILES if outputs.fhir or not outputs.servers else ()
    on_servers = _ON_SERVERS if outputs.servers else ()
    table = _table((*_ROWS, *in_files, *on_servers), counts)
    letters = dead_letters(counts)
    rate = counts.get("DeviceEvent", 0) / max(seconds, 1e-9)
    table.add_row("time", f"{seconds:,.1f} s ({rate:,.0f} messages/s)")
    console.print(table)
    console.print()
    places = [
        ("readings", f"{outputs.parquet}/measurement/"),
        ("Observations, flat", f"{outputs.parquet}/observation/"),
        *(("FHIR resources", f"{folder}/") for folder in outputs.fhir),
        *(("FHIR server", server.base) for server in outputs.servers),
    ]
    if letters:
        places.append(("dead letters", f"{outputs.dead_letters}/"))
    _print_places(console, places)


def print_pushed(
    console: Console,
    counts: Mapping[str, int],
    server: str,
    letters: str,
    seconds: float,
) -> None:
    """Prints what was pushed and what became of it.

    Args:
        console: where to print.
        counts: by metric name.
        server: address of the server.
        letters: folder of the dead letters.
        seconds: that it took.
    """
    table = _table(_PUSHED, counts)
    saved = counts.get("FhirResourceSaved", 0)
    rate = saved / max(seconds, 1e-9)
    table.add_row("time", f"{seconds:,.1f} s ({rate:,.0f} Observations/s)")
    console.print(table)
    console.print()
    places = [("FHIR server", server)]
    if dead_letters(counts):
        places.append(("dead letters", f"{letters}/"))
    _print_places(console, places)


def _table(rows: Iterable[tuple[str, str]], counts: Mapping[str, int]) -> Table:
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column()
    table.add_column(justify="right")
    for label, key in rows:
        if counts.get(key) or key not in _RARE:
            table.add_row(label, f"{counts.get(key, 0):,}")
    letters = dead_letters(counts)
    style = "bold red" if letters else ""
    table.add_row("dead letters", f"{sum(letters.values()):,}", style=style)
    for error, count in letters.items():
        table.add_row(f"  {error}", f"{count:,}", style=style)
    return table


def _print_places(console: Console, places: Iterable[tuple[str, str]]) -> None:
    for label, place in places:
        # A place can be copied: on one line, whatever its length.
        console.print(Text(f"{label:<20}{place}"), soft_wrap=True)
