"""The command line: what it prints, where, and with which exit status."""

import json
import os
import signal
import subprocess
import sys

import pytest
from runs import ROOT, VITAL_MONITOR, files, letters, write_lines

from pipeline.__main__ import entry, main

DEVICE = f"--device_mapping={VITAL_MONITOR}/device.json"
FHIR = f"--fhir_mapping={VITAL_MONITOR}/fhir.json"
MESSAGES = f"--messages={VITAL_MONITOR}/messages.ndjson"


def vitalbeam(*arguments, **options):
    """Runs the program as people do."""
    return subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        capture_output=True,
        cwd=ROOT,
        check=False,
        **options,
    )


def said(capfd, *arguments):
    """Exit status, stdout and stderr of a command in this process."""
    status = main([str(argument) for argument in arguments])
    out, err = capfd.readouterr()
    return status, out, err


NEEDS_DEVICE = (
    "preview needs a device mapping: give DIR with device.json, or"
    " --device_mapping=FILE"
)
NEEDS_BOTH = (
    "run needs both mappings: give DIR with device.json and fhir.json, or"
    " --device_mapping and --fhir_mapping"
)
NEEDS_ONE = (
    "nothing to check: give DIR with device.json or fhir.json, or --device_mapping or"
    " --fhir_mapping"
)
NO_MESSAGES = "there are no messages: give --messages=GLOB, or DIR with messages.ndjson"
UNKNOWN_PLACE = (
    "--messages: cannot look for ftp://h/m: Unable to get filesystem from specified"
    " path, please use the correct path or ensure the required dependency is installed,"
    " e.g., pip install apache-beam[gcp]. Path specified: ftp://h/m"
)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["check"], NEEDS_ONE),
        (["check", "{empty}"], NEEDS_ONE),
        (["check", "{empty}/none"], "{empty}/none is not a folder"),
        (["check", "--fhir_mapping=no"], "--fhir_mapping: there is no file no"),
        (
            ["check", "--device_mapping=/proc/self/mem"],
            "a mapping file cannot be read: [Errno 5] Input/output error",
        ),
        (
            ["check", "--device_maping=x"],
            "there is no option --device_maping: did you mean --device_mapping?",
        ),
        (["check", MESSAGES], "there is no option --messages"),
        (["check", "{empty}", "more"], "one DIR is enough, more is one more"),
        (["preview"], NEEDS_DEVICE),
        (["preview", FHIR, MESSAGES], NEEDS_DEVICE),
        (["preview", DEVICE], NO_MESSAGES),
        (
            ["preview", DEVICE, "--mesages=x"],
            "there is no option --mesages: did you mean --messages?",
        ),
        (
            ["preview", DEVICE, "--messages={empty}/*.json"],
            "--messages: no file matches {empty}/*.json",
        ),
        (
            ["preview", DEVICE, "--messages={empty}/"],
            "--messages: {empty} is a folder; name its files, as in '{empty}/*'",
        ),
        (
            ["preview", DEVICE, MESSAGES, "--max_message_bytes=0"],
            "--max_message_bytes must be positive",
        ),
        (["preview", DEVICE, "--messages=ftp://h/m"], UNKNOWN_PLACE),
        *(
            (
                ["preview", DEVICE, f"--messages={place}"],
                f"{place}: preview shows what is in files",
            )
            for place in ("kafka://host:9092/topic", "pubsub://p/s")
        ),
        *(
            (
                ["preview", DEVICE, f"--messages={place}"],
                f"{place}: messages come from files, kafka://... and pubsub://...",
            )
            for place in ("http://host/m.ndjson", "https://host/m.ndjson")
        ),
        (["run", DEVICE, MESSAGES, "--out={empty}/o"], NEEDS_BOTH),
        (["run", "{empty}", "--out={empty}/o"], NEEDS_BOTH),
        (["run", DEVICE, FHIR, "--out={empty}/o"], NO_MESSAGES),
        (
            ["run", "{empty}", "--out={empty}/o", "--runer=DirectRunner"],
            "there is no option --runer: did you mean --runner?",
        ),
        (
            ["run", "--device_maping=x", FHIR, "--out={empty}/o"],
            "there is no option --device_maping: did you mean --device_mapping?",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--slice_mb=0"],
            "--slice_mb must be positive, --shards between 1 and 999",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--shards=1000"],
            "--slice_mb must be positive, --shards between 1 and 999",
        ),
        (
            ["run", "{vital}", "--out={empty}/file"],
            "cannot write to {empty}/file: Not a directory",
        ),
        (
            ["run", "{vital}", "--out={empty}/file/below"],
            "cannot write to {empty}/file/below: Not a directory",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--dead_letters={empty}/file/d"],
            "cannot write to {empty}/file/d: Not a directory",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--fhir=https://u:p@host/fhir"],
            "--fhir: the address of host holds a user: credentials do not belong on a"
            " command line, see --fhir_auth",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--identity=lookup"],
            "--identity=lookup needs a FHIR server to look at: give --fhir=URL",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--identity=assignments"],
            "--identity=assignments and --assignments=FILE go together",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--assignments=f"],
            "--identity=assignments and --assignments=FILE go together",
        ),
        (
            ["run", "{vital}", "--out={empty}/o", "--identity_cache_s=-1"],
            "--identity_cache_s must not be negative",
        ),
        (
            ["preview", "{vital}", "--identity=lookup"],
            "--identity=lookup needs a FHIR server to look at: give --fhir=URL",
        ),
        (
            ["preview", "{vital}", "--fhir=folder"],
            "preview writes nothing: --fhir is for a server that --identity looks at",
        ),
    ],
)
def test_wrong_use_is_one_sentence_and_status_2(tmp_path, capfd, arguments, sentence):
    (tmp_path / "file").touch()
    names = {"empty": str(tmp_path), "vital": str(VITAL_MONITOR)}
    given = [argument.format(**names) for argument in arguments]
    expected = (2, "", f"vitalbeam: {sentence.format(**names)}\n")
    assert said(capfd, *given) == expected


