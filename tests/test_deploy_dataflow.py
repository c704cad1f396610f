import argparse
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from apache_beam.io.localfilesystem import LocalFileSystem

from deploy.dataflow import main, metadata
from pipeline.__main__ import parse
from pipeline.ingest_options import beam_options

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "dataflow"
METADATA = json.loads(metadata.PLACE.read_text())
PARAMETERS = {each["name"]: each for each in METADATA["parameters"]}

TYPES = {
    "DEFAULT",
    "TEXT",
    "GCS_READ_BUCKET",
    "GCS_WRITE_BUCKET",
    "GCS_READ_FILE",
    "GCS_WRITE_FILE",
    "GCS_READ_FOLDER",
    "GCS_WRITE_FOLDER",
    "PUBSUB_TOPIC",
    "PUBSUB_SUBSCRIPTION",
}
"""https://cloud.google.com/dataflow/docs/reference/rest/v1b3/ParameterType"""


def problems(document):
    """What Dataflow, or gcloud before it, would refuse.

    https://docs.cloud.google.com/dataflow/docs/guides/templates/configuring-flex-templates
    """
    if not document.get("name"):
        yield "the template has no name"
    known = {
        *("name", "description", "streaming", "parameters", "defaultStreamingMode"),
        *("supportsAtLeastOnce", "supportsExactlyOnce"),
    }
    yield from (f"unknown member {name}" for name in document.keys() - known)
    if document.get("defaultStreamingMode") not in ("EXACTLY_ONCE", "AT_LEAST_ONCE"):
        yield "no such streaming mode"
    for each in document["parameters"]:
        name = each.get("name") or ""
        if not re.fullmatch(r"[a-zA-Z][a-zA-Z0-9_]*", name):
            yield f"{name!r} is no option of a program"
        yield from (
            f"{name} has no {member}"
            for member in ("label", "helpText")
            if not each.get(member)
        )
        if each.get("paramType", "TEXT") not in TYPES:
            yield f"{name} has a type that there is not"
        if each.get("isOptional", True) is not True:
            yield f"{name}: isOptional is left out where it is not true"
        known = {"name", "label", "helpText", "isOptional", "paramType", "regexes"}
        yield from (f"{name} has a member {other}" for other in each.keys() - known)
        for pattern in each.get("regexes", ()):
            # POSIX egrep knows none of \d, \w, (?:...), and Dataflow wants all of it.
            if not re.fullmatch(r"\^.*\$", pattern) or re.search(
                r"\(\?|\\[a-zA-Z]", pattern
            ):
                yield f"{name} has a pattern that is none of POSIX"


def test_metadata_is_as_it_is_made():
    made = "run: .venv/bin/python -m deploy.dataflow.metadata"
    assert metadata.PLACE.read_text() == metadata.text(), made


def test_metadata_is_what_dataflow_takes():
    assert list(problems(METADATA)) == []


@pytest.mark.parametrize(
    ("member", "value", "problem"),
    [
        ("label", "", "shards has no label"),
        ("helpText", None, "shards has no helpText"),
        ("name", "fhir-auth", "'fhir-auth' is no option of a program"),
        ("paramType", "FILE", "shards has a type that there is not"),
        ("regexes", [r"^\d+$"], "shards has a pattern that is none of POSIX"),
        ("regexes", ["[0-9]+"], "shards has a pattern that is none of POSIX"),
        ("optional", True, "shards has a member optional"),
    ],
)
def test_bad_metadata_is_noticed(member, value, problem):
    document = metadata.metadata()
    each = next(each for each in document["parameters"] if each["name"] == "shards")
    each[member] = value
    assert list(problems(document)) == [problem]


def test_every_flag_of_run_is_a_parameter():
    told = subprocess.run(
        [sys.executable, "-m", "pipeline", "run", "--help"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    listed = set(re.findall(r"^  --(\w+)", told, re.MULTILINE))
    # --streaming is Beam's own, and Dataflow's launcher gives it.
    assert PARAMETERS.keys() == listed - {"help", "streaming"}


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("messages", "pubsub://project/subscription", "messages.ndjson"),
        ("messages", "kafka://host:9092/topic", "topic"),
        ("out", "gs://bucket/clinic", "out"),
        ("fhir_auth", "google", "password"),
        ("identity", "lookup-encounter", "lookup-"),
        ("shards", "16", "many"),
        ("fhir_retry_s", "0.5", "5m"),
        ("report_unmatched", "true", "yes"),
    ],
)
def test_patterns_take_what_the_flags_take(name, good, bad):
    pattern = PARAMETERS[name]["regexes"][0]
    assert re.search(pattern, good)
    assert not re.search(pattern, bad)


