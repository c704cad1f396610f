"""Exports of vendors as messages: `vitalbeam convert`."""

import gzip
import json
import stat
import subprocess
import sys
import tracemalloc
import zipfile

import pytest
import zstandard
from runs import ROOT

from pipeline.__main__ import main
from pipeline.apple_export import device_of, read_apple_health
from pipeline.converted import Notes, Settings
from pipeline.message_files import open_messages

AT = "2026-10-04 07:12:31 +0200"

DOCTYPE = """\
<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE HealthData [
<!ELEMENT HealthData (ExportDate,Me,(Record|Correlation|Workout)*)>
<!ATTLIST HealthData
  locale CDATA #REQUIRED
>
]>
"""

# As iOS 16 wrote it: a declaration without its end.
MALFORMED = DOCTYPE.replace("\n>\n]>", "\n<!ELEMENT Me EMPTY>\n]>")

ABOUT = """\
 <ExportDate value="2026-11-01 09:00:00 +0100"/>
 <Me HKCharacteristicTypeIdentifierDateOfBirth="1961-02-03"
  HKCharacteristicTypeIdentifierBiologicalSex="HKBiologicalSexFemale"/>
"""


def export(*elements, head=DOCTYPE, end="</HealthData>\n"):
    body = "".join(f" {each}\n" for each in elements)
    return f'{head}<HealthData locale="de_DE">\n{ABOUT}{body}{end}'


def record(kind="HeartRate", value="64", unit="count/min", inside="", **more):
    told = {
        "type": kind if kind.startswith("HK") else f"HKQuantityTypeIdentifier{kind}",
        "sourceName": "Anna’s Apple Watch",
        "sourceVersion": "10.1",
        "device": "&lt;&lt;HKDevice: 0x28&gt;, name:Apple Watch, model:Watch&gt;",
        "unit": unit,
        "creationDate": AT,
        "startDate": AT,
        "endDate": AT,
        "value": value,
    } | more
    text = " ".join(f'{k}="{v}"' for k, v in told.items() if v is not None)
    return f"<Record {text}>{inside}</Record>" if inside else f"<Record {text}/>"


def metadata(key, value):
    return f'<MetadataEntry key="{key}" value="{value}"/>'


def half(which, value, **more):
    return record(f"BloodPressure{which}", value, "mmHg", **more)


def correlation(*inside, kind="BloodPressure", source="Cuff", at=AT):
    return (
        f'<Correlation type="HKCorrelationTypeIdentifier{kind}" sourceName="{source}"'
        f' startDate="{at}" endDate="{at}">{"".join(inside)}</Correlation>'
    )


def body(kind="HeartRate", value="64", unit="count/min", start=AT, end=AT, **more):
    name = kind if kind.startswith("HK") else f"HKQuantityTypeIdentifier{kind}"
    return {
        "type": name,
        "unit": unit,
        "value": value,
        "startDate": start,
        "endDate": end,
    } | more


def reading(systolic, diastolic, start=AT, **more):
    return {
        "type": "HKCorrelationTypeIdentifierBloodPressure",
        "unit": "mmHg",
        "startDate": start,
        "endDate": start,
        "systolic": systolic,
        "diastolic": diastolic,
    } | more


def converted(capfd, *arguments):
    """Exit status, messages on stdout, lines on stderr but for the progress."""
    status = main(["convert", *map(str, arguments)])
    out, err = capfd.readouterr()
    lines = [line for line in err.splitlines() if "s left" not in line]
    return status, [json.loads(line) for line in out.splitlines()], lines


def bodies(tmp_path, capfd, text):
    path = tmp_path / "export.xml"
    path.write_text(text)
    status, messages, said = converted(capfd, "apple-health", path)
    return status, [message["Body"] for message in messages], said


# Apple's export