@pytest.mark.parametrize(
    ("arguments", "last"),
    [
        ([], "the following arguments are required: COMMAND"),
        (["chek"], "argument COMMAND: invalid choice: 'chek'"),
        (["check", "--format=xml"], "argument --format: invalid choice: 'xml'"),
        (["run", "--slice_mb=many"], "argument --slice_mb: invalid int value: 'many'"),
        (["preview", "--envelope=x"], "argument --envelope: invalid choice: 'x'"),
    ],
)
def test_what_cannot_be_parsed_is_status_2(capfd, arguments, last):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    out, err = capfd.readouterr()
    assert out == ""
    assert f"error: {last}" in err.splitlines()[-1]


EXAMPLES = {
    "run": "  vitalbeam run --device_mapping=my/device.json"
    " --fhir_mapping=my/fhir.json \\\n      --messages='inbox/*.ndjson.gz' --out=out\n",
    "check": "  vitalbeam check --device_mapping=my/device.json"
    " --fhir_mapping=my/fhir.json\n",
    "preview": "  vitalbeam preview templates/vital-monitor\n",
}


@pytest.mark.parametrize(
    ("arguments", "examples"),
    [
        (["--help"], [*EXAMPLES.values()]),
        *(([name, "--help"], [example]) for name, example in EXAMPLES.items()),
    ],
)
def test_help_shows_examples(capfd, arguments, examples):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 0
    out, err = capfd.readouterr()
    assert err == ""
    assert [example for example in EXAMPLES.values() if example in out] == examples
    assert max(map(len, out.splitlines())) <= 88


def test_help_and_check_do_not_load_apache_beam():
    script = (
        "import sys\n"
        "from pipeline.__main__ import main\n"
        f"status = main(['check', {str(VITAL_MONITOR)!r}])\n"
        "print(status, 'apache_beam' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, cwd=ROOT, check=True
    )
    first, *_hint, last = done.stdout.splitlines()
    assert (first, last) == (b"0 errors, 0 warnings", b"0 False")


def template(**changes):
    plain = {
        "typeName": "hr",
        "typeMatchExpression": "$..[?(@.HR)]",
        "deviceIdExpression": "$.matchedToken.deviceId",
        "timestampExpression": "$.matchedToken.measuredAt",
        "values": [{"valueName": "hr", "valueExpression": "$.matchedToken.HR"}],
    }
    return {"templateType": "CalculatedContent", "template": {**plain, **changes}}


