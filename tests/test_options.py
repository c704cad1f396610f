"""What the flags mean together."""

from pathlib import Path

import pytest

from pipeline.__main__ import parse
from pipeline.options import (
    Inputs,
    Outputs,
    UsageError,
    resolve_inputs,
    resolve_outputs,
)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A working directory with two folders, the second without messages."""
    for name in ("full/device.json", "full/fhir.json", "full/messages.ndjson"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    for name in ("half/device.json", "mine.json"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def inputs(*arguments):
    flags, _ = parse(arguments)
    return resolve_inputs(flags.folder, flags)


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (
            ["full"],
            Inputs(
                Path("full/device.json"),
                Path("full/fhir.json"),
                "full/messages.ndjson",
            ),
        ),
        (["half"], Inputs(Path("half/device.json"), None, None)),
        ([], Inputs(None, None, None)),
        (["--device_mapping=mine.json"], Inputs(Path("mine.json"), None, None)),
        (
            ["full", "--fhir_mapping=mine.json", "--messages=in/*.gz"],
            Inputs(Path("full/device.json"), Path("mine.json"), "in/*.gz"),
        ),
        (
            ["--device-mapping", "mine.json", "half"],
            Inputs(Path("mine.json"), None, None),
        ),
    ],
)
@pytest.mark.usefixtures("home")
def test_flags_go_before_what_a_folder_holds(arguments, expected):
    assert inputs("preview", *arguments) == expected


@pytest.mark.parametrize(
    "name",
    [
        "messages.ndjson",
        "messages.ndjson.gz",
        "messages.ndjson.zst",
        "messages.json",
    ],
)
def test_messages_of_a_folder_have_one_of_four_names(tmp_path, name):
    (tmp_path / name).touch()
    found = inputs("preview", str(tmp_path))
    assert found == Inputs(None, None, str(tmp_path / name))


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere"], "nowhere is not a folder"),
        (["mine.json"], "mine.json is not a folder"),
        (
            ["--device_mapping=no.json"],
            "--device_mapping: there is no file no.json",
        ),
        (["--fhir_mapping=no.json"], "--fhir_mapping: there is no file no.json"),
        (["full", "--fhir_mapping=half"], "--fhir_mapping: there is no file half"),
    ],
)
@pytest.mark.usefixtures("home")
def test_inputs_that_are_not_there_are_named(arguments, sentence):
    with pytest.raises(UsageError) as refused:
        inputs("check", *arguments)
    assert str(refused.value) == sentence


def outputs(*arguments):
    return resolve_outputs(parse(["run", *arguments])[0])


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--out=o"], Outputs("o", ("o/fhir",), "o/dead_letters")),
        (["--out=o/"], Outputs("o", ("o/fhir",), "o/dead_letters")),
        (["--out=/"], Outputs("/", ("//fhir",), "//dead_letters")),
        (["--out=o", "--parquet=p"], Outputs("p", ("o/fhir",), "o/dead_letters")),
        (["--out=o", "--fhir=f"], Outputs("o", ("f",), "o/dead_letters")),
        (
            ["--out=o", "--fhir=f", "--fhir=g"],
            Outputs("o", ("f", "g"), "o/dead_letters"),
        ),
        (["--out=o", "--dead_letters=d"], Outputs("o", ("o/fhir",), "d")),
        (["--parquet=p", "--dead_letters=d"], Outputs("p", (), "d")),
        (
            ["--out=s3://b/o", "--fhir=s3://b/f/"],
            Outputs("s3://b/o", ("s3://b/f/",), "s3://b/o/dead_letters"),
        ),
    ],
)
def test_outputs_have_their_usual_places_unless_a_flag_names_another(
    arguments, expected
):
    assert outputs(*arguments) == expected


NO_STORE = (
    "the measurement table needs a place, every Observation is computed from it: give"
    " --out=DIR or --parquet=DIR"
)
NO_LETTERS = "dead letters need a place: give --out=DIR or --dead_letters=DIR"
CLASH = "--parquet, --fhir and --dead_letters must be different places"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], NO_STORE),
        (["--out="], NO_STORE),
        (["--fhir=f", "--dead_letters=d"], NO_STORE),
        (["--parquet=p"], NO_LETTERS),
        (["--out=o", "--fhir=https://h/r4", "--fhir=https://h/r4/"], CLASH),
        (
            ["--out=o", "--fhir=f", "--fhir_auth=azure"],
            "--fhir_auth: no --fhir names a server, as https://server/fhir",
        ),
        (
            ["--out=o", "--fhir_settings=f"],
            "--fhir_settings: no --fhir names a server, as https://server/fhir",
        ),
        (["--out=o", "--fhir="], "--fhir is empty: give a folder, or leave it out"),
        (["--out=o", "--fhir=o"], CLASH),
        (["--out=o", "--fhir=o/"], CLASH),
        (["--out=o", "--fhir=./x/../o"], CLASH),
        (["--out=o", "--fhir=f", "--fhir=f"], CLASH),
        (["--out=o", "--dead_letters=o/fhir"], CLASH),
        (["--out=o", "--dead_letters=o"], CLASH),
        (["--out=o", "--fhir=o/measurement"], CLASH),
        (["--out=o", "--dead_letters=o/observation/"], CLASH),
        (["--out=/o", "--fhir=file:///o"], CLASH),
        (["--out=s3://b/o", "--fhir=s3://b/o/"], CLASH),
    ],
)
def test_outputs_that_cannot_work_are_refused(arguments, sentence):
    with pytest.raises(UsageError) as refused:
        outputs(*arguments)
    assert str(refused.value) == sentence


def test_two_names_of_one_folder_clash(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path / "o")
    with pytest.raises(UsageError) as refused:
        outputs(f"--out={tmp_path}/o", f"--fhir={tmp_path}/link")
    assert str(refused.value) == CLASH