@pytest.mark.parametrize("head", ["", DOCTYPE, MALFORMED], ids=("none", "dtd", "bad"))
def test_records_become_messages(head, tmp_path, capfd):
    text = export(
        record(),
        record("StepCount", "512", "count", endDate="2026-10-04 07:20:00 +0200"),
        record("OxygenSaturation", "0.97", "%"),
        head=head,
    )
    assert bodies(tmp_path, capfd, text) == (
        0,
        [
            body(),
            body("StepCount", "512", "count", end="2026-10-04 07:20:00 +0200"),
            body("OxygenSaturation", "0.97", "%"),
        ],
        ["3 messages"],
    )


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        (
            record(inside=metadata("HKTimeZone", "America/Los_Angeles")),
            body(metadata={"HKTimeZone": "America/Los_Angeles"}),
        ),
        (
            record(
                inside=metadata("HKTimeZone", "Europe/Berlin")
                + metadata("HKWasUserEntered", "1")
                + metadata("Withings User Identifier", "12345")
            ),
            body(metadata={"HKTimeZone": "Europe/Berlin", "HKWasUserEntered": "1"}),
        ),
        (record(inside=metadata("HKTimeZone", "../../etc/passwd")), body()),
        (
            record(
                "HeartRateVariabilitySDNN",
                "41.5",
                "ms",
                inside="<HeartRateVariabilityMetadataList>"
                '<InstantaneousBeatsPerMinute bpm="61" time="7:12:31,04"/>'
                "</HeartRateVariabilityMetadataList>",
            ),
            body("HeartRateVariabilitySDNN", "41.5", "ms"),
        ),
        (
            record("BloodGlucose", "5.6", "mmol&lt;180.1558800000541&gt;/L"),
            body("BloodGlucose", "5.6", "mmol<180.1558800000541>/L"),
        ),
        (
            record("VO2Max", "41.2", "mL/min·kg", device=None, sourceVersion=None),
            body("VO2Max", "41.2", "mL/min·kg"),
        ),
        # iOS has written characters that XML does not allow.
        (record(sourceName="Anna\x0bWatch"), body()),
    ],
)
def test_members_that_are_kept(element, expected, tmp_path, capfd):
    found = bodies(tmp_path, capfd, export(element))
    assert found == (0, [expected], ["1 message"])


@pytest.mark.parametrize(
    ("end", "minutes"),
    [
        ("2026-10-04 07:42:31 +0200", "30"),
        ("2026-10-04 07:13:01 +0200", "0.5"),
        ("2026-10-04 07:12:51 +0200", "0.333"),
        ("2026-10-04 06:42:31 +0100", "30"),
        ("soon", None),
        (None, None),
    ],
)
def test_sleep_has_its_minutes(end, minutes, tmp_path, capfd):
    kind = "HKCategoryTypeIdentifierSleepAnalysis"
    value = "HKCategoryValueSleepAnalysisAsleepCore"
    text = export(record(kind, value, None, endDate=end))
    expected = {"type": kind, "value": value, "startDate": AT}
    if end is not None:
        expected["endDate"] = end
    if minutes is not None:
        expected |= {"duration": minutes, "durationUnit": "min"}
    assert bodies(tmp_path, capfd, text) == (0, [expected], ["1 message"])


LATER = "2026-10-04 20:15:00 +0200"
PAIR = (half("Systolic", "121"), half("Diastolic", "79"))
SECOND = tuple(
    half(which, value, startDate=LATER, endDate=LATER)
    for which, value in (("Systolic", "118"), ("Diastolic", "76"))
)


