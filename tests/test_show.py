"""Tables and findings for people."""

import io

import orjson
import pytest
from families import TEMPLATES, loaded
from rich.console import Console

from pipeline.preview import Preview, preview
from pipeline.show import print_preview, print_problems
from transforms.errors import Problem
from transforms.intake import Intake
from transforms.model import DeadLetter, Measurement


def printed(show, *arguments, width=120, **options):
    text = io.StringIO()
    show(Console(file=text, width=width), *arguments, **options)
    return [line.rstrip() for line in text.getvalue().split("\n")]


@pytest.fixture
def file(tmp_path):
    def write(content):
        path = tmp_path / "device.json"
        path.write_bytes(content)
        return str(path)

    return write


def problem(file, line, column, suggestion="do that", severity="error"):
    return Problem(severity, "Code", file, line, column, "this [is] wrong", suggestion)


@pytest.mark.parametrize(
    ("content", "line", "column", "shown"),
    [
        (b'{\n  "a": 1\n}', 2, 3, ['    2 |   "a": 1', "      |   ^ do that"]),
        (b"[1]", 1, 1, ["    1 | [1]", "      | ^ do that"]),
        (
            b"\r\n\tx\r\n",
            2,
            2,
            ["    2 |         x", "      |         ^ do that"],
        ),
        (b"\xef\xbb\xbf\nx", 2, 1, ["    2 | x", "      | ^ do that"]),
        (b'"[bold]:cat:"', 1, 1, ['    1 | "[bold]:cat:"', "      | ^ do that"]),
        (b"1\n2", 9, 1, []),
        (b"", 1, 1, ["    1 |", "      | ^ do that"]),
        (
            "\u2028\x0b\x0c\x1c\x85\n2".encode(),
            2,
            1,
            ["    2 | 2", "      | ^ do that"],
        ),
    ],
)
def test_a_finding_shows_its_line_and_character(file, content, line, column, shown):
    path = file(content)
    lines = printed(print_problems, [problem(path, line, column)])
    head = f"{path}:{line}:{column}: error: this [is] wrong [Code]"
    assert lines == [head, *shown, ""]


def test_findings_are_shown_one_after_the_other(file):
    path = file(b"1\n2\n3")
    found = [problem(path, 1, 1, ""), problem(path, 3, 1, "x" * 200, "warning")]
    assert printed(print_problems, found) == [
        f"{path}:1:1: error: this [is] wrong [Code]",
        "    1 | 1",
        "      | ^",
        f"{path}:3:1: warning: this [is] wrong [Code]",
        "    3 | 3",
        f"      | ^ {'x' * 200}",
        "",
    ]


def measurement(**changes):
    plain = Measurement(
        type="hr",
        occurred_at=1_772_349_295_000_000,
        ended_at=None,
        utc_offset_minutes=60,
        ingested_at=None,
        device="watch",
        patient=None,
        encounter=None,
        correlation=None,
        values=(("hr", "72"), ("spo2", "97.5")),
        source="in/m.ndjson:1",
    )
    return plain._replace(**changes)


def letter(source="in/m.ndjson:2"):
    return DeadLetter(
        id="i",
        stage="Normalize",
        error="Error",
        message="the [value] is wrong",
        suggestion="mend it",
        type=None,
        template=None,
        expression=None,
        payload="secret",
        payload_base64=None,
        source=source,
        enqueued_at=None,
        first_seen=None,
        last_seen=None,
        count=1,
        mapping_version="v",
    )


OBSERVATION = {"resourceType": "Observation", "id": "0123456789abcdef"}
PERIOD = {"start": "2026-03-01T07:00:00.0000000Z", "end": "2026-03-01T07:59:59Z"}


@pytest.mark.parametrize(
    ("value", "effective", "shown"),
    [
        ({"valueQuantity": {"value": 72, "unit": "bpm"}}, {}, "72 bpm"),
        ({"valueQuantity": {"value": 7.5}}, {}, "7.5"),
        ({"valueSampledData": {"data": "1 E 3"}}, {}, "1 E 3"),
        ({"valueCodeableConcept": {"text": "asleep"}}, {}, "asleep"),
        ({"valueCodeableConcept": {}}, {}, "concept"),
        ({"valueString": "low"}, {}, "low"),
        (
            {
                "component": [
                    {"code": {"text": "sys"}, "valueQuantity": {"value": 1}},
                    {"code": {"text": "dia"}, "valueString": "x"},
                ]
            },
            {},
            "sys 1, dia x",
        ),
        ({}, {}, ""),
        ({"valueString": "x"}, {"effectivePeriod": PERIOD}, "x"),
        ({"valueQuantity": {"comparator": "<", "value": 5, "unit": "m"}}, {}, "<5 m"),
        ({"dataAbsentReason": {"coding": [{"code": "masked"}]}}, {}, "(masked)"),
        ({"dataAbsentReason": {"text": "no finger"}}, {}, "(no finger)"),
        (
            {
                "component": [
                    {
                        "code": {"text": "sys"},
                        "dataAbsentReason": {"coding": [{"code": "error"}]},
                    }
                ]
            },
            {},
            "sys (error)",
        ),
    ],
)
def test_a_preview_shows_resources(value, effective, shown):
    effective = effective or {"effectiveDateTime": "2026-03-01T08:14:55+01:00"}
    resources = [
        {"resourceType": "Patient", "id": "p" * 64, "identifier": [{"value": "Ann"}]},
        {**OBSERVATION, "code": {"text": "hr"}, **effective, **value},
    ]
    lines = printed(
        print_preview,
        Preview(1, 0, [], [orjson.dumps(one) for one in resources], []),
        with_resources=True,
    )
    when = effective.get("effectiveDateTime", "2026-03-01T07:00:00Z/07:59:59Z")
    gap = " " * (len(when) - len("effective"))
    assert lines[2:] == [
        "Resources",
        f"resource     id            what  effective{gap}  value",
        "Patient      pppppppppppp  Ann",
        f"Observation  0123456789ab  hr    {when}  {shown}".rstrip(),
        "1 messages, 0 without a match; 0 measurements; 0 dead letters",
        "",
    ]


