"""The two mapping files of a launch, loaded and checked together."""

import hashlib
import json
from pathlib import Path

import pytest

from pipeline.mappings import load_mappings
from transforms.errors import MappingError, Problem
from transforms.rules import MEDTECH, UNIT_POLICIES, USUAL, Rules

VITAL_MONITOR = Path(__file__).parent.parent / "templates" / "vital-monitor"
DEVICE, FHIR = VITAL_MONITOR / "device.json", VITAL_MONITOR / "fhir.json"


def device_template(type_name, *value_names):
    return {
        "templateType": "CalculatedContent",
        "template": {
            "typeName": type_name,
            "typeMatchExpression": "$..[?(@.x)]",
            "deviceIdExpression": "$.matchedToken.d",
            "timestampExpression": "$.matchedToken.t",
            "values": [
                {"valueName": name, "valueExpression": "$.matchedToken.x"}
                for name in value_names
            ],
        },
    }


def fhir_template(type_name, value_name):
    return {
        "templateType": "CodeValueFhir",
        "template": {
            "typeName": type_name,
            "codes": [{"system": "s", "code": "c", "display": "d"}],
            "value": {"valueType": "String", "valueName": value_name},
        },
    }


@pytest.fixture
def write(tmp_path):
    def write(name, kind, *templates):
        path = tmp_path / name
        document = {"templateType": kind, "template": templates}
        path.write_text(json.dumps(document, indent=1))
        return path

    return write


def version_of(device=b"", fhir=b""):
    return hashlib.sha256(device + b"\0" + fhir).hexdigest()[:16]


def test_the_version_is_the_hash_of_both_files(tmp_path):
    device, fhir = DEVICE.read_bytes(), FHIR.read_bytes()
    assert load_mappings(DEVICE, FHIR).version == version_of(device, fhir)
    assert load_mappings(DEVICE, None).version == version_of(device)
    assert load_mappings(None, FHIR).version == version_of(fhir=fhir)
    (tmp_path / "device.json").write_bytes(b"\xef\xbb\xbf" + device)
    marked = load_mappings(tmp_path / "device.json", FHIR)
    assert marked.version == version_of(device, fhir)


@pytest.mark.parametrize(
    ("device", "fhir"), [(DEVICE, FHIR), (DEVICE, None), (None, FHIR), (None, None)]
)
def test_either_file_may_be_missing(device, fhir):
    mappings = load_mappings(device, fhir)
    given = (mappings.device is not None, mappings.fhir is not None)
    assert given == (device is not None, fhir is not None)
    assert mappings.problems == ()
    mappings.raise_errors()


def test_what_is_produced_but_never_mapped_is_a_warning(write):
    device = write(
        "device.json",
        "CollectionContent",
        device_template("hr", "hr", "quality"),
        device_template("steps", "steps"),
    )
    fhir = write("fhir.json", "CollectionFhir", fhir_template("hr", "hr"))
    mappings = load_mappings(device, fhir)
    code = "TemplateNotFoundException"
    assert mappings.problems == (
        Problem(
            "warning",
            code,
            str(device),
            *place(device, '{\n      "valueName": "quality"'),
            "The value [quality] in Device Mapping [hr] is not represented within the"
            " Fhir Template",
            "it is stored as a reading, but no Observation shows it",
        ),
        Problem(
            "warning",
            code,
            str(device),
            *place(device, '{\n    "typeName": "steps"'),
            "No matching Fhir Template exists for Device Mapping [steps]",
            "its measurements would become dead letters: add a CodeValueFhir",
        ),
    )
    mappings.raise_errors()


def place(path, text):
    """Line and column of a text in a file."""
    before = path.read_text().partition(text)[0]
    return before.count("\n") + 1, len(before) - before.rfind("\n")