@pytest.mark.parametrize(
    ("elements", "expected"),
    [
        # Apple's order: all systolic, all diastolic, then the Correlations.
        (
            (PAIR[0], SECOND[0], PAIR[1], SECOND[1], correlation(*PAIR)),
            [reading("121", "79"), reading("118", "76", LATER)],
        ),
        ((correlation(*PAIR), *PAIR), [reading("121", "79")]),
        ((correlation(*PAIR),), [reading("121", "79")]),
        (PAIR, [reading("121", "79")]),
        (reversed(PAIR), [reading("121", "79")]),
        ((*PAIR, *PAIR), [reading("121", "79")]),
        # Members of the copies may differ, the reading is one.
        (
            (
                PAIR[0],
                PAIR[1],
                correlation(
                    half("Systolic", "121", inside=metadata("HKWasUserEntered", "1")),
                    PAIR[1],
                    metadata("HKTimeZone", "Europe/Paris"),
                ),
            ),
            [reading("121", "79", metadata={"HKTimeZone": "Europe/Paris"})],
        ),
        # Two cuffs at one instant.
        (
            (*PAIR, *(each.replace("Anna’s", "Ben’s") for each in PAIR)),
            [reading("121", "79")] * 2,
        ),
        # What has no partner, or too many, is told as it is: a dead letter later.
        ((PAIR[0],), [{**reading("121", None)}]),
        (
            (*PAIR, half("Systolic", "125")),
            [reading(["121", "125"], "79")],
        ),
        # Meals are Correlations too: their Records stand outside as well.
        (
            (
                record("DietaryEnergyConsumed", "300", "kcal"),
                correlation(
                    record("DietaryEnergyConsumed", "300", "kcal"), kind="Food"
                ),
            ),
            [body("DietaryEnergyConsumed", "300", "kcal")],
        ),
        ((correlation(),), []),
    ],
)
def test_a_blood_pressure_is_one_message(elements, expected, tmp_path, capfd):
    status, found, _said = bodies(tmp_path, capfd, export(*elements))
    wanted = [
        {name: value for name, value in each.items() if value is not None}
        for each in expected
    ]
    assert status == 0
    assert sorted(map(repr, found)) == sorted(map(repr, wanted))


def test_what_is_left_out_is_counted(tmp_path, capfd):
    workout = (
        '<Workout workoutActivityType="HKWorkoutActivityTypeRunning" sourceName="W">'
        + metadata("HKTimeZone", "Europe/Paris")
        + '<WorkoutStatistics type="HKQuantityTypeIdentifierHeartRate" average="150"/>'
        + "</Workout>"
    )
    text = export(
        record(),
        workout,
        workout,
        '<ActivitySummary dateComponents="2026-10-04" activeEnergyBurned="500"/>',
        '<ClinicalRecord type="HKClinicalTypeIdentifierLabResultRecord"/>',
        "<News/>",
    )
    assert bodies(tmp_path, capfd, text) == (
        0,
        [body()],
        [
            "1 message",
            "left out: 1 ActivitySummary, 1 ClinicalRecord, 2 Workout, 1 other",
        ],
    )


def test_names_stay_behind(tmp_path, capfd):
    path = tmp_path / "export.xml"
    zone = metadata("HKTimeZone", "Europe/Paris")
    path.write_text(
        export(record(inside=zone), *PAIR, correlation(*PAIR, source="Anna"))
    )
    main(["convert", "apple-health", str(path), "--patient=p-1"])
    told = "".join(capfd.readouterr())
    assert not any(word in told for word in ("Anna", "1961", "Female", "HKDevice"))


@pytest.mark.parametrize(
    ("flags", "properties"),
    [
        ([], {"deviceId": device_of(None, "Anna’s Apple Watch")}),
        (
            ["--patient=p-1"],
            {"patientId": "p-1", "deviceId": device_of("p-1", "Anna’s Apple Watch")},
        ),
        (
            ["--patient=p-1", "--device=w-7", "--timezone=Europe/Paris"],
            {"patientId": "p-1", "deviceId": "w-7", "timezone": "Europe/Paris"},
        ),
    ],
)
def test_the_envelope(flags, properties, tmp_path, capfd):
    path = tmp_path / "export.xml"
    path.write_text(export(record()))
    found = converted(capfd, "apple-health", path, *flags)
    message = {"Body": body(), "Properties": properties}
    assert found == (0, [message], ["1 message"])


def test_a_device_is_a_source_of_a_patient():
    names = {device_of(p, s) for p in (None, "p-1", "p-2") for s in ("", "A", "B")}
    assert len(names) == 9
    assert device_of("p-1", "A") == device_of("p-1", "A")