@pytest.mark.parametrize(
    ("period", "shown"),
    [
        (PERIOD, "2026-03-01T07:00:00Z/07:59:59Z"),
        (
            {"start": "2026-03-01T23:00:00+01:00", "end": "2026-03-02T01:00:00+01:00"},
            "2026-03-01T23:00:00+01:00/2026-03-02T01:00:00+01:00",
        ),
        ({"start": "2026-03-01", "end": "2026-03-01"}, "2026-03-01"),
        ({"start": "2026-03-01", "end": "2026-03-03"}, "2026-03-01/2026-03-03"),
        ({"start": "2026-03-01T07:00:00.0000000Z"}, "2026-03-01T07:00:00Z"),
    ],
)
def test_a_period_is_shown_to_the_second_each_date_once(period, shown):
    resource = {**OBSERVATION, "code": {"text": "hr"}, "effectivePeriod": period}
    lines = printed(
        print_preview,
        Preview(1, 0, [], [orjson.dumps(resource)], []),
        with_resources=True,
    )
    assert lines[4] == f"Observation  0123456789ab  hr    {shown}"


START = 1_772_349_295_000_000


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "2026-03-01T08:14:55+01:00"),
        ({"occurred_at": START + 123, "tick": 4}, "2026-03-01T08:14:55.0001234+01:00"),
        (
            {"ended_at": START + 60_000_000},
            "2026-03-01T08:14:55+01:00/2026-03-01T08:15:55+01:00",
        ),
        ({"utc_offset_minutes": None}, "2026-03-01"),
        (
            {"utc_offset_minutes": None, "ended_at": START + 86_400_000_000},
            "2026-03-01/2026-03-02",
        ),
    ],
)
def test_a_time_is_an_instant_an_interval_or_a_date(changes, shown):
    found = Preview(1, 0, [measurement(**changes)], [], [])
    (row,) = printed(print_preview, found, with_resources=False)[2:3]
    assert row.split()[2] == shown


@pytest.mark.parametrize(
    ("values", "flags", "shown"),
    [
        ((("hr", "300"),), (("hr", ">"),), "hr>300"),
        ((("hr", "0"),), (("hr", "masked"),), "hr=0 (masked)"),
        ((("hr", "72"),), (("spo2", "error"),), "hr=72, spo2 (error)"),
        ((), (("hr", "<="),), "hr (<=)"),
    ],
)
def test_values_show_their_flags(values, flags, shown):
    found = Preview(1, 0, [measurement(values=values, flags=flags)], [], [])
    (row,) = printed(print_preview, found, with_resources=False)[2:3]
    assert row.endswith(f"  {shown}")


def test_a_preview_shows_measurements_and_letters():
    found = Preview(3, 1, [measurement(patient="Ann")], [], [letter()])
    assert printed(print_preview, found, with_resources=False) == [
        "Measurements of in/m.ndjson",
        "at  type  time                       device  patient  values",
        "1   hr    2026-03-01T08:14:55+01:00  watch   Ann      hr=72, spo2=97.5",
        "Dead letters of in/m.ndjson",
        "at  error  message               suggestion",
        "2   Error  the [value] is wrong  mend it",
        "3 messages, 1 without a match; 1 measurements; 1 dead letters",
        "",
    ]


def test_sources_of_several_files_keep_their_names():
    hr = {"values": (("hr", "72"),)}
    second = measurement(source="in/n.json#12", **hr)
    found = Preview(2, 0, [measurement(**hr), second], [], [])
    assert printed(print_preview, found, with_resources=False)[:4] == [
        "Measurements",
        "at          type  time                       device  patient  values",
        "m.ndjson:1  hr    2026-03-01T08:14:55+01:00  watch            hr=72",
        "n.json#12   hr    2026-03-01T08:14:55+01:00  watch            hr=72",
    ]


def test_what_messages_say_is_neither_markup_nor_terminal_control():
    hostile = measurement(
        device="[red]:cat:[/red]\\",
        patient="\x1b]0;title\x07\x1b[2J",
        values=(("a\nb", "[/]\x9b"),),
        source="[x]/:cat:.ndjson:1",
    )
    found = Preview(1, 0, [hostile], [], [])
    lines = printed(print_preview, found, with_resources=False, width=200)
    assert lines[0] == "Measurements of [x]/:cat:.ndjson"
    row = (
        r"1   hr    2026-03-01T08:14:55+01:00  [red]:cat:[/red]\ "
        r" \x1b]0;title\x07\x1b[2J  a\nb=[/]\x9b"
    )
    assert lines[2] == row


def test_no_column_is_lost_where_ids_are_long_and_the_terminal_is_narrow():
    folder = TEMPLATES / "openmhealth"
    messages = [str(folder / "messages.ndjson")]
    found = preview(loaded(folder), messages, Intake(), "")
    lines = printed(print_preview, found, width=80, with_resources=True)
    assert any("heart_rate=64" in line for line in lines)
    assert any(line.endswith(" 113 mg/dl") for line in lines)