@pytest.fixture
def broken(tmp_path):
    """A device mapping with an error within an expression."""
    document = {
        "templateType": "CollectionContent",
        "template": [template(typeMatchExpression="$..[?(@.HR]")],
    }
    path = tmp_path / "device.json"
    path.write_text(json.dumps(document, indent=2))
    return path


def test_check_prints_findings_as_json_lines(capfd, broken):
    status, out, err = said(
        capfd, "check", "--device-mapping", broken, FHIR, "--format=jsonl"
    )
    found = [json.loads(line) for line in out.splitlines()]
    assert (status, err) == (1, "")
    assert found == [
        {
            "severity": "error",
            "code": "TemplateExpressionException",
            "file": str(broken),
            "line": 8,
            "column": 43,
            "message": 'JsonPath: expected "&&", "||" or ")" instead of "]"',
            "suggestion": "",
        }
    ]
    assert broken.read_text().splitlines()[7][42:] == ']",'


def test_check_prints_findings_for_people(capfd, broken):
    status, out, err = said(capfd, "check", f"--device_mapping={broken}")
    assert (status, err) == (1, "")
    assert out.splitlines() == [
        f'{broken}:8:43: error: JsonPath: expected "&&", "||" or ")" instead of "]"'
        " [TemplateExpressionException]",
        '    8 |         "typeMatchExpression": "$..[?(@.HR]",',
        "      |                                           ^",
        "1 error, 0 warnings",
    ]


@pytest.mark.parametrize(
    "arguments", [[VITAL_MONITOR], [DEVICE], [FHIR], [DEVICE, FHIR]]
)
def test_check_of_clean_files_is_status_0(capfd, arguments):
    assert said(capfd, "check", *arguments, "--format=jsonl") == (0, "", "")
    status, out, err = said(capfd, "check", *arguments)
    assert (status, out.splitlines()[0], err) == (0, "0 errors, 0 warnings", "")
    assert "--compat=medtech" in out or "Fhir" not in str(arguments)


@pytest.mark.parametrize("command", ["preview", "run"])
def test_a_broken_mapping_stops_the_launch_with_status_2(
    tmp_path, capfd, broken, command
):
    out = [f"--out={tmp_path}/out"] if command == "run" else []
    mapping = f"--device_mapping={broken}"
    status, stdout, err = said(capfd, command, mapping, FHIR, MESSAGES, *out)
    assert (status, stdout) == (2, "")
    lines = err.splitlines()
    assert lines[0].startswith(f"{broken}:8:43: error: ")
    assert lines[-1] == "vitalbeam: 1 error in the mapping"
    assert not (tmp_path / "out").exists()


def test_a_run_warns_of_what_is_never_mapped(tmp_path, capfd):
    document = {"templateType": "CollectionContent", "template": [template()]}
    device = tmp_path / "device.json"
    device.write_text(json.dumps(document))
    mapping = f"--device_mapping={device}"
    status, _, err = said(capfd, "run", mapping, FHIR, MESSAGES, f"--out={tmp_path}/o")
    assert status == 1
    assert err.startswith(
        f"{device}:1:102: warning: No matching Fhir Template exists for Device Mapping"
        " [hr] [TemplateNotFoundException]\n"
    )


def test_a_run_counts_what_it_does_not_show(tmp_path, capfd):
    fhir = tmp_path / "fhir.json"
    text = (VITAL_MONITOR / "fhir.json").read_text()
    fhir.write_text(text.replace('"code": "/min"', '"code": "bpm"'))
    device = f"--device_mapping={VITAL_MONITOR}/device.json"
    mapping = f"--fhir_mapping={fhir}"
    status, _, err = said(
        capfd, "run", device, mapping, MESSAGES, f"--out={tmp_path}/o"
    )
    assert (status, err.splitlines()[0]) == (
        0,
        "1 warning about vital signs, units and codes: `vitalbeam check` names them",
    )


BAD = b'{"deviceId":"w","patientId":"p","measuredAt":"yesterday","HR":1}'