def test_parameters_become_the_command_line(tmp_path):
    given = [
        "--messages=pubsub://project/subscription",
        "--out=gs://bucket/clinic",
        "--fhir=gs://bucket/fhir,https://server/fhir",
        "--report_unmatched=true",
        "--fhir_gzip=false",
        "--shards=16",
        "--runner=DataflowRunner",
        "--job_name=vitalbeam",
        "--template_location=gs://bucket/staging/template_launches/1/job_object",
        "--streaming",
    ]
    found = main.arguments(given, tmp_path)
    assert found == [
        "run",
        "--messages=pubsub://project/subscription",
        "--out=gs://bucket/clinic",
        "--fhir=gs://bucket/fhir",
        "--fhir=https://server/fhir",
        "--report_unmatched",
        *given[5:],
    ]
    flags, rest = parse(found)
    assert flags.fhir == ["gs://bucket/fhir", "https://server/fhir"]
    assert (flags.report_unmatched, flags.fhir_gzip, flags.shards) == (True, None, 16)
    beam_options(rest)


class HeldFiles(LocalFileSystem):
    """Local files at addresses with a scheme, as those of a bucket have one."""

    @classmethod
    def scheme(cls):
        return "held"

    def open(self, path, *arguments, **named):
        return super().open(path.removeprefix("held:/"), *arguments, **named)


def test_files_for_the_launcher_are_fetched_and_keep_their_names(tmp_path):
    (tmp_path / "device.json").write_text("{}")
    folder = tmp_path / "fetched"
    folder.mkdir()
    given = [f"--device_mapping=held:/{tmp_path}/device.json", "--fhir_mapping=a.json"]
    copy = folder / "device_mapping" / "device.json"
    assert main.arguments(given, folder) == [
        "run",
        f"--device_mapping={copy}",
        "--fhir_mapping=a.json",
    ]
    assert copy.read_text() == "{}"
    assert copy.parent.stat().st_mode & 0o077 == 0


def test_mappings_of_an_address_that_is_not_there_are_a_sentence(tmp_path):
    command = [sys.executable, str(FOLDER / "main.py")]
    command += ["--device_mapping=nowhere://bucket/device.json"]
    done = subprocess.run(
        command,
        env={"PYTHONPATH": str(ROOT), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2, done.stderr
    last = done.stderr.splitlines()[-1]
    assert last.startswith("vitalbeam: --device_mapping: cannot fetch nowhere://bucket")


def test_cloud_build_takes_the_file():
    command = ["check-jsonschema", "--builtin-schema", "vendor.cloudbuild"]
    program = Path(sys.executable).with_name(command[0])
    file = FOLDER / "cloudbuild.yaml"
    done = subprocess.run(
        [program, *command[1:], str(file)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_cloud_build_does_not_take_a_misspelt_one(tmp_path):
    text = (
        (FOLDER / "cloudbuild.yaml").read_text().replace("entrypoint:", "entryPoint:")
    )
    (tmp_path / "cloudbuild.yaml").write_text(text)
    program = Path(sys.executable).with_name("check-jsonschema")
    command = [program, "--builtin-schema", "vendor.cloudbuild"]
    done = subprocess.run(
        [*command, str(tmp_path / "cloudbuild.yaml")], capture_output=True, check=False
    )
    assert done.returncode == 1


def test_cloud_build_knows_every_substitution_that_it_uses():
    text = (FOLDER / "cloudbuild.yaml").read_text()
    own = yaml.safe_load(text)["substitutions"]
    assert set(re.findall(r"\$\{(\w+)\}", text)) == {*own, "PROJECT_ID"}


def test_flags_have_the_shapes_that_the_launcher_knows():
    kinds = {type(flag) for flag in metadata.flags()}
    assert kinds <= {
        argparse._StoreAction,
        argparse._StoreTrueAction,
        argparse._AppendAction,
    }
