"""Runs the real main job in this process and looks at what it leaves."""

import contextlib
import io
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.__main__ import main, parse
from pipeline.launch import launch
from pipeline.mappings import load_mappings
from pipeline.options import resolve_inputs, resolve_outputs, resolve_rules
from transforms.intake import Intake

ROOT = Path(__file__).parent.parent
VITAL_MONITOR = ROOT / "templates" / "vital-monitor"
FLEET = ROOT / "benchmarks" / "fleet"


def run(messages, out, *flags, mapping=VITAL_MONITOR):
    """Runs `vitalbeam run`; returns the exit status."""
    quiet = io.StringIO()
    with contextlib.redirect_stdout(quiet), contextlib.redirect_stderr(quiet):
        return main(
            ["run", str(mapping), f"--messages={messages}", f"--out={out}", *flags]
        )


def run_counts(messages, out, *more, mapping=VITAL_MONITOR):
    """Runs the same job; returns its metrics by name."""
    where = [f"--messages={messages}", f"--out={out}"]
    flags, rest = parse(["run", str(mapping), *where, *more])
    inputs = resolve_inputs(flags.folder, flags)
    rules = resolve_rules(flags)
    mappings = load_mappings(inputs.device_mapping, inputs.fhir_mapping, rules)
    intake = Intake(mapping_version=mappings.version)
    outputs = resolve_outputs(flags)
    return launch(flags, rest, mappings, intake, outputs, [str(messages)])


def write_lines(path, lines):
    """Writes messages, bytes or documents, as NDJSON."""
    encoded = [
        line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines
    ]
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def files(root):
    """Every file below a folder, by relative path."""
    return {
        str(path.relative_to(root)): path.read_bytes()
        for path in sorted(Path(root).rglob("*"))
        if path.is_file()
    }


def resources(out, resource_type="Observation"):
    """The resources of a run, by id."""
    found = [
        json.loads(line)
        for path in sorted((Path(out) / "fhir" / resource_type).rglob("*.ndjson"))
        for line in path.read_bytes().splitlines()
    ]
    by_id = {resource["id"]: resource for resource in found}
    assert len(by_id) == len(found), "a resource stands in two files"
    return by_id


def letters(out):
    """The dead letters of a run."""
    return [
        json.loads(line)
        for path in sorted((Path(out) / "dead_letters").rglob("*.ndjson"))
        for line in path.read_bytes().splitlines()
    ]


def table(out, name):
    """One of the two tables, all partitions, in a fixed order."""
    paths = sorted((Path(out) / name).rglob("*.parquet"))
    return pa.concat_tables([pq.ParquetFile(path).read() for path in paths])
