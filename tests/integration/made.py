"""Every resource that the program makes for what is in this repository."""

import json
import os
import subprocess
import sys
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import conformance
import test_reference as reference
from runs import FLEET, ROOT

from benchmarks.fleet import generate

MODES = ((), ("--compat=medtech",))

RESOURCES = "VITALBEAM_RESOURCES"
"""Names the file in which unit tests left what their judges saw; see `fhir_r4.py`."""


class Made(NamedTuple):
    """A resource and where it comes from."""

    source: str
    """A case of the corpus, a folder of templates, a section of a document, a test."""
    mode: str
    """`medtech` if it was made with `--compat=medtech`."""
    text: str
    """Its JSON as the program printed it."""


def everything(folder):
    """All that is made: of the corpus, templates, documents, the fleet and the tests.

    Args:
        folder: for files.
    """
    unit = os.environ.get(RESOURCES) or judged_by_unit_tests(folder / "judged.ndjson")
    return [
        *of_corpus(),
        *of_templates(),
        *of_documents(folder),
        *of_fleet(folder / "fleet.ndjson"),
        *of_unit_tests(unit),
    ]


def previewed(source, *arguments):
    """What `preview` prints now."""
    mode = "medtech" if "--compat=medtech" in arguments else ""
    head = '{"kind":"resource","resource":'
    for line in reference.command(*arguments).splitlines():
        if line.startswith(head):
            yield Made(source, mode, line.removeprefix(head).removesuffix("}"))


def of_corpus():
    """Every case in every mode that it has an expectation for."""
    for folder, mode in conformance.runs():
        arguments = conformance.arguments(folder, mode)
        yield from previewed(f"mappings/{folder.name}", *arguments)


def of_templates():
    """Every family of templates, in both modes."""
    for device in sorted((ROOT / "templates").glob("*/device.json")):
        for flags in MODES:
            command = ["preview", "--format=jsonl", *flags, str(device.parent)]
            yield from previewed(f"templates/{device.parent.name}", *command)


def of_documents(folder):
    """Every example that the documents show, with the flags that they show."""
    for path in (reference.REFERENCE, reference.README):
        for example in reference.examples(path.read_text()):
            shown = (part for part in example.parts if part.name in reference.RESULTS)
            flags = {part.flags for part in shown if part.name != "check"}
            yield from _of_example(example, path, example.line, sorted(flags), folder)
    examples = reference.examples(reference.REFERENCE.read_text())
    for row in differences():
        before = [example for example in examples if example.line < row.line]
        example = reference.of_given(row, before[-1])
        yield from _of_example(example, reference.REFERENCE, row.line, MODES, folder)


def differences():
    """The rows of the documents that show what MedTech does otherwise."""
    header = {"difference", "given"}
    return [row for t in reference.TABLES if header <= set(t.header) for row in t.rows]


def _of_example(example, path, line, all_flags, folder):
    reference.files_of(example, folder)
    source = f"{path.relative_to(ROOT)}: {_section(path, line)}"
    for flags in all_flags:
        command = ["preview", "--format=jsonl", *flags, str(folder)]
        yield from previewed(source, *command)


def _section(path, line):
    """The heading above a line."""
    lines = reference._without_fences(path.read_text()).splitlines()[:line]
    return [text for text in lines if text.startswith("#")][-1].lstrip("# ")


def of_fleet(messages):
    """2,000 messages of the benchmark's fleet."""
    messages.write_bytes(b"".join(generate(2000, seed=5)))
    command = ["preview", "--format=jsonl", f"--messages={messages}", str(FLEET)]
    return previewed("benchmarks/fleet", *command)


def judged_by_unit_tests(path):
    """Runs the tests that judge resources, and keeps what they judged."""
    tests = [
        str(test)
        for test in sorted((ROOT / "tests").glob("test_*.py"))
        if "from fhir_r4 import" in test.read_text()
    ]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests],
        cwd=ROOT,
        env={**os.environ, RESOURCES: str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    return path


def of_unit_tests(path):
    """What the judges of the unit tests saw.

    The corpus is left out: those are its golden files, and it is judged as printed.
    """
    for line in Path(path).read_text().splitlines():
        found = json.loads(line, parse_float=Decimal)
        source = found["test"].partition("[")[0]
        if not source.startswith("tests/test_conformance.py"):
            # Spelled as the program does: most have been printed by it, too.
            text = json.dumps(
                found["resource"],
                default=float,
                ensure_ascii=False,
                separators=(",", ":"),
            )
            yield Made(source, "", text)
