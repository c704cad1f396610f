"""The table of who wore a device when, as a CSV or a Parquet file."""

import datetime

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.options import UsageError
from pipeline.read_assignments import read_assignments
from transforms.assignments import Assignment, Assignments
from transforms.instants import DAY, END_OF_INSTANTS, FIRST_INSTANT, HOUR, iso_instant
from transforms.rules import MEDTECH, USUAL, Rules

MIDNIGHT = 1_772_323_200_000_000  # 2026-03-01T00:00:00Z
NOON = MIDNIGHT + 12 * HOUR
EVER, OPEN = FIRST_INSTANT, END_OF_INSTANTS
PARIS = Rules(zoneless="Europe/Paris")

# Each identifier holds it: no message may.
MARKER = "zq7"
WATCH, PUMP = f"watch-{MARKER}", f"pump-{MARKER}"
ANN, BOB = f"ann-{MARKER}", f"bob-{MARKER}"

NEEDS = "the table needs device, patient, from and to"
ISO = "write it like 2026-03-01T12:00:00+01:00"
NO_ZONE = f"has no zone: {ISO}, or say with --zoneless_time what it is"
OUTSIDE = "lies outside the years 1 to 9999: leave it empty if there is no limit"

HANDED_OVER_AT_NOON = Assignments.of(
    [
        Assignment(WATCH, ANN, EVER, NOON, 1),
        Assignment(WATCH, BOB, NOON, OPEN, 2),
    ]
)
HEADER = "device,patient,from,to\n"
AT_NOON = (
    f"{HEADER}{WATCH},{ANN},,2026-03-01T12:00:00Z\n"
    f"{WATCH},{BOB},2026-03-01T12:00:00Z,\n"
)


def quoted(field):
    doubled = field.replace('"', '""')
    return f'"{doubled}"'


@pytest.fixture
def read(tmp_path, monkeypatch):
    """Reads a text, bytes, or an Arrow table, as a file of a short name."""
    monkeypatch.chdir(tmp_path)

    def read(content, rules=USUAL):
        if isinstance(content, pa.Table):
            pq.write_table(content, "a.parquet")
            return read_assignments("a.parquet", rules)
        raw = content if isinstance(content, bytes) else content.encode()
        (tmp_path / "a.csv").write_bytes(raw)
        return read_assignments("a.csv", rules)

    return read


@pytest.fixture
def refusal(read):
    """What is said of a file that is not read: no device and no patient."""

    def refusal(content, rules=USUAL):
        with pytest.raises(UsageError) as caught:
            read(content, rules)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None
        message = str(caught.value)
        assert MARKER not in message.lower()
        return message

    return refusal


def one(start=EVER, end=OPEN, device=WATCH, patient=ANN):
    return Assignments.of([Assignment(device, patient, start, end, 1)])


def table(device=(WATCH,), patient=(ANN,), start=None, end=None, **others):
    """An Arrow table; from and to are texts unless they are arrays."""
    columns = {"device": device, "patient": patient}
    for name, values in (("from", start), ("to", end)):
        if not isinstance(values, pa.Array):
            values = pa.array(values or [None] * len(device), pa.string())
        columns[name] = values
    return pa.table({**columns, **others})


def test_a_device_handed_over_at_noon_has_two_patients(read):
    assignments = read(AT_NOON)
    assert assignments == HANDED_OVER_AT_NOON
    assert assignments.patient(WATCH, NOON - 1, NOON - 1) == ANN
    assert assignments.patient(WATCH, NOON, NOON) == BOB


@pytest.mark.parametrize(
    "content",
    [
        AT_NOON.encode(),
        AT_NOON.encode("utf-8-sig"),
        AT_NOON.removesuffix("\n").encode(),
        AT_NOON.replace("\n", "\r\n").encode(),
        AT_NOON.replace("\n", "\r").encode(),
        AT_NOON.replace("\n", "\n\n \n,,,\n").encode(),
        f"\n\n{AT_NOON}".encode(),
        AT_NOON.replace(",", ";").encode(),
        AT_NOON.replace(",", "\t").encode(),
        AT_NOON.replace(",", ", ").encode(),
        "\n".join(
            ",".join(quoted(field) for field in line.split(","))
            for line in AT_NOON.splitlines()
        ).encode(),
        AT_NOON.replace("device,patient,from,to", "DEVICE, Patient ,From,TO").encode(),
    ],
    ids=[
        "plain",
        "BOM",
        "no last line end",
        "CR LF",
        "CR",
        "blank lines",
        "blank lines first",
        "semicolon",
        "tab",
        "blanks",
        "quotes",
        "upper case",
    ],
)
def test_one_table_has_many_spellings(read, content):
    assert read(content) == HANDED_OVER_AT_NOON


