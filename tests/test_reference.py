"""What the documentation shows is what the program does.

Every table of expressions and every worked example of `templates/README.md`, and the
examples of `README.md`, are run by the real code. A table is known by its header; an
example is a fence marked `jsonc`, whose comment lines say what each part is.
"""

import ast
import contextlib
import hashlib
import io
import json
import re
from decimal import Decimal
from typing import Any, NamedTuple

import orjson
import pytest
from jmespath import functions
from runs import ROOT

from pipeline.__main__ import main
from pipeline.__main__ import parse as parse_flags
from transforms import (
    errors,
    evaluate,
    fhir_mapping,
    fhir_value_reader,
    instants,
    intake,
    jmespath_syntax,
    jmespath_work,
    jsonpath_conditions,
    jsonpath_regex,
    located_json,
    sampled_data,
)
from transforms.aggregate import AGGREGATES
from transforms.conversions import (
    ConversionError,
    json_number,
    to_medtech_text,
    to_text,
)
from transforms.date_token import with_dates
from transforms.evaluation import MISSING, EvaluationError
from transforms.expressions import Expression, as_record_error
from transforms.fhir_periods import read_interval
from transforms.flags import flag_of
from transforms.functions import MappingFunctions
from transforms.instants import iso_date, iso_instant
from transforms.jmespath_expression import JmesPath, JmesPathError
from transforms.jsonpath import JsonPathError, compile_path
from transforms.located_json import parse
from transforms.mapping_reader import Findings, is_type
from transforms.occurrence import MomentError, moment_reader
from transforms.plausible import PLAUSIBLE
from transforms.rules import UNIT_POLICIES, zone_of
from transforms.template_kinds import (
    CONTEXT_NAMES,
    EXTENSION_KEYS,
    KEYS,
    KINDS,
    VALUE_EXTENSION_KEYS,
    VALUE_KEYS,
)
from transforms.vital_profiles import PANEL, PROFILES

REFERENCE = ROOT / "templates" / "README.md"
README = ROOT / "README.md"

# Reading the documents.


class Row(NamedTuple):
    """One row of a table, by its header."""

    line: int
    cells: dict[str, str]

    def codes(self, column: str) -> list[str]:
        """The code spans of a cell, as CommonMark reads them."""
        spans = re.findall(r"(?<!`)(`+)(?!`)(.+?)(?<!`)\1(?!`)", self.cells[column])
        return [_unpadded(code) for _marks, code in spans]

    def code(self, column: str) -> str:
        """The only code span of a cell."""
        (code,) = self.codes(column)
        return code


def _unpadded(code: str) -> str:
    padded = code.startswith(" ") and code.endswith(" ") and code.strip()
    return code[1:-1] if padded else code


class Table(NamedTuple):
    """One table."""

    line: int
    header: tuple[str, ...]
    rows: list[Row]


def tables(text: str) -> list[Table]:
    """All tables of a Markdown document; its fences hold none."""
    found = []
    lines = _without_fences(text).splitlines()
    for number, line in enumerate(lines, 1):
        if not re.fullmatch(r"\|(?:-+\|)+", line):
            continue
        header = tuple(_cells(lines[number - 2]))
        rows = []
        for at, row in enumerate(lines[number:], number + 1):
            if not row.startswith("|"):
                break
            cells = _cells(row)
            assert len(cells) == len(header), f"line {at} has {len(cells)} cells"
            rows.append(Row(at, dict(zip(header, cells, strict=True))))
        found.append(Table(number - 1, header, rows))
    return found


def _cells(row: str) -> list[str]:
    parts = re.split(r"(?<!\\)\|", row.strip())[1:-1]
    return [part.strip().replace("\\|", "|") for part in parts]


def _without_fences(text: str) -> str:
    """The text with as many empty lines in the place of each fence."""
    return _FENCE.sub(lambda found: "\n" * found[0].count("\n"), text)