@pytest.mark.parametrize(
    "name", ["apple_health_export/export.xml", "apple_health_export/导出.xml"]
)
def test_straight_out_of_the_archive(name, tmp_path, capfd):
    path = tmp_path / "export.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("apple_health_export/export_cda.xml", "<ClinicalDocument/>")
        archive.writestr("apple_health_export/workout-routes/a.gpx", "<gpx/>")
        archive.writestr(name, export(record(), head=MALFORMED))
    status, messages, said = converted(capfd, "apple-health", path)
    assert [message["Body"] for message in messages] == [body()]
    assert (status, said) == (0, ["1 message"])


CUT_OFF = "the file was cut off here: export it again; what stands before is written"
INVALID = "no well-formed XML ({}): what stands before is written"


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        (export(record(), end=""), 13, CUT_OFF),
        (export(record(), end="<Record type='HKQuan"), 13, CUT_OFF),
        (export(record(), end="<Record type=HK/>"), 13, INVALID),
        (export(record(), end="<Record a='1' a='2'/>"), 13, INVALID),
        (export(record(), end="<Record a='&lol;'/></HealthData>"), 13, INVALID),
        (
            export(record(), end=f"{'<a>' * 40}"),
            13,
            "elements are nested more than 32 deep",
        ),
    ],
    ids=("end", "tag", "quote", "twice", "entity", "deep"),
)
def test_what_stands_before_damage_is_written(text, line, reason, tmp_path, capfd):
    status, found, said = bodies(tmp_path, capfd, text)
    start, _, rest = reason.partition("({})")
    assert (status, found) == (1, [body()])
    assert said[0].startswith(f"vitalbeam: {tmp_path}/export.xml:{line}: {start}")
    assert said[0].endswith(rest)
    assert said[1] == "1 message"


def test_entities_are_never_declared(tmp_path, capfd):
    """Neither a bomb nor a file of this machine comes in by a DOCTYPE."""
    bomb = DOCTYPE.replace(
        "]>",
        '<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">\n'
        '<!ENTITY passwd SYSTEM "file:///etc/passwd">\n]>',
    )
    for entity in ("&b;", "&passwd;"):
        text = export(record(value=entity), head=bomb)
        status, found, said = bodies(tmp_path, capfd, text)
        assert (status, found) == (1, [])
        assert "undefined entity" in said[0]


def test_a_damaged_archive_gives_what_stands_before(tmp_path, capfd):
    path = tmp_path / "export.zip"
    many = (record(value=str(60 + n % 40)) for n in range(20_000))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr("a/export.xml", export(*many))
    content = bytearray(path.read_bytes())
    content[-200_000] ^= 1  # of the content: the checksum will differ
    path.write_bytes(content)
    status, messages, said = converted(capfd, "apple-health", path)
    assert status == 1
    assert messages
    assert "the zip archive is damaged here" in said[0]


@pytest.mark.parametrize(
    ("name", "content", "sentence"),
    [
        ("a.xml", b"<gpx/>", "is no export of Apple Health: it has no <HealthData>"),
        ("a.xml", b"", "is no export of Apple Health: it has no <HealthData>"),
        ("a.zip", b"PK\3\4", "is a zip archive that was cut off: export it again"),
    ],
)
def test_what_is_no_export(name, content, sentence, tmp_path, capfd):
    path = tmp_path / name
    path.write_bytes(content)
    out = tmp_path / "out.ndjson"
    found = converted(capfd, "apple-health", path, f"--out={out}")
    assert found == (2, [], [f"vitalbeam: {path} {sentence}"])
    assert not out.exists()


def test_an_archive_without_an_export(tmp_path, capfd):
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("a.xml", "<gpx/>")
    sentence = f"vitalbeam: {path} holds no export of Apple Health (export.xml)"
    assert converted(capfd, "apple-health", path) == (2, [], [sentence])