@pytest.mark.parametrize(("bad", "status"), [([], 0), ([BAD], 1)])
@pytest.mark.parametrize("command", ["preview", "run"])
def test_dead_letters_are_status_1(tmp_path, capfd, command, bad, status):
    good = (VITAL_MONITOR / "messages.ndjson").read_bytes().splitlines()
    path = write_lines(tmp_path / "m.ndjson", [*good, *bad])
    out = [f"--out={tmp_path}/out"] if command == "run" else []
    done, _, _ = said(capfd, command, VITAL_MONITOR, f"--messages={path}", *out)
    assert done == status


@pytest.mark.parametrize("name", ["device_mapping", "device-mapping"])
def test_words_of_a_flag_are_joined_by_either_mark(capfd, name):
    flag = f"--{name}={VITAL_MONITOR}/device.json"
    status, out, _ = said(capfd, "preview", flag, MESSAGES, "--format=jsonl")
    assert (status, len(out.splitlines())) == (0, 9)


def test_values_of_flags_keep_their_dashes(tmp_path, capfd):
    path = write_lines(tmp_path / "a-b.ndjson", [BAD])
    for flag in (["--messages", path], [f"--messages={path}"]):
        status, out, _ = said(capfd, "preview", VITAL_MONITOR, *flag, "--format=jsonl")
        assert (status, json.loads(out)["source"]) == (1, f"{path}:1")


def test_a_file_whose_name_looks_like_a_glob_is_that_file(tmp_path, capfd):
    folder = tmp_path / "ward [3]"
    folder.mkdir()
    for name in ("device.json", "fhir.json", "messages.ndjson"):
        (folder / name).write_bytes((VITAL_MONITOR / name).read_bytes())
    status, out, _ = said(capfd, "run", folder, f"--out={tmp_path}/out")
    assert status == 0
    assert out.splitlines()[0].split() == ["messages", "11"]


def test_preview_and_run_write_the_same_from_anywhere(tmp_path):
    done = vitalbeam("preview", VITAL_MONITOR, "--format=jsonl")
    shown = [json.loads(line) for line in done.stdout.splitlines()]
    assert (done.returncode, done.stderr) == (0, b"")
    ran = vitalbeam("run", VITAL_MONITOR, f"--out={tmp_path}/out")
    assert ran.returncode == 0
    written = [
        {"kind": "resource", "resource": json.loads(line)}
        for name, content in files(tmp_path / "out" / "fhir").items()
        for line in content.splitlines()
        if name.endswith(".ndjson")
    ]
    resources = [line for line in shown if line["kind"] == "resource"]
    assert sorted(map(json.dumps, written)) == sorted(map(json.dumps, resources))


def test_a_run_over_a_damaged_file_is_refused_in_one_sentence(tmp_path, capfd):
    path = tmp_path / "m.ndjson.zst"
    path.write_bytes(b"no frame")
    for command in (["preview"], ["run", f"--out={tmp_path}/out"]):
        given = [*command, VITAL_MONITOR, f"--messages={path}"]
        assert said(capfd, *given) == (
            2,
            "",
            f"vitalbeam: {path} cannot be decompressed: it is damaged, cut off, or not"
            " what its name says; replace it and run again\n",
        )


def test_a_failure_of_the_program_is_not_taken_for_dead_letters(tmp_path):
    assert vitalbeam("run", VITAL_MONITOR, f"--out={tmp_path}").returncode == 0
    stored = sorted((tmp_path / "measurement").rglob("*.parquet"))
    stored[0].write_bytes(b"damaged")
    again = vitalbeam("run", VITAL_MONITOR, f"--out={tmp_path}")
    assert again.returncode == 3
    assert (
        f"{stored[0]} is damaged or not a table of this store".encode() in again.stderr
    )
    assert stored[0].read_bytes() == b"damaged"