_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_EXAMPLE = re.compile(r"^```jsonc\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_PART = re.compile(
    r"// (device\.json|fhir\.json|messages?|measurements?|Observations?|dead letters?"
    r"|check)((?:,? --\S+)*)"
)


DIGITS = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)
"""Reads numbers with their digits: 98.60 is not 98.6."""


class Part(NamedTuple):
    """One part of a worked example."""

    name: str
    """In the singular."""
    flags: tuple[str, ...]
    text: str

    @property
    def texts(self) -> list[str]:
        """The JSON documents in it, one after the other, each on one line."""
        found, rest = [], self.text.strip().replace("\n", " ")
        while rest:
            _document, end = DIGITS.raw_decode(rest)
            found.append(rest[:end])
            rest = rest[end:].lstrip()
        return found

    @property
    def documents(self) -> list[Any]:
        """The same, parsed."""
        return [DIGITS.decode(text) for text in self.texts]


class Example(NamedTuple):
    """A worked example: files, messages and what comes out."""

    line: int
    parts: list[Part]

    def text(self, name: str) -> str | None:
        """The text of a part, None if it is not there."""
        return next((part.text for part in self.parts if part.name == name), None)


def examples(text: str) -> list[Example]:
    """All worked examples of a document."""
    found = []
    for fence in _EXAMPLE.finditer(text):
        line = text.count("\n", 0, fence.start()) + 1
        parts: list[Part] = []
        for written in fence[1].splitlines():
            if head := _PART.fullmatch(written):
                flags = tuple(re.findall(r"--\S+", head[2]))
                parts.append(Part(head[1].removesuffix("s"), flags, ""))
            else:
                assert parts, f"line {line}: the example begins without a part"
                parts[-1] = parts[-1]._replace(text=f"{parts[-1].text}{written}\n")
        found.append(Example(line, parts))
    return found


def mapping_file(shown: str | None, first: str, collection: str) -> str:
    """A whole mapping file.

    Args:
        shown: a whole file, one container, or keys of the template of the first
            example; None for the first example's file.
        first: the file of the first example.
        collection: templateType of the root.
    """
    if shown is None:
        return first
    text = shown.strip()
    if not text.startswith("{"):
        root = parse(first).plain()
        root["template"][0]["template"] |= parse(f"{{{text}}}").plain()
        return json.dumps(root)
    kind = parse(text).value.get("templateType").node.value
    if kind.lower().startswith("collection"):
        return text
    return f'{{"templateType": "{collection}", "template": [{text}]}}'


# Tables.

TABLES = tables(REFERENCE.read_text())


def rows_of(*header):
    """The rows of all tables whose header has these columns."""
    found = [row for t in TABLES if set(header) <= set(t.header) for row in t.rows]
    assert found, f"no table has the columns {header}"
    return pytest.mark.parametrize("row", found, ids=lambda row: f"line{row.line}")


def same(value):
    """A JSON value to compare: 1 and true are not the same.

    Nor are 98.60 and 98.6 if they were read with their digits; otherwise 20 and 20.0
    are the same number.
    """
    if isinstance(value, dict):
        return {name: same(member) for name, member in value.items()}
    if isinstance(value, list):
        return [same(item) for item in value]
    if isinstance(value, Decimal):
        return str(value)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return value, type(value)
    return float(value)


def expression(row):
    if "JSONPath" in row.cells:
        return Expression(compile_path(row.code("JSONPath")), "")
    return Expression(JmesPath(row.code("JMESPath")), "")


@rows_of("on", "finds")
def test_what_an_expression_finds(row):
    shown = [json.loads(code) for code in row.codes("finds")]
    assert shown or row.cells["finds"] == "nothing"
    assert same(expression(row).find(json.loads(row.code("on")))) == same(shown)


@rows_of("on", "value")
def test_the_value_of_an_expression(row):
    document = json.loads(row.code("on"))
    shown = row.cells["value"]
    if re.fullmatch("`[A-Z][A-Za-z]+`", shown):
        with pytest.raises(EvaluationError) as caught:
            expression(row).select(document)
        assert f"`{as_record_error(caught.value).name}`" == shown
        return
    found = expression(row).select(document)
    if shown == "nothing":
        assert found is MISSING
    else:
        assert same(found) == same(json.loads(row.code("value")))