class Endless:
    """An export of so many Records, made as it is read."""

    def __init__(self, count):
        self._parts = self._made(count)

    def _made(self, count):
        yield export(head=DOCTYPE, end="").encode()
        many = (record() * 500).encode()
        for _ in range(count // 500):
            yield many
        yield b"</HealthData>"

    def read(self, _size=-1):
        return next(self._parts, b"")


def peak(count, monkeypatch):
    class Opened:
        def __enter__(self):
            return Endless(count), 0

        def __exit__(self, *_):
            return None

    monkeypatch.setattr("pipeline.apple_export._opened", lambda _path: Opened())
    tracemalloc.start()
    try:
        notes = Notes()
        found = read_apple_health("x", Settings(), notes, lambda _m, _b: None)
        assert sum(1 for _ in found) == count
        assert notes.problems == 0
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_file(monkeypatch):
    small, large = (peak(count, monkeypatch) for count in (2_000, 20_000))
    assert large < small + 500_000


# LibreView's file

TITLE = "Glucose Data,Generated on,{},Generated by,Anna Beispiel"
HEADER = (
    "Device,Serial Number,Device Timestamp,Record Type,Historic Glucose {u},"
    "Scan Glucose {u},Non-numeric Rapid-Acting Insulin,Rapid-Acting Insulin (units),"
    "Non-numeric Food,Carbohydrates (grams),Carbohydrates (servings),"
    "Non-numeric Long-Acting Insulin,Long-Acting Insulin Value (units),Notes,"
    "Strip Glucose {u},Ketone mmol/L,Meal Insulin (units),"
    "Correction Insulin (units),User Change Insulin (units)"
)
GERMAN = (
    "Gerät,Seriennummer,Gerätezeitstempel,Aufzeichnungstyp,Glukosewert-Verlauf mg/dL,"
    "Glukose-Scan mg/dL,Nicht numerisches schnellwirkendes Insulin,"
    "Schnellwirkendes Insulin (Einheiten),Nicht numerische Nahrungsdaten,"
    "Kohlenhydrate (Gramm),Kohlenhydrate (Portionen),Nicht numerisches Depotinsulin,"
    "Depotinsulin (Einheiten),Notizen,Glukose-Teststreifen mg/dL,Keton mmol/L,"
    "Mahlzeiteninsulin (Einheiten),Korrekturinsulin (Einheiten),"
    "Insulin-Änderung durch Anwender (Einheiten)"
)
UNKNOWN = ",".join(
    f"sloupec {n}" + (" mmol/l" if n in (4, 5, 14, 15) else "") for n in range(19)
)


def row(time="25-10-2026 02:30", kind="0", historic="", scan="", strip="", notes=""):
    cells = ["FreeStyle LibreLink", "ABC-1", time, kind, historic, scan]
    cells += [""] * 7 + [notes, strip, "", "", "", ""]
    return ",".join(f'"{cell}"' if "," in cell else cell for cell in cells)


MG, MMOL = (HEADER.format(u=unit) for unit in ("mg/dL", "mmol/L"))


def libre(*rows, header=MG, titles=("26-10-2026 08:00 UTC",)):
    lines = [TITLE.format(each) for each in titles] + [header, *rows]
    return "\r\n".join(lines) + "\r\n"


def found_rows(tmp_path, capfd, text, *flags, encoding="utf-8"):
    path = tmp_path / "glucose.csv"
    path.write_bytes(text.encode(encoding))
    return converted(capfd, "libreview", path, *flags)


def libre_body(time="25-10-2026 02:30", kind="0", **glucose):
    return {
        "Device": "FreeStyle LibreLink",
        "Serial Number": "ABC-1",
        "Device Timestamp": time,
        "Record Type": kind,
    } | glucose


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            libre(row(historic="142"), row(kind="1", scan="139")),
            [
                libre_body(**{"Historic Glucose mg/dL": "142"}),
                libre_body(kind="1", **{"Scan Glucose mg/dL": "139"}),
            ],
        ),
        (
            libre(row(kind="2", strip="118", notes="call Anna, please")),
            [libre_body(kind="2", **{"Strip Glucose mg/dL": "118"})],
        ),
        (
            libre(row(historic="LO"), row(historic="HI")),
            [
                libre_body(**{"Historic Glucose mg/dL": "LO"}),
                libre_body(**{"Historic Glucose mg/dL": "HI"}),
            ],
        ),
        (
            libre(row(historic="7.8"), header=MMOL),
            [libre_body(**{"Historic Glucose mmol/L": "7.8"})],
        ),
        # Commas in numbers, quoted; a line that is quoted as a whole.
        (
            libre(row(historic="6,4"), header=MMOL),
            [libre_body(**{"Historic Glucose mmol/L": "6.4"})],
        ),
        (
            libre(
                '"' + row(historic="6,4").replace('"', '""') + '"',
                header=MMOL,
            ),
            [libre_body(**{"Historic Glucose mmol/L": "6.4"})],
        ),
        # Other languages, known and unknown: the place tells.
        (
            libre(row(historic="142"), header=GERMAN),
            [libre_body(**{"Historic Glucose mg/dL": "142"})],
        ),
        (
            libre(row(kind="2", strip="6,1"), header=UNKNOWN),
            [libre_body(kind="2", **{"Strip Glucose mmol/L": "6.1"})],
        ),
        # A report of a clinic has two lines before the header.
        (
            libre(row(historic="142"), titles=("26-10-2026 08:00 UTC", "01-02-1961")),
            [libre_body(**{"Historic Glucose mg/dL": "142"})],
        ),
        (
            libre(row(historic="142"), titles=()),
            [libre_body(**{"Historic Glucose mg/dL": "142"})],
        ),
        # A few columns, other separators.
        (
            "Device;Serial Number;Device Timestamp;Record Type;"
            "Historic Glucose(mg/dL)\n"
            "FreeStyle LibreLink;ABC-1;25-10-2026 02:30;0;142\n",
            [libre_body(**{"Historic Glucose mg/dL": "142"})],
        ),
        (
            "Time\tHistoric Glucose (mmol/L)\n25-10-2026 02:30\t7,8\n",
            [
                {
                    "Device Timestamp": "25-10-2026 02:30",
                    "Historic Glucose mmol/L": "7.8",
                }
            ],
        ),
    ],
)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
def test_rows_become_messages(text, expected, encoding, tmp_path, capfd):
    status, messages, said = found_rows(
        tmp_path,
        capfd,
        text,
        "--patient=p-1",
        "--timezone=Europe/Paris",
        encoding=encoding,
    )
    properties = {
        "patientId": "p-1",
        "timezone": "Europe/Paris",
        "dateOrder": "DMY",
    }
    assert messages == [{"Body": each, "Properties": properties} for each in expected]
    assert (status, len(said)) == (0, 1)


