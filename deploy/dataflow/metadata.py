"""Makes metadata.json, what Dataflow knows of the parameters of the Flex template.

    .venv/bin/python -m deploy.dataflow.metadata

https://docs.cloud.google.com/dataflow/docs/guides/templates/configuring-flex-templates
"""

import argparse
import json
import re
from pathlib import Path
from typing import Any

from pipeline.ingest_options import IngestOptions

PLACE = Path(__file__).with_name("metadata.json")

_REQUIRED = frozenset({"device_mapping", "fhir_mapping", "messages", "out"})
"""What no job on Dataflow can do without; a laptop has other ways to say them."""

_TYPES = {
    "device_mapping": "GCS_READ_FILE",
    "fhir_mapping": "GCS_READ_FILE",
    "assignments": "GCS_READ_FILE",
    "fhir_settings": "GCS_READ_FILE",
    "kafka_properties": "GCS_READ_FILE",
    "out": "GCS_WRITE_FOLDER",
    "parquet": "GCS_WRITE_FOLDER",
    "dead_letters": "GCS_WRITE_FOLDER",
}
"""What Dataflow's form offers to look for; all others are text."""

_PATTERNS = {
    "messages": r"(gs|pubsub|kafka)://.+",
    "device_mapping": r"gs://.+",
    "fhir_mapping": r"gs://.+",
    "out": r"gs://.+",
}
"""Regular expressions of POSIX egrep, of the whole value."""

_NUMBERS = {int: r"-?[0-9]+", float: r"-?[0-9]+(\.[0-9]+)?"}


def flags() -> list[argparse.Action]:
    """The flags of `vitalbeam run`, from where they are defined."""
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    IngestOptions._add_argparse_args(parser)  # the hook by which Beam collects flags
    return parser._actions


def parameter(flag: argparse.Action) -> dict[str, Any]:
    """What Dataflow should know of a flag."""
    name = flag.dest
    said = (flag.help or "") % {**vars(flag), "prog": "vitalbeam"}
    found: dict[str, Any] = {
        "name": name,
        "label": name.replace("_", " ").capitalize(),
        "helpText": f"{said[:1].upper()}{said[1:]}.",
    }
    if isinstance(flag, argparse._AppendAction):
        found["helpText"] += " Several are separated by commas."
    if name not in _REQUIRED:
        found["isOptional"] = True
    if name in _TYPES:
        found["paramType"] = _TYPES[name]
    pattern = _pattern(flag)
    if pattern is not None:
        found["regexes"] = [f"^{pattern}$"]
    return found


def _pattern(flag: argparse.Action) -> str | None:
    if flag.dest in _PATTERNS:
        return _PATTERNS[flag.dest]
    if flag.nargs == 0:  # a switch: there or not
        return "(true|false)"
    if flag.choices is not None:
        return f"({'|'.join(re.escape(str(each)) for each in flag.choices)})"
    return _NUMBERS.get(flag.type) if isinstance(flag.type, type) else None


def metadata() -> dict[str, Any]:
    """The whole file."""
    return {
        "name": "vitalbeam",
        "description": "Messages of medical and wellness devices to FHIR R4"
        " Observations and Parquet tables, by two mapping files as the Azure MedTech"
        " service has them.",
        "streaming": True,
        "supportsAtLeastOnce": True,
        "supportsExactlyOnce": True,
        "defaultStreamingMode": "EXACTLY_ONCE",
        "parameters": [parameter(flag) for flag in flags()],
    }


def text() -> str:
    """The file as it is written."""
    return json.dumps(metadata(), indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    PLACE.write_text(text())