@rows_of("is refused", "suggestion")
def test_what_is_refused_at_load(row):
    with pytest.raises((JsonPathError, JmesPathError)) as caught:
        expression(row)
    found = caught.value.message, caught.value.suggestion.replace("`", "")
    shown = row.cells["is refused"], row.cells["suggestion"].replace("`", "")
    assert found == shown


def text_of(token, convert):
    try:
        text = convert(token)
    except ConversionError:
        return "no text"
    return "nothing" if text is None else f"`{text}`"


MEDTECH = "with `--compat=medtech`"


@rows_of("sent", "text", MEDTECH)
def test_the_text_of_a_token(row):
    token = orjson.loads(row.code("sent"))  # as messages are read
    assert text_of(token, to_text) == row.cells["text"]
    assert text_of(with_dates(token), to_medtech_text) == row.cells[MEDTECH]


@rows_of("text", "number")
def test_the_number_of_a_text(row):
    number = json_number(row.code("text"))
    assert row.cells["number"] == ("none" if number is None else f"`{number}`")


@rows_of("the expression finds", "flag")
def test_flags(row):
    for token in map(json.loads, row.codes("the expression finds")):
        text = to_text(token) or ""
        shown = {"the same": text, "none": ""}.get(row.cells["flag"])
        assert flag_of(text) == (row.code("flag") if shown is None else shown)


def time_of(token, zone, *, medtech):
    try:
        instant, offset, tick = moment_reader(zone, medtech=medtech)(token)
    except MomentError:
        return "`IncompatibleDataException`"
    text = iso_date(instant) if offset is None else iso_instant(instant, offset, tick)
    return f"`{text}`"


@rows_of("time", "read as", MEDTECH)
def test_the_instant_of_a_token(row):
    token = orjson.loads(row.code("time"))
    assert time_of(token, None, medtech=False) == row.cells["read as"]
    found = time_of(with_dates(token), zone_of("utc"), medtech=True)
    assert found == row.cells[MEDTECH]


@rows_of("of the", "SHA-256 of", "id")
def test_ids(row):
    text = row.code("SHA-256 of")
    assert hashlib.sha256(text.encode()).hexdigest() == row.code("id")
    assert f'"{row.cells["of the"]}/{row.code("id")}"' in FIRST.text("Observation") or (
        f'"id": "{row.code("id")}"' in FIRST.text("Observation")
    )


@rows_of("`periodInterval`", "name", "one Observation per")
def test_periods(row):
    findings = Findings("fhir.json")
    for minutes in row.cells["`periodInterval`"].split(", "):
        assert read_interval(parse(minutes), findings) == int(minutes)
        for name in row.codes("name"):
            assert read_interval(parse(f'"{name}"'), findings) == int(minutes)
    assert findings.problems == []


@rows_of("the container is", "accepted `templateType`")
def test_spellings_of_template_types(row):
    names = {kind.name: kind.suffix for kind in KINDS}
    names |= dict.fromkeys(
        ("CollectionContent", "CollectionFhir", "CodeValueFhir"), True
    )
    shown = row.codes("accepted `templateType`")
    for given in shown:
        assert [n for n, suffix in names.items() if is_type(given, n, suffix=suffix)]
    for name, suffix in names.items():
        if name in shown:
            assert (f"{name}Template" in shown) == suffix


def test_kinds():
    fixed = {"device id": "deviceIdExpression", "time": "timestampExpression"}
    header = ("`templateType`", "they see", "device id", "time")
    (table,) = [table for table in TABLES if set(header) <= set(table.header)]
    shown = {row.code("`templateType`"): row for row in table.rows}
    assert shown.keys() == {kind.name for kind in KINDS}
    for kind in KINDS:
        row = shown[kind.name]
        device, times = (row.codes(column) for column in fixed)
        assert device == [kind.device or fixed["device id"]]
        assert times == list(kind.timestamps or (fixed["time"],))