@pytest.mark.parametrize(
    "text",
    [
        f"to,note,from,patient,device\n,x,,{ANN},{WATCH}\n",
        f'device,patient,from,to,note\n{WATCH},{ANN},,,"left, then\nright"\n',
        f"device;a,b;patient;from;to\n{WATCH};,;{ANN};;\n",
        f"device;patient;from;to;\n{WATCH};{ANN};;;\n",
        f'"no,te"\tdevice\tpatient\tfrom\tto\n"""5"""\t{WATCH}\t{ANN}\t\t\n',
    ],
)
def test_columns_stand_in_any_order_among_others(read, text):
    assert read(text) == one()


@pytest.mark.parametrize(
    ("device", "patient", "cells"),
    [
        ("a, b", "Ä µ", '"a, b",Ä µ'),
        ('5" pump', "p;1", '"5"" pump",p;1'),
        ('5" pump', "p", '5" pump,p'),
        ("line\nbreak", "p", '"line\nbreak",p'),
        ("0012", "1e5", "0012,1e5"),
    ],
)
def test_identifiers_are_kept_exactly(read, device, patient, cells):
    expected = one(device=device, patient=patient)
    assert read(f"{HEADER}{cells},,\n") == expected
    assert read(table((device,), (patient,))) == expected


@pytest.mark.parametrize(
    ("text", "rules", "instant"),
    [
        ("2026-03-01T12:00:00Z", USUAL, NOON),
        (" 2026-03-01 12:00Z ", USUAL, NOON),
        ("2026-03-01T13:00:00+01:00", USUAL, NOON),
        ("2026-03-01T17:45:00.000001+0545", USUAL, NOON + 1),
        ("2026-03-01T24:00:00Z", USUAL, MIDNIGHT + DAY),
        ("1970-01-01T00:00:00Z", USUAL, 0),
        ("0001-01-01T00:00:00Z", USUAL, FIRST_INSTANT),
        ("2026-03-01T12:00:00", Rules(zoneless="utc"), NOON),
        ("2026-03-01T12:00:00", MEDTECH, NOON),
        ("2026-03-01T13:00:00", PARIS, NOON),
        ("2026-03-01T12:00:00Z", PARIS, NOON),
        ("2026-03-01", Rules(zoneless="utc"), MIDNIGHT),
        ("2026-03-01", PARIS, MIDNIGHT - HOUR),
        # Clocks go from 3 back to 2, and from 2 to 3: as of the times of messages.
        ("2026-10-25T02:30:00", PARIS, 1_792_888_200_000_000),
        ("2026-03-29T02:30:00", PARIS, 1_774_747_800_000_000),
    ],
)
def test_times_are_those_of_messages_and_a_date_is_its_midnight(
    read, text, rules, instant
):
    expected = one(start=instant)
    assert read(f"{HEADER}{WATCH},{ANN},{text},\n", rules) == expected
    assert read(table(start=[text]), rules) == expected