# What is not written when the program ends must not be lost without a word.
BUFFERED = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", VITAL_MONITOR],
        ["preview", VITAL_MONITOR, "--format=jsonl"],
        ["check", VITAL_MONITOR],
        ["check", f"--device_mapping={VITAL_MONITOR}/fhir.json", "--format=jsonl"],
    ],
)
def test_a_full_disk_is_one_sentence_and_status_3(arguments):
    with open("/dev/full", "wb") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pipeline", *map(str, arguments)],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env=BUFFERED,
            check=False,
        )
    assert (done.returncode, done.stderr) == (
        3,
        b"vitalbeam: [Errno 28] No space left on device\n",
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ["preview", VITAL_MONITOR],
        ["preview", VITAL_MONITOR, "--format=jsonl"],
        ["check", VITAL_MONITOR],
        ["check", f"--device_mapping={VITAL_MONITOR}/fhir.json", "--format=jsonl"],
    ],
)
def test_a_reader_that_leaves_is_no_failure_to_speak_of(arguments):
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "pipeline", *map(str, arguments)],
        stdout=writer,
        stderr=subprocess.PIPE,
        cwd=ROOT,
        env=BUFFERED,
        check=False,
    )
    os.close(writer)
    assert (done.returncode, done.stderr) == (128 + signal.SIGPIPE, b"")


def test_an_interrupted_run_says_so(tmp_path):
    os.mkfifo(tmp_path / "m.ndjson")  # a file that never begins: the run waits
    messages = f"--messages={tmp_path}/*"
    process = subprocess.Popen(
        [sys.executable, "-m", "pipeline", "preview", DEVICE, messages],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        cwd=ROOT,
    )
    # Opening our end waits until the program has opened its own.
    with open(tmp_path / "m.ndjson", "wb"):
        process.send_signal(signal.SIGINT)
        out, err = process.communicate()
    assert (process.returncode, out, err) == (
        130,
        b"",
        b"vitalbeam: interrupted; run it again to go on\n",
    )


MARKER = "Marguerite-4711"

FUNCTIONS = {
    "typeName": "heartrate",
    "typeMatchExpression": "$..[?(@.function)]",
    "deviceIdExpression": "$.matchedToken.deviceId",
    "patientIdExpression": "$.matchedToken.patientId",
    "timestampExpression": {
        "value": "fromUnixTimestamp(matchedToken.epoch)",
        "language": "JmesPath",
    },
    "values": [
        {
            "valueName": "hr",
            "valueExpression": {
                "value": "multiply(matchedToken.hr, `2`)",
                "language": "JmesPath",
            },
            "required": True,
        }
    ],
}

READING = {
    "deviceId": "watch",
    "patientId": "patient",
    "measuredAt": "2026-03-01T07:14:55Z",
    "HR": 72,
}
CALCULATED = {**READING, "HR": 0, "function": 1, "epoch": 1_772_349_295, "hr": 36}


def without(name):
    named = {**READING, "deviceId": MARKER, "patientId": MARKER}
    return {key: value for key, value in named.items() if key != name}


BAD_MESSAGES = [
    f'{{"deviceId":"{MARKER}'.encode(),
    f"{MARKER}".encode(),
    f'"{MARKER}"'.encode(),
    f'["{MARKER}"]'.encode(),
    f'{{"{MARKER}":NaN}}'.encode(),
    f'{{"deviceId":"{MARKER} \xff"}}'.encode("latin-1"),
    f'{{"HR":"{MARKER}","HR":'.encode() + b"[" * 2000,
    {**READING, "HR": MARKER},
    {**READING, "HR": {MARKER: MARKER}},
    {**READING, "HR": [MARKER, 1]},
    {**READING, "measuredAt": MARKER},
    {**READING, "measuredAt": {MARKER: 1}},
    {**READING, "measuredAt": f"2026-13-01 {MARKER}"},
    without("deviceId"),
    without("patientId"),
    without("measuredAt"),
    {**READING, "patientId": [MARKER, MARKER], "HR": MARKER},
    {**READING, "deviceId": {"name": MARKER}, "measuredAt": ""},
    {**READING, "systolic": MARKER, "diastolic": 80},
    {**CALCULATED, "epoch": MARKER},
    {**CALCULATED, "hr": MARKER},
    {**CALCULATED, "hr": {MARKER: MARKER}},
    {"unmatched": MARKER},
    {**READING, "padding": MARKER * 200},
]