def test_rows_without_glucose_are_counted(tmp_path, capfd):
    text = libre(row(historic="142"), row(kind="6", notes="x"), row(kind="4"))
    status, messages, said = found_rows(tmp_path, capfd, text)
    assert (status, len(messages)) == (0, 1)
    assert said == ["1 message", "left out: 2 rows without glucose"]


@pytest.mark.parametrize(
    ("times", "titles", "flags", "order"),
    [
        (["25-10-2026 02:30"], (), [], "DMY"),
        (["10-25-2026 02:30"], (), [], "MDY"),
        (["2026-10-04 02:30"], (), [], "YMD"),
        (["2026/10/25 02:30"], (), [], "YMD"),
        (["04-10-2026 02:30", "05-10-2026 02:30", "13-10-2026 02:30"], (), [], "DMY"),
        (["04-10-2026 02:30"], (), ["--date_order=DMY"], "DMY"),
        (["04-10-2026 02:30"], (), ["--date-order=MDY"], "MDY"),
        # The date in the title is written as the others are.
        (["04-10-2026 02:30"], ("26-10-2026 08:00 UTC",), [], "DMY"),
        (["10-04-2026 02:30"], ("10-26-2026 08:00 AM UTC",), [], "MDY"),
        (["25-10-2026 02:30"], (), ["--date_order=DMY"], "DMY"),
    ],
)
def test_the_order_of_dates(times, titles, flags, order, tmp_path, capfd):
    text = libre(*(row(time, historic="142") for time in times), titles=titles)
    status, messages, _said = found_rows(tmp_path, capfd, text, *flags)
    assert status == 0
    told = [(m["Body"]["Device Timestamp"], m["Properties"]) for m in messages]
    assert told == [(time, {"dateOrder": order}) for time in times]