@pytest.mark.parametrize(
    ("text", "rules", "message"),
    [
        ("2026-03-01T12:00:00", USUAL, NO_ZONE),
        ("2026-03-01", USUAL, NO_ZONE),
        ("2026-03-01", Rules(medtech=True, zoneless="reject"), NO_ZONE),
        (
            "01/03/2026",
            USUAL,
            f"is no time (not a date of the form YYYY-MM-DD): {ISO}",
        ),
        ("2026-02-30", PARIS, f"is no time (no such day in the calendar): {ISO}"),
        ("2026-03-01T25:00Z", USUAL, f"is no time (no such time of day): {ISO}"),
        (MARKER, USUAL, f"is no time (not a date of the form YYYY-MM-DD): {ISO}"),
        (
            "9999-12-31T24:00:00Z",
            USUAL,
            f"is no time (the time lies outside the years 1 to 9999): {ISO}",
        ),
        ("0001-01-01", PARIS, OUTSIDE),
    ],
)
def test_a_time_that_cannot_be_read_is_told_with_its_line(
    refusal, text, rules, message
):
    content = f"{HEADER}{PUMP},{BOB},,\n{WATCH},{ANN},,{text}\n"
    assert refusal(content, rules) == f"a.csv:3: to {message}"
    content = table((PUMP, WATCH), (BOB, ANN), end=(None, text))
    assert refusal(content, rules) == f"a.parquet: row 2: to {message}"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", f"a.csv:1: no column is named device or patient or from or to: {NEEDS}"),
        (
            "\n \n",
            f"a.csv:1: no column is named device or patient or from or to: {NEEDS}",
        ),
        (
            f"{WATCH},{ANN},,\n",
            f"a.csv:1: no column is named device or patient or from or to: {NEEDS}",
        ),
        (
            "device|patient|from|to\n",
            f"a.csv:1: no column is named device or patient or from or to: {NEEDS}",
        ),
        (
            '"device,patient,from,to\n',
            f"a.csv:1: no column is named device or patient or from or to: {NEEDS}",
        ),
        (
            f"\ndevice;until;patient;from\n{WATCH};;{ANN};\n",
            f"a.csv:2: no column is named to: {NEEDS}",
        ),
        (
            "device,patient,Device,from,to,FROM\n",
            "a.csv:1: several columns are named device and from: rename all but one",
        ),
        (HEADER, "a.csv: there is no assignment: add a line"),
        (f"{HEADER}\n,,,\n", "a.csv: there is no assignment: add a line"),
        (f"{HEADER},{ANN},,\n", "a.csv:2: device is empty: fill it in"),
        (f'{HEADER}{WATCH},"  ",,\n', "a.csv:2: patient is empty: fill it in"),
        (
            f"{HEADER}{WATCH} ,{ANN},,\n",
            "a.csv:2: device begins or ends with a blank: remove it",
        ),
        (
            f'{HEADER}{WATCH},"\t{ANN}",,\n',
            "a.csv:2: patient begins or ends with a blank: remove it",
        ),
        (
            f"{HEADER}{WATCH},{ANN},\n{WATCH},{BOB},,,{ANN}\n",
            "a.csv:2: the number of fields is 3, that of the header 4: put what holds a"
            " delimiter into quotes\n"
            "a.csv:3: the number of fields is 5, that of the header 4: put what holds a"
            " delimiter into quotes",
        ),
        (
            f'{HEADER}{PUMP},{ANN},,\n"{WATCH},{ANN},,\n{WATCH},{BOB},,\n',
            "a.csv:3: this is no CSV (unexpected end of data): close quotes, and double"
            " those within",
        ),
        (
            f'{HEADER}"{WATCH}" x,{ANN},,\n',
            "a.csv:2: this is no CSV (',' expected after '\"'): close quotes, and"
            " double those within",
        ),
        (
            f"{HEADER}{WATCH},{ANN},2026-03-01T12:00:00Z,2026-03-01T13:00:00+01:00\n",
            "a.csv:2: from is not before to: correct one of them",
        ),
        (
            f"{HEADER}{WATCH},{ANN},,2026-03-01T12:00:00Z\n\n"
            f"{WATCH},{BOB},2026-03-01T11:59:59.999999Z,\n",
            "a.csv:4: overlaps with line 2: a device has one patient at a time",
        ),
        (
            f"{HEADER}{WATCH},{ANN},,\n{WATCH},{ANN},,\n",
            "a.csv:3: repeats line 2: remove one of the two",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_what_to_do(refusal, content, message):
    assert refusal(content) == message


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\xff\xfed\0e\0v\0i\0c\0e\0", 1),
        (HEADER.encode() + b"caf\xe9,p,,\n", 2),
        (HEADER.replace("\n", "\r\n").encode() + b"d,p,,\r\nd,\xff,,\r\n", 3),
        (b"\xef\xbb\xbf\r\r\xe9\r", 3),
    ],
    ids=["UTF-16", "Latin-1", "CR LF", "BOM and CR"],
)
def test_bytes_that_are_no_text_are_told_with_their_line(refusal, content, line):
    assert (
        refusal(content) == f"a.csv:{line}: this is not UTF-8: save the file as UTF-8"
    )