def test_what_is_plausible():
    header = ("value", "LOINC code", "UCUM code", "plausible")
    (table,) = [table for table in TABLES if table.header == header]
    shown = {
        (code, row.code("UCUM code")): row.cells["plausible"]
        for row in table.rows
        for code in row.codes("LOINC code")
    }
    assert shown == {key: str(limits) for key, limits in PLAUSIBLE.items()}


def test_every_policy_is_shown():
    assert shown_in("`--unit_policy`", "the measurement table") == set(UNIT_POLICIES)


# Worked examples.

EXAMPLES = [
    pytest.param(example, id=f"{path.parent.name}-line{example.line}")
    for path in (REFERENCE, README)
    for example in examples(path.read_text())
]
FIRST = examples(REFERENCE.read_text())[0]


def files_of(example, folder):
    """Writes the files of an example."""
    device = mapping_file(
        example.text("device.json"), FIRST.text("device.json"), "CollectionContent"
    )
    fhir = mapping_file(
        example.text("fhir.json"), FIRST.text("fhir.json"), "CollectionFhir"
    )
    (folder / "device.json").write_text(device)
    (folder / "fhir.json").write_text(fhir)
    messages = [part for part in example.parts if part.name == "message"]
    lines = [text for part in messages for text in part.texts]
    (folder / "messages.ndjson").write_text("".join(f"{line}\n" for line in lines))