@pytest.mark.parametrize(
    ("times", "flags", "sentence"),
    [
        (
            ["04-10-2026 02:30"],
            [],
            ": no date tells whether the day or the month comes first, as neither is"
            " above 12: give --date_order=DMY or --date_order=MDY",
        ),
        (
            ["04-10-2026 02:30 AM"],
            [],
            ": no date tells whether the day or the month comes first, as neither is"
            " above 12: give --date_order=DMY or --date_order=MDY",
        ),
        (
            ["25-10-2026 02:30", "10-26-2026 02:30"],
            [],
            ": dates are written in two ways, DMY on line 2 and MDY on line 3: split"
            " the file",
        ),
        (
            ["04-10-2026 02:30", "25-10-2026 02:30"],
            ["--date_order=MDY"],
            ":3: --date_order=MDY cannot be: this date is DMY",
        ),
    ],
)
def test_an_order_that_is_not_certain_is_refused(
    times, flags, sentence, tmp_path, capfd
):
    text = libre(*(row(time, historic="142") for time in times), titles=())
    found = found_rows(tmp_path, capfd, text, *flags)
    assert found == (2, [], [f"vitalbeam: {tmp_path}/glucose.csv{sentence}"])


def test_a_row_of_too_many_fields_is_told(tmp_path, capfd):
    """6,4 without quotes would be 6."""
    text = libre(row(historic="142"), row(historic="6,4").replace('"', ""))
    status, messages, said = found_rows(tmp_path, capfd, text)
    assert (status, len(messages)) == (1, 1)
    assert said == [
        f"vitalbeam: {tmp_path}/glucose.csv:4: the row has more fields than the header:"
        " a comma without quotes?",
        "1 message",
    ]


def test_many_problems_are_told_in_short(tmp_path, capfd):
    text = libre(*[row(historic="6,4").replace('"', "")] * 30)
    status, messages, said = found_rows(tmp_path, capfd, text)
    assert (status, messages, len(said)) == (1, [], 22)
    assert said[-2:] == ["vitalbeam: and 10 more problems", "0 messages"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", " is no glucose file of LibreView"),
        (b"a,b\n1,2\n", " is no glucose file of LibreView"),
        (b"Device Timestamp,Historic Glucose\nx,1\n", " is no glucose file"),
        (libre(row(historic="1")).encode("utf-16"), ": the file is not UTF-8"),
        (
            libre(row(historic="1"), header=GERMAN).encode("cp1252"),
            ": the file is not UTF-8",
        ),
    ],
)
def test_what_is_no_file_of_libreview(content, sentence, tmp_path, capfd):
    path = tmp_path / "glucose.csv"
    path.write_bytes(content)
    status, messages, (said,) = converted(capfd, "libreview", path)
    assert (status, messages) == (2, [])
    assert said.startswith(f"vitalbeam: {path}{sentence}")
    assert "Anna" not in said


def test_the_family_reads_what_is_converted(tmp_path, capfd):
    source, out = tmp_path / "glucose.csv", tmp_path / "m.ndjson"
    source.write_text(libre(row(historic="142"), row(kind="1", scan="HI")))
    flags = ["--patient=p-1", "--timezone=Europe/Paris", f"--out={out}"]
    assert main(["convert", "libreview", str(source), *flags]) == 0
    capfd.readouterr()
    folder = ROOT / "templates" / "libreview"
    arguments = [f"--messages={out}", "--format=jsonl", str(folder)]
    assert main(["preview", *arguments]) == 0
    lines = map(json.loads, capfd.readouterr().out.splitlines())
    found = [
        (o["effectiveDateTime"], o["valueQuantity"].get("comparator"))
        for o in (line.get("resource", line) for line in lines)
        if o.get("resourceType") == "Observation"
    ]
    at = "2026-10-25T02:30:00+02:00"
    assert sorted(found, key=repr) == sorted([(at, None), (at, ">")], key=repr)


# Files