def test_the_line_is_the_one_a_row_begins_at(refusal):
    rows = f'{WATCH},{ANN},,,"two\nlines"\n{WATCH},{BOB},,,"two\r\nmore"\n,{BOB},,,\n'
    assert refusal(f"device,patient,from,to,note\n{rows}").splitlines() == [
        "a.csv:4: overlaps with line 2: a device has one patient at a time",
        "a.csv:6: device is empty: fill it in",
    ]


def test_all_mistakes_are_told_at_once(refusal):
    rows = [
        f"{WATCH},{ANN},,",
        f"{WATCH},{BOB},,",
        " ,,noon,2026-03-01",
        f"{PUMP},{BOB},2026-03-02T00:00Z,2026-03-01T00:00Z",
        f"{PUMP},{BOB}",
    ]
    assert refusal(HEADER + "\n".join(rows)).splitlines() == [
        "a.csv:3: overlaps with line 2: a device has one patient at a time",
        "a.csv:4: device is empty: fill it in",
        f"a.csv:4: from is no time (not a date of the form YYYY-MM-DD): {ISO}",
        "a.csv:4: patient is empty: fill it in",
        f"a.csv:4: to {NO_ZONE}",
        "a.csv:5: from is not before to: correct one of them",
        "a.csv:6: the number of fields is 2, that of the header 4: put what holds a"
        " delimiter into quotes",
    ]


@pytest.mark.parametrize(
    ("count", "last"),
    [
        (20, "a.csv:21: device is empty: fill it in"),
        (21, "a.csv: 1 more mistake"),
        (1020, "a.csv: 1000 more mistakes"),
    ],
)
def test_of_many_mistakes_the_first_twenty_are_told(refusal, count, last):
    lines = refusal(HEADER + f",{ANN},,\n" * count).splitlines()
    first = [f"a.csv:{line}: device is empty: fill it in" for line in range(2, 22)]
    assert lines == [*first, last][: len(lines)]
    assert lines[-1] == last


def moments(unit, tz, *instants):
    """An Arrow array of instants; Parquet keeps seconds as milliseconds."""
    return pa.array(instants, pa.timestamp("us", tz=tz)).cast(pa.timestamp(unit, tz=tz))


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("tz", ["UTC", "Europe/Paris", "-08:00"])
def test_parquet_gives_the_same_table_as_csv(read, unit, tz):
    device = pa.array([WATCH, WATCH]).dictionary_encode()
    patient = pa.array([ANN, BOB], pa.large_string())
    start = moments(unit, tz, None, NOON)
    end = moments(unit, tz, NOON, None)
    written = table(device, patient, start, end, note=[1, 2])
    assert read(written) == read(AT_NOON) == HANDED_OVER_AT_NOON
    swapped = written.select(["to", "note", "from", "patient", "device"])
    upper = swapped.rename_columns([name.upper() for name in swapped.column_names])
    assert read(upper) == HANDED_OVER_AT_NOON


def test_nanoseconds_are_cut_to_what_tables_hold(read):
    before = pa.array([-1, None], pa.timestamp("ns", tz="UTC"))
    after = pa.array([NOON * 1000 + 999, None], pa.timestamp("ns", tz="UTC"))
    for start, instant in ((before, -1), (after, NOON)):
        assert read(table(start=start[:1])) == one(start=instant)


@pytest.mark.parametrize(
    "start",
    [
        moments("us", None, NOON + HOUR),
        moments("s", None, NOON + HOUR),
        pa.array(["2026-03-01T13:00"]).dictionary_encode(),
    ],
)
def test_parquet_times_without_a_zone_follow_the_policy(read, refusal, start):
    assert read(table(start=start), PARIS) == one(start=NOON)
    assert read(table(start=start), MEDTECH) == one(start=NOON + HOUR)
    assert refusal(table(start=start)) == f"a.parquet: row 1: from {NO_ZONE}"


@pytest.mark.parametrize("kind", [pa.date32(), pa.date64()])
def test_parquet_dates_are_midnights(read, refusal, kind):
    start = pa.array([datetime.date(2026, 3, 1)], kind)
    assert read(table(start=start), PARIS) == one(start=MIDNIGHT - HOUR)
    assert refusal(table(start=start)) == f"a.parquet: row 1: from {NO_ZONE}"


@pytest.mark.parametrize("kind", [pa.null(), pa.timestamp("us"), pa.date32()])
def test_parquet_times_that_are_all_missing_are_no_limits(read, kind):
    nothing = pa.nulls(1, kind)
    assert read(table(start=nothing, end=nothing)) == one()