@pytest.fixture(scope="module")
def bad(tmp_path_factory):
    """A mapping with functions, and messages that hold a secret where they are bad."""
    folder = tmp_path_factory.mktemp("bad")
    device = json.loads((VITAL_MONITOR / "device.json").read_bytes())
    device["template"].append(
        {"templateType": "CalculatedContent", "template": FUNCTIONS}
    )
    (folder / "device.json").write_text(json.dumps(device))
    (folder / "fhir.json").write_bytes((VITAL_MONITOR / "fhir.json").read_bytes())
    write_lines(folder / "messages.ndjson", [*BAD_MESSAGES, READING])
    return folder


STRICT = ["--report_unmatched", "--max_message_bytes=3000"]


def test_a_run_shows_nobody_what_messages_say(bad, tmp_path):
    done = vitalbeam("run", bad, f"--out={tmp_path}", *STRICT)
    assert done.returncode == 1
    assert MARKER.encode() not in done.stderr
    assert MARKER.encode() not in done.stdout
    lost = letters(tmp_path)
    lines = {int(letter["source"].rpartition(":")[2]) for letter in lost}
    assert lines == set(range(1, len(BAD_MESSAGES) + 1))
    for letter in lost:
        assert MARKER in letter["payload"]
        others = {key: text for key, text in letter.items() if key != "payload"}
        assert MARKER not in json.dumps(others)


def test_a_preview_explains_without_what_messages_say(bad):
    wide = {**os.environ, "COLUMNS": "1000"}  # folded, the secret would not be found
    done = vitalbeam("preview", bad, *STRICT, env=wide)
    assert (done.returncode, done.stderr) == (1, b"")
    explained = done.stdout.decode().partition("Dead letters of ")[2].splitlines()
    sources = {int(line.split()[0]) for line in explained[2:-1]}
    assert sources == set(range(1, len(BAD_MESSAGES) + 1))
    assert [line for line in explained if MARKER in line] == []


def test_a_bug_shows_where_it_happened_and_no_value(monkeypatch, capsys):
    def fail(_argv):
        msg = "SECRET-VALUE"
        raise LookupError(msg)

    monkeypatch.setattr("pipeline.__main__._command_of", fail)
    assert entry() == 3
    err = capsys.readouterr().err
    assert "SECRET-VALUE" not in err
    assert err.endswith("vitalbeam: LookupError: a bug, please report it\n")
    assert "test_command_line.py" in err


# A process of its own: Beam's logging is part of what is tested.
FAILING = """
import sys
from pipeline.__main__ import entry
from transforms.observation import Mould

def fail(self, readings):
    raise LookupError("SECRET-VALUE")

Mould.fill = fail
sys.exit(entry())
"""


def test_a_bug_within_the_chain_shows_no_value_either(tmp_path):
    arguments = ["run", str(VITAL_MONITOR), f"--out={tmp_path}"]
    done = subprocess.run(
        [sys.executable, "-c", FAILING, *arguments],
        cwd=ROOT,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 3
    assert b"SECRET-VALUE" not in done.stdout + done.stderr
    assert b"LookupError: a bug" in done.stderr


ALLOCATOR = """
import pipeline.__main__
import pyarrow
print(pyarrow.default_memory_pool().backend_name)
"""


@pytest.mark.parametrize(
    ("chosen", "expected"),
    [({}, "system"), ({"ARROW_DEFAULT_MEMORY_POOL": "mimalloc"}, "mimalloc")],
)
def test_arrow_gives_memory_back_unless_told_otherwise(chosen, expected):
    usual = {
        name: value
        for name, value in os.environ.items()
        if name != "ARROW_DEFAULT_MEMORY_POOL"
    }
    done = subprocess.run(
        [sys.executable, "-c", ALLOCATOR],
        cwd=ROOT,
        env=usual | chosen,
        capture_output=True,
        check=True,
    )
    assert done.stdout.decode().strip() == expected


def test_an_unknown_runner_is_refused_before_anything_is_written(tmp_path, capsys):
    out = tmp_path / "out"
    assert main(["run", str(VITAL_MONITOR), f"--out={out}", "--runner=Nope"]) == 2
    assert capsys.readouterr().err.startswith("vitalbeam: --runner: Beam knows Bundle")
    assert not out.exists()


def test_the_local_runner_is_known_in_any_case(tmp_path):
    assert (
        main(["run", str(VITAL_MONITOR), f"--out={tmp_path}", "--runner=directrunner"])
        == 0
    )