@pytest.mark.parametrize("name", ["o.ndjson", "o.ndjson.gz", "new/o.ndjson.zst"])
def test_the_output_is_a_file_that_run_reads(name, tmp_path, capfd):
    source, out = tmp_path / "export.xml", tmp_path / name
    source.write_text(export(record(), record("StepCount", "5", "count")))
    found = converted(capfd, "apple-health", source, f"--out={out}")
    assert found == (0, [], [f"2 messages in {out}"])
    with open_messages(str(out)) as stream:
        lines = [json.loads(line)["Body"] for line in stream.read().splitlines()]
    assert lines == [body(), body("StepCount", "5", "count")]
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert [path.name for path in out.parent.iterdir() if path != source] == [out.name]


@pytest.mark.parametrize(
    ("suffix", "unpacked"),
    [(".gz", gzip.decompress), (".zst", lambda b: zstandard.decompress(b))],
)
def test_compressed_output_is_the_same_every_time(suffix, unpacked, tmp_path, capfd):
    source = tmp_path / "export.xml"
    source.write_text(export(record()))
    made = []
    for name in ("a", "b"):
        out = tmp_path / f"{name}{suffix}"
        converted(capfd, "apple-health", source, f"--out={out}")
        made.append(out.read_bytes())
    assert made[0] == made[1]
    assert unpacked(made[0]) if suffix == ".gz" else made[0]


def test_several_files_are_one_output(tmp_path, capfd):
    for name in ("a.xml", "b.xml"):
        (tmp_path / name).write_text(export(record()))
    status, messages, said = converted(
        capfd, "apple-health", tmp_path / "a.xml", tmp_path / "b.xml"
    )
    assert (status, len(messages), said) == (0, 2, ["2 messages"])


def test_an_error_leaves_the_output_as_it_was(tmp_path, capfd):
    good, bad, out = (tmp_path / name for name in ("a.xml", "b.xml", "o.ndjson"))
    good.write_text(export(record()))
    bad.write_text("<gpx/>")
    out.write_text("before\n")
    status, _, _ = converted(capfd, "apple-health", good, bad, f"--out={out}")
    assert (status, out.read_text()) == (2, "before\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "a.xml",
        "b.xml",
        "o.ndjson",
    ]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (
            ["apple-health", "{tmp}/none.xml"],
            "{tmp}/none.xml is not there: name the files of the export",
        ),
        (
            ["apple-health", "{tmp}"],
            "{tmp} is a folder: name the files of the export",
        ),
        (
            ["apple-health", "{tmp}/a.xml", "--out={tmp}"],
            "--out={tmp} is a folder: name a file in it",
        ),
        (
            ["apple-health", "{tmp}/a.xml", "--timezone=Europe/Pariss"],
            "--timezone=Europe/Pariss: there is no such time zone: did you mean"
            " Europe/Paris?",
        ),
        (
            ["apple-health", "{tmp}/a.xml", "--patiet=p"],
            "there is no option --patiet: did you mean --patient?",
        ),
    ],
)
def test_wrong_use(arguments, sentence, tmp_path, capfd):
    (tmp_path / "a.xml").write_text(export(record()))
    given = [each.format(tmp=tmp_path) for each in arguments]
    told = f"vitalbeam: {sentence.format(tmp=tmp_path)}"
    assert converted(capfd, *given) == (2, [], [told])


def test_a_reader_that_leaves_is_no_error_of_ours(tmp_path):
    source = tmp_path / "export.xml"
    source.write_text(export(*[record()] * 20_000))
    command = [sys.executable, "-m", "pipeline", "convert", "apple-health", str(source)]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        process.stdout.read(10)
        process.stdout.close()
        said = process.stderr.read().decode()
        assert process.wait() == 141
    assert "Traceback" not in said


def test_convert_does_not_load_beam(tmp_path):
    source = tmp_path / "export.xml"
    source.write_text(export(record()))
    code = (
        "import sys\nfrom pipeline.__main__ import main\n"
        f"main(['convert', 'apple-health', {str(source)!r}])\n"
        "sys.exit('apache_beam' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=False)
    assert done.returncode == 0
