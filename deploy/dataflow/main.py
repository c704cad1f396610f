"""What Dataflow's launcher of Flex templates starts: `vitalbeam run`, in its words.

The launcher gives every parameter as --name=value. Switches have no value here, and a
flag that may be repeated is one parameter with commas. Files that are read before the
job is handed in are fetched from the bucket.
"""

import argparse
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from apache_beam.io.filesystems import FileSystems

from deploy.dataflow.metadata import flags
from pipeline.__main__ import WRONG_USE, entry
from pipeline.options import UsageError

_FETCHED = frozenset(
    {
        "device_mapping",
        "fhir_mapping",
        "assignments",
        "fhir_settings",
        "kafka_properties",
    }
)
"""Files that only the launcher reads."""


def arguments(given: Sequence[str], folder: Path) -> list[str]:
    """The command line of vitalbeam.

    Args:
        given: what the launcher gives, Beam's and Dataflow's own options too.
        folder: where what is fetched goes.
    """
    known = {flag.dest: flag for flag in flags()}
    found = ["run"]
    for argument in given:
        name, equals, value = argument.removeprefix("--").partition("=")
        flag = known.get(name)
        if flag is None or not equals:
            found.append(argument)
        else:
            found.extend(_spelled(flag, value, folder))
    return found


def _spelled(flag: argparse.Action, value: str, folder: Path) -> Iterator[str]:
    name = f"--{flag.dest}"
    if flag.nargs == 0:
        if value.lower() == "true":
            yield name
    elif isinstance(flag, argparse._AppendAction):
        yield from (f"{name}={part}" for part in value.split(",") if part)
    elif flag.dest in _FETCHED and "://" in value:
        yield f"{name}={_fetched(name, value, folder / flag.dest)}"
    else:
        yield f"{name}={value}"


def _fetched(name: str, address: str, folder: Path) -> Path:
    """A copy that keeps its name, since messages about it name it."""
    folder.mkdir(mode=0o700)
    copy = folder / address.rpartition("/")[2]
    try:
        with FileSystems.open(address) as source:
            copy.write_bytes(source.read())
    except (OSError, ValueError) as error:
        msg = f"{name}: cannot fetch {address}: {error}"
        raise UsageError(msg) from error
    return copy


def main() -> int:
    """Hands in the job; the exit status is vitalbeam's."""
    with tempfile.TemporaryDirectory() as folder:
        try:
            sys.argv[1:] = arguments(sys.argv[1:], Path(folder))
        except UsageError as error:
            sys.stderr.write(f"vitalbeam: {error}\n")
            return WRONG_USE
        return entry()


if __name__ == "__main__":
    sys.exit(main())