def test_what_is_mapped_but_never_produced_is_a_warning(write):
    device = write("device.json", "CollectionContent", device_template("hr", "HR"))
    fhir = write(
        "fhir.json",
        "CollectionFhir",
        fhir_template("hr", "hr"),
        fhir_template("heartRate", "x"),
    )
    problems = load_mappings(device, fhir).problems
    code = "UnreachableTemplate"
    assert problems[1:] == (
        Problem(
            "warning",
            code,
            str(fhir),
            *place(fhir, '{\n     "valueType"'),
            "no device template of type [hr] produces the value [hr]",
            "did you mean HR?",
        ),
        Problem(
            "warning",
            code,
            str(fhir),
            *place(fhir, '{\n    "typeName": "heartRate"'),
            "no device template produces the type [heartRate]",
            "remove it, or add a template",
        ),
    )


def test_rules_are_part_of_the_version():
    versions = {
        load_mappings(DEVICE, FHIR, rules).version
        for rules in (
            *(USUAL, MEDTECH, Rules(zoneless="utc")),
            *(Rules(units=policy) for policy in UNIT_POLICIES),
        )
    }
    assert len(versions) == 6


def ours(type_name):
    template = device_template(type_name, type_name)
    template["template"]["when"] = "$.Properties.source"
    return template


def test_what_medtech_does_not_know_is_an_error_of_portable_files(write):
    device = write("d.json", "CollectionContent", ours("hr"))
    fhir = write("f.json", "CollectionFhir", fhir_template("hr", "hr"))
    mappings = load_mappings(device, fhir)
    assert mappings.all_problems(portable=False, notation=False) == ()
    (found,) = mappings.all_problems(portable=True, notation=False)
    assert found == Problem(
        "error",
        "NotPortable",
        str(device),
        *place(device, '"when"'),
        "the Azure MedTech service does not know the key when",
        "leave it out of files that must run there too",
    )


def test_places_that_differ_in_medtech_are_named(write):
    template = device_template("hr", "hr")
    template["template"]["typeMatchExpression"] = "$..[?(@a && @b || @c)]"
    device = write("d.json", "CollectionContent", template)
    fhir = write("f.json", "CollectionFhir", fhir_template("hr", "hr"))
    mappings = load_mappings(device, fhir)
    assert mappings.problems == ()
    (found,) = mappings.all_problems(portable=False, notation=False)
    line, column = place(device, "|| @c")
    assert (found.code, found.severity, found.line, found.column) == (
        "DiffersInMedTech",
        "warning",
        line,
        column,
    )
    every = mappings.all_problems(portable=False, notation=True)
    assert [problem.file for problem in every] == [str(device), str(fhir)]
    assert mappings.notations == 1


def test_findings_come_in_the_order_of_file_and_line(write):
    broken = device_template("late", "late")
    broken["template"]["timestampExpression"] = "$["
    device = write(
        "z.json", "CollectionContent", device_template("steps", "steps"), broken
    )
    wrong = fhir_template("hr", "hr")
    wrong["template"]["unknownKey"] = 1
    wrong["template"]["value"]["valueType"] = "Strin"
    fhir = write("a.json", "CollectionFhir", wrong)
    problems = load_mappings(device, fhir).problems
    found = [(Path(problem.file).name, problem.severity) for problem in problems]
    assert found == [("z.json", "error"), ("a.json", "error"), ("a.json", "error")]
    places = [(problem.file, problem.line, problem.column) for problem in problems]
    assert places == sorted(places, key=lambda place: (place[0] != str(device), *place))


def test_errors_of_both_files_stop_a_launch_together(write):
    device = write("d.json", "CollectionFhir")
    fhir = write("f.json", "CollectionContent")
    mappings = load_mappings(device, fhir)
    with pytest.raises(MappingError) as stopped:
        mappings.raise_errors()
    assert stopped.value.problems == mappings.problems
    assert {problem.file for problem in mappings.problems} == {str(device), str(fhir)}


def test_a_file_that_is_not_utf8_is_an_error_at_its_line(tmp_path):
    path = tmp_path / "device.json"
    path.write_bytes(DEVICE.read_bytes().replace(b"heartrate", b"h\xe9art", 1))
    problems = load_mappings(path, None).problems
    offset = path.read_bytes().index(b"\xe9")
    assert problems == (
        Problem(
            "error",
            "InvalidJson",
            str(path),
            7,
            1,
            f"the file is not UTF-8 (byte {offset})",
            "save it as UTF-8",
        ),
    )