@pytest.mark.parametrize("tz", [None, "UTC"])
@pytest.mark.parametrize(
    "time", [-(2**63), FIRST_INSTANT // 1000 - 1, END_OF_INSTANTS // 1000, 2**63 - 1]
)
def test_parquet_times_of_no_year_are_refused(refusal, time, tz):
    start = pa.array([time], pa.timestamp("ms", tz=tz))
    message = f"a.parquet: row 1: from {OUTSIDE}"
    assert refusal(table(start=start), PARIS) == message


@pytest.mark.parametrize(
    ("written", "message"),
    [
        (
            table((), ()),
            "a.parquet: there is no assignment: add a row",
        ),
        (
            table((None, ""), (ANN, None)),
            "a.parquet: row 1: device is empty: fill it in\n"
            "a.parquet: row 2: device is empty: fill it in\n"
            "a.parquet: row 2: patient is empty: fill it in",
        ),
        (
            table((f" {WATCH}",)),
            "a.parquet: row 1: device begins or ends with a blank: remove it",
        ),
        (
            table((WATCH, PUMP, WATCH), (ANN, ANN, BOB)),
            "a.parquet: row 3: overlaps with row 1: a device has one patient at a time",
        ),
        (
            table().drop_columns(["device", "to"]),
            f"a.parquet: no column is named device or to: {NEEDS}",
        ),
        (
            table(**{"Device": (WATCH,)}),
            "a.parquet: several columns are named device: rename all but one",
        ),
        (table((7,)), "a.parquet: the column device is int64: make it a string"),
        (
            table(start=pa.array([7])),
            "a.parquet: the column from is int64: make it a timestamp",
        ),
        (
            table((b"7",)),
            "a.parquet: the column device is binary: make it a string",
        ),
    ],
)
def test_a_mistake_in_parquet_is_told_with_its_row(refusal, written, message):
    assert refusal(written) == message


NO_PARQUET = "a.parquet: this is no Parquet file, or a damaged one: write it again"


@pytest.mark.parametrize("content", [b"", AT_NOON.encode(), b"PAR1", b"PAR1 x PAR1"])
def test_what_is_no_parquet_says_so(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.parquet").write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_assignments("a.parquet", USUAL)
    assert str(caught.value) == NO_PARQUET


def test_parquet_texts_that_are_not_utf8_are_refused(refusal):
    broken = pa.array([b"\xff"], pa.binary()).view(pa.string())
    assert refusal(table(broken)) == NO_PARQUET


def test_parquet_is_known_by_its_content(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    pq.write_table(table(), "assignments")
    assert read_assignments("assignments", USUAL) == one()


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("a.csv", "No such file or directory"),
        ("a.parquet", "No such file or directory"),
        (".", "Is a directory"),
    ],
)
def test_a_file_that_cannot_be_opened_is_wrong_use(tmp_path, monkeypatch, path, why):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        read_assignments(path, USUAL)
    assert str(caught.value) == f"the assignments {path} cannot be read: {why}"


FIELDS = st.text("ab,;\t\"'\n µ", min_size=1, max_size=4).map(lambda text: f"x{text}x")
BOUNDS = st.lists(
    st.integers(FIRST_INSTANT, END_OF_INSTANTS - 1), min_size=2, max_size=2, unique=True
).map(sorted)


@given(
    st.lists(
        st.tuples(FIELDS, FIELDS, BOUNDS),
        min_size=1,
        max_size=4,
        unique_by=lambda drawn: drawn[0],
    ),
    st.sampled_from(",;\t"),
)
def test_what_is_written_is_read(tmp_path_factory, drawn, delimiter):
    expected = Assignments.of(
        Assignment(device, patient, *bounds, 0) for device, patient, bounds in drawn
    )
    lines = [["device", "patient", "from", "to"]]
    lines += [[d, p, *map(iso_instant, bounds)] for d, p, bounds in drawn]
    text = "\n".join(delimiter.join(quoted(f) for f in fields) for fields in lines)
    path = tmp_path_factory.mktemp("law") / "a.csv"
    path.write_text(text, newline="")
    assert read_assignments(str(path), USUAL) == expected
    pq.write_table(
        pa.table(dict(zip(lines[0], zip(*lines[1:], strict=True), strict=True))), path
    )
    assert read_assignments(str(path), USUAL) == expected