def command(*arguments):
    """Runs a command in this process; returns what it prints."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = main([*arguments])
    out.flush()
    assert status in (0, 1), err.getvalue()
    return out.buffer.getvalue().decode()


def preview(*flags):
    """The documents that preview prints, by kind."""
    found = {"measurement": [], "Observation": [], "dead letter": []}
    for line in command("preview", "--format=jsonl", *flags, ".").splitlines():
        document = DIGITS.decode(line)
        if document["kind"] != "resource":
            found[document["kind"].replace("_", " ")].append(document)
        elif document["resource"]["resourceType"] == "Observation":
            found["Observation"].append(document["resource"])
    return found


def shown_of(document, shown):
    return {name: document.get(name) for name in shown}


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("example", EXAMPLES)
def test_example(example, folder):
    files_of(example, folder)
    results = [part for part in example.parts if part.name in RESULTS]
    assert results, "an example without a result"
    letters = {part.flags for part in results if part.name == "dead letter"}
    for part in results:
        if part.name == "check":
            assert command("check", *part.flags, ".") == part.text
            continue
        found = preview(*part.flags)
        shown = part.documents
        made = found[part.name]
        assert len(made) == len(shown), made
        pairs = zip(made, shown, strict=True)
        assert same([shown_of(one, other) for one, other in pairs]) == same(shown)
        assert part.flags in letters or found["dead letter"] == []


RESULTS = {"measurement", "Observation", "dead letter", "check"}


# Differences.


def of_given(row, example):
    """The example with the members that a row replaces or adds."""
    given = json.loads(row.code("given"))
    device = parse(f"{{{example.text('device.json')}}}").plain()
    fhir = parse(f"{{{example.text('fhir.json')}}}").plain()
    message = json.loads(example.text("message"))
    messages = given.pop("messages", [{}])
    for key, value in given.items():
        if key == "valueExpression":
            device["values"][0][key] = in_its_language(value)
        elif key.endswith("Expression"):
            device[key] = in_its_language(value)
        elif key in ("periodInterval", "codes", "value", "components"):
            fhir[key] = value
        else:
            message[key] = value
    lines = [json.dumps(message | more) for more in messages]
    parts = [
        Part("device.json", (), json.dumps(device)[1:-1]),
        Part("fhir.json", (), json.dumps(fhir)[1:-1]),
        Part("message", (), "\n".join(lines)),
    ]
    return Example(row.line, parts)


def in_its_language(text):
    language = "JsonPath" if text.startswith("$") else "JmesPath"
    return {"value": text, "language": language}


def outcome(found, shown):
    """Of what preview prints, what a cell shows."""
    measured = [
        m | {p["name"]: p["value"] for p in m["properties"]}
        for m in found["measurement"]
    ]
    for resource in found["Observation"]:
        value = resource["identifier"][0]["value"]
        resource["in the id"] = ".".join(value.split(".")[3:])
        parts = resource.get("component", [])
        resource["components"] = [part["code"]["text"] for part in parts]
    names = set().union(*shown)
    of_measurements = bool(names) and names <= set().union(*measured)
    made = measured if of_measurements else found["Observation"]
    return [shown_of(one, names) for one in made]


@rows_of("difference", "given", "here", MEDTECH)
@pytest.mark.parametrize("flags", [(), ("--compat=medtech",)], ids=["here", "medtech"])
def test_a_difference(row, flags, folder):
    before = [e for e in examples(REFERENCE.read_text()) if e.line < row.line]
    files_of(of_given(row, before[-1]), folder)
    cell = row.codes(MEDTECH if flags else "here")
    found = preview(*flags)
    letters = [code for code in cell if not code.startswith("{")]
    assert [letter["error"] for letter in found["dead letter"]] == letters
    shown = [DIGITS.decode(code) for code in cell if code.startswith("{")]
    assert same(outcome(found, shown)) == same(shown)
    assert cell or found["measurement"] == []
    assert row.cells["here"] != row.cells[MEDTECH]


# Completeness.


def test_every_table_of_expressions_is_run():
    columns = [{"on", "finds"}, {"on", "value"}, {"is refused", "suggestion"}]
    for table in TABLES:
        if {"JSONPath", "JMESPath"} & set(table.header):
            assert [c for c in columns if c <= set(table.header)], table.line


def shown_in(*header):
    """The code spans of the first column of all tables with these columns."""
    found = [table for table in TABLES if set(header) <= set(table.header)]
    assert found, f"no table has the columns {header}"
    return {
        code
        for table in found
        for row in table.rows
        for code in row.codes(table.header[0])
    }


def test_every_key_is_documented():
    keys = {
        code
        for table in TABLES
        if table.header[0].startswith("key")
        for row in table.rows
        for code in row.codes(table.header[0])
    }
    device = {*KEYS, *EXTENSION_KEYS, *VALUE_KEYS, *VALUE_EXTENSION_KEYS}
    fhir = {*fhir_mapping._KEYS, *fhir_value_reader._CODING_KEYS}
    values = set().union(*fhir_value_reader._VALUE_KEYS.values())
    container = {"templateType", "template"}
    envelope = {"Body", "Properties", "SystemProperties"}
    own = {"defaultExpressionLanguage"}
    assert keys == device | own | fhir | values | container | envelope


def test_every_function_is_documented():
    shown = shown_in("function", "JMESPath")
    assert shown == set(MappingFunctions.FUNCTION_TABLE)
    for row in (row for t in TABLES if "function" in t.header for row in t.rows):
        assert f"{row.code('function')}(" in row.code("JMESPath")


def test_every_value_type_and_aggregate_is_documented():
    assert shown_in("`valueType`", "becomes") == set(fhir_value_reader._VALUE_KEYS)
    text = REFERENCE.read_text()
    assert set(AGGREGATES) <= set(re.findall("`([a-z]+)`", text))


def test_every_extension_has_an_example_in_both_documents():
    extensions = {*EXTENSION_KEYS, *VALUE_EXTENSION_KEYS, *CONTEXT_NAMES}
    extensions |= {"aggregate", "validRange"}
    extensions |= set(MappingFunctions.FUNCTION_TABLE) - medtechs_functions()
    for path in (REFERENCE, README):
        shown = [part.text for e in examples(path.read_text()) for part in e.parts]
        missing = {name for name in extensions if not any(name in s for s in shown)}
        if path == REFERENCE:  # its tables show every function
            missing -= shown_in("function", "JMESPath")
        assert missing == set()


def medtechs_functions():
    standard = set(functions.Functions.FUNCTION_TABLE)
    arithmetic = {"add", "subtract", "multiply", "divide", "pow"}
    others = {"insertString", "fromUnixTimestamp", "fromUnixTimestampMs"}
    return standard | arithmetic | others


def test_every_dead_letter_is_documented():
    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type)]
    names = {
        k.name for k in kinds if issubclass(k, errors.RecordError) and "name" in vars(k)
    }
    assert shown_in("error", "stage", "cause", "fix") == names


def test_every_code_of_check_is_documented():
    assert shown_in("code", "severity", "cause", "fix") == problem_codes()


def problem_codes():
    """The codes that any module gives to its findings."""
    constants, used = {}, []
    for path in (*ROOT.glob("transforms/*.py"), *ROOT.glob("pipeline/*.py")):
        tree = ast.parse(path.read_text())
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                constants[node.targets[0].id] = node.value.value
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and _callee(node) in _REPORTS:
                used += node.args
    found = {
        constants.get(node.id) if isinstance(node, ast.Name) else node.value
        for node in used
        if isinstance(node, ast.Name | ast.Constant)
    }
    return {code for code in found if re.fullmatch("([A-Z][a-z]+){2,}", str(code))}


_REPORTS = {"Problem", "error", "warning", "_warning"}


def _callee(call):
    return getattr(call.func, "attr", getattr(call.func, "id", ""))


def test_limits():
    numbers = [
        int(number.replace(",", ""))
        for table in TABLES
        if table.header == ("limit", "value")
        for row in table.rows
        for number in re.findall(r"[\d,]*\d", row.cells["value"])
    ]
    assert numbers == [
        located_json.MAX_DEPTH,
        intake._DEEPEST,
        intake.Intake().largest,
        evaluate.MOST_MATCHES,
        evaluate.MOST_WORK,
        jmespath_work.MOST_WORK,
        jmespath_syntax._DEEPEST,
        jsonpath_conditions._MAX_NESTED,
        jsonpath_regex._MAX_LENGTH,
        sampled_data.MOST_CHARACTERS,
        sampled_data.MOST_CELLS_IN_R4,
        sampled_data.MOST_CELLS,
        1,
        9999,
        instants.LONGEST_OFFSET // 60,
    ]


def test_no_name_of_medtech_is_said_to_be_missing_that_occurs():
    absent = shown_in("name", "here")
    assert not absent & (shown_in("error", "stage") | shown_in("code", "severity"))


def test_units_of_vital_signs_are_documented():
    (table,) = [t for t in TABLES if t.header == ("code", "profile", "units")]
    shown = {
        (row.codes("code")[0], row.codes("profile")[0], tuple(row.codes("units")))
        for row in table.rows
    }
    known = {(p.code, p.name, p.units) for p in PROFILES if p.code != PANEL}
    assert shown == known


def test_every_flag_of_check_is_documented(capsys):
    with pytest.raises(SystemExit):
        parse_flags(["check", "--help"])
    flags = set(re.findall(r"--\w+", capsys.readouterr().out)) - {"--help"}
    shown = {code.partition("=")[0] for code in shown_in("flag", "means")}
    # What the example in the help names are flags, too.
    assert shown == flags


@pytest.mark.parametrize("path", [REFERENCE, README], ids=["reference", "readme"])
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)]+)\)", path.read_text()):
        if target.startswith("https://"):
            continue
        file, _, anchor = target.partition("#")
        found = path.parent / file if file else path
        assert found.exists(), target
        if anchor:
            assert anchor in slugs(found.read_text()), target


def slugs(text):
    """The anchors that GitHub gives to headings."""
    headings = re.findall("^#+ (.+)$", _without_fences(text), re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in headings)
    return {heading.replace(" ", "-") for heading in plain}
