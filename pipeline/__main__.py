"""The command line: `vitalbeam run | check | preview | push | convert`.

Exit status of `run`, `preview` and `push`: 0 clean, 1 with dead letters, 2 mapping or
usage error. Of `check`: 0, or 1 with errors, 2 usage error. Of `convert`: 0, or 1 when
something of an export could not be read, 2 usage error. Of all: 3 when the program
itself failed (a full disk, a server that is down, a bug), 130 when it was interrupted.
What a command needs is imported when it runs: `--help` and `check` do not pay for
Apache Beam.
"""

import argparse
import glob
import os
import sys
import time
import traceback
from collections.abc import Sequence
from typing import TYPE_CHECKING

import orjson

from pipeline.beam_errors import sentence
from pipeline.convert_flags import add_convert_flags
from pipeline.flink_flags import add_flink_flags
from pipeline.logs import set_up_logs
from pipeline.mappings import Mappings, load_mappings
from pipeline.options import (
    Inputs,
    Outputs,
    UsageError,
    add_identity_flags,
    add_mapping_flags,
    add_message_flags,
    add_output_flags,
    add_range_flags,
    add_rule_flags,
    add_server_flags,
    resolve_inputs,
    resolve_outputs,
    resolve_rules,
    resolve_servers,
    unknown,
)
from pipeline.show import Terminal, print_preview, print_problems
from pipeline.stream_options import (
    KAFKA,
    PUBSUB,
    Streaming,
    add_stream_flags,
    resolve_streaming,
)
from transforms.errors import MappingError
from transforms.rules import Rules

if TYPE_CHECKING:  # annotations should not load Apache Beam
    from pipeline.fhir_settings import FhirServer
    from transforms.intake import Intake

CLEAN, WITH_DEAD_LETTERS, WRONG_USE, FAILED, INTERRUPTED = 0, 1, 2, 3, 130

_ABOUT = """\
Device messages to FHIR R4 Observations and Parquet tables.

Two files say how. The device mapping says where in a message the values are, the FHIR
mapping says what Observation they become; files of the Azure MedTech service are
understood. A folder that holds device.json, fhir.json and messages.ndjson can stand
for all three.
"""

_EXAMPLES = {
    "preview": """\
  vitalbeam preview templates/vital-monitor
      see what becomes of the sample messages; nothing is written
""",
    "check": """\
  vitalbeam check --device_mapping=my/device.json --fhir_mapping=my/fhir.json
      find mistakes in mapping files, with line and column
""",
    "run": """\
  vitalbeam run --device_mapping=my/device.json --fhir_mapping=my/fhir.json \\
      --messages='inbox/*.ndjson.gz' --out=out
      write readings and Observations as Parquet, resources as FHIR NDJSON, and what
      could not be mapped as dead letters
""",
    "push": """\
  vitalbeam push out --fhir=https://server/fhir \\
      --fhir_auth=bearer --fhir_token_env=TOKEN
      load what an earlier run has written to out/fhir into a FHIR server
""",
    "convert": """\
  vitalbeam convert apple-health export.zip --patient=patient-1 --out=inbox/apple.ndjson
      make messages of a file that is no JSON, then:
      vitalbeam run templates/apple-export-xml --messages=inbox/apple.ndjson --out=out
""",
}


def parse(argv: Sequence[str]) -> tuple[argparse.Namespace, list[str]]:
    """Reads the command line; what is left over may be options of Beam.

    Raises:
        UsageError: something is left over of a command that does not run Beam.
    """
    parser = argparse.ArgumentParser(
        prog="vitalbeam",
        description=_ABOUT,
        epilog="examples:\n" + "".join(_EXAMPLES.values()),
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    run = _command(
        commands,
        "run",
        "read messages, write FHIR resources, Parquet tables and dead letters",
        "Running again, in parts, in any order or with repeated messages changes"
        " nothing.\nAny option of Apache Beam may follow as --name=value.",
    )
    add_range_flags(run)
    add_message_flags(run)
    add_output_flags(run.add_argument_group("outputs"))
    add_identity_flags(run.add_argument_group("identity of patients and devices"))
    add_server_flags(run.add_argument_group("FHIR servers"))
    streams = run.add_argument_group("streams")
    streams.add_argument(
        "--streaming",
        action="store_true",
        help="follow local files as lines are appended; topics are always followed",
    )
    add_stream_flags(streams)
    add_flink_flags(run.add_argument_group("streams on a Flink cluster"))
    check = _command(
        commands,
        "check",
        "find mistakes in one or both mapping files",
        "Prints every error and warning with file, line, column and a suggestion, and"
        " names\neach place whose result differs in the Azure MedTech service.",
    )
    check.add_argument(
        "--portable",
        action="store_true",
        help="what the Azure MedTech service does not know is an error",
    )
    _add_format(check, "text")
    preview = _command(
        commands,
        "preview",
        "show what run would do with some messages, without writing anything",
        "With a device mapping alone it stops after the measurements.",
    )
    add_range_flags(preview)
    add_message_flags(preview)
    _add_format(preview, "table")
    identity = preview.add_argument_group("identity of patients and devices")
    add_identity_flags(identity)
    identity.add_argument(
        "--fhir", metavar="URL", action="append", help="FHIR server to look at"
    )
    add_server_flags(preview.add_argument_group("FHIR server"))
    _add_push(commands)
    convert = _program(
        commands,
        "convert",
        "make messages of the exports of vendors that are not JSON lines",
        "What does not become a message is counted. Names of people and their devices"
        " stay\nbehind. A file that is damaged gives what stands before the damage.",
    )
    add_convert_flags(convert)
    tidy = [_underscored(argument) for argument in argv]
    flags, rest = parser.parse_known_args(tidy)
    if rest and flags.command != "run":
        raise unknown(rest, commands.choices[flags.command])
    return flags, rest


def _add_push(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
) -> None:
    push = _program(
        commands,
        "push",
        "load a folder of FHIR resources, written earlier, into a FHIR server",
        "Pushing again changes nothing, and goes on where an interrupted push was.\n"
        "Patients and Devices that are there stay as they are.",
    )
    push.add_argument(
        "folder",
        metavar="DIR",
        help="what --out of a run named, or its folder fhir",
    )
    push.add_argument(
        "--fhir", metavar="URL", required=True, help="address of the FHIR server"
    )
    push.add_argument(
        "--dead_letters",
        metavar="DIR",
        help="folder of what the server refuses (default: dead_letters below DIR)",
    )
    push.add_argument(
        "--again",
        action="store_true",
        help="push also what has been pushed before, as for a server that was emptied",
    )
    add_server_flags(push.add_argument_group("FHIR server"))


def _underscored(argument: str) -> str:
    """`--device-mapping` is `--device_mapping`; values stay as they are."""
    name, equals, value = argument.partition("=")
    if name.startswith("--"):
        name = f"--{name[2:].replace('-', '_')}"
    return f"{name}{equals}{value}"


def _command(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    details: str,
) -> argparse.ArgumentParser:
    command = _program(commands, name, summary, details)
    command.add_argument(
        "folder",
        nargs="?",
        metavar="DIR",
        help="folder with device.json, fhir.json and messages.ndjson; flags go before",
    )
    add_mapping_flags(command)
    add_rule_flags(command)
    return command


def _program(
    commands: "argparse._SubParsersAction[argparse.ArgumentParser]",
    name: str,
    summary: str,
    details: str,
) -> argparse.ArgumentParser:
    return commands.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.\n{details}",
        epilog=f"example:\n{_EXAMPLES[name]}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )


def _add_format(command: argparse.ArgumentParser, people: str) -> None:
    command.add_argument(
        "--format",
        choices=[people, "jsonl"],
        default=people,
        help=f"{people} for people, jsonl for programs (default: %(default)s)",
    )


def check(flags: argparse.Namespace, inputs: Inputs) -> int:
    """Prints the findings of one or both mapping files."""
    if inputs.device_mapping is None and inputs.fhir_mapping is None:
        msg = (
            "nothing to check: give DIR with device.json or fhir.json, or"
            " --device_mapping or --fhir_mapping"
        )
        raise UsageError(msg)
    rules = resolve_rules(flags)
    mappings = _load(inputs, rules)
    problems = mappings.all_problems(portable=flags.portable, notation=rules.medtech)
    errors = sum(found.severity == "error" for found in problems)
    if flags.format == "jsonl":
        for found in problems:
            _write_line(orjson.dumps(found._asdict()))
    else:
        console = Terminal()
        print_problems(console, problems)
        warnings = len(problems) - errors
        total = f"{_many(errors, 'error')}, {_many(warnings, 'warning')}"
        console.print(total, highlight=False)
        if not rules.medtech and (more := mappings.notations):
            console.print(_differs(more), highlight=False, soft_wrap=True)
    return 1 if errors else 0


def _differs(count: int) -> str:
    return (
        "The Azure MedTech service writes times and ids of instants otherwise, of"
        f" {_many(count, 'type')}: `vitalbeam check --compat=medtech` names them"
    )


def _more(count: int) -> str:
    return (
        f"{_many(count, 'warning')} about vital signs, units and codes: `vitalbeam"
        " check` names them"
    )


def _many(count: int, name: str) -> str:
    return f"{count} {name}" if count == 1 else f"{count} {name}s"


def preview(flags: argparse.Namespace, inputs: Inputs) -> int:
    """Prints what a run would do with some messages."""
    if inputs.device_mapping is None:
        msg = (
            "preview needs a device mapping: give DIR with device.json, or"
            " --device_mapping=FILE"
        )
        raise UsageError(msg)
    paths = _paths(inputs)
    mappings = _load(inputs, resolve_rules(flags))
    mappings.raise_errors()
    servers = _servers_to_look_at(flags)
    from pipeline.identity_modes import resolve_identities
    from pipeline.preview import json_lines
    from pipeline.preview import preview as look

    found = look(
        mappings,
        paths,
        _intake(flags, mappings),
        flags.device_identifier_system,
        # Nothing is made on a server: ids of what would be are those of messages.
        resolve_identities(flags, servers, mappings.rules, may_create=False),
    )
    if flags.format == "jsonl":
        for line in json_lines(found):
            _write_line(line)
    else:
        print_preview(Terminal(), found, with_resources=mappings.fhir is not None)
    return WITH_DEAD_LETTERS if found.dead_letters else CLEAN


def _servers_to_look_at(flags: argparse.Namespace) -> "tuple[FhirServer, ...]":
    addresses = tuple(flags.fhir or ())
    servers = resolve_servers(addresses, flags)
    if len(servers) < len(addresses):
        msg = "preview writes nothing: --fhir is for a server that --identity looks at"
        raise UsageError(msg)
    return servers


def run(flags: argparse.Namespace, inputs: Inputs, beam_flags: list[str]) -> int:
    """Runs the pipeline and prints what became of the messages."""
    if inputs.device_mapping is None or inputs.fhir_mapping is None:
        msg = (
            "run needs both mappings: give DIR with device.json and fhir.json, or"
            " --device_mapping and --fhir_mapping"
        )
        raise UsageError(msg)
    outputs = resolve_outputs(flags)
    streaming = resolve_streaming(flags, inputs.messages)
    if streaming:
        return _run(flags, inputs, beam_flags, outputs, streaming)
    from pipeline.workers import started_ahead

    helpers = _helpers(flags, inputs, beam_flags, outputs)
    with started_ahead(helpers, "pipeline.local_run"):
        return _run(flags, inputs, beam_flags, outputs, None)


def _helpers(
    flags: argparse.Namespace, inputs: Inputs, beam_flags: list[str], outputs: Outputs
) -> int:
    """How many processes a run will start, as far as that is soon seen."""
    if beam_flags or outputs.servers:  # it may be a cluster that runs
        return 0
    from pipeline.workers import WORTH_A_WORKER, suitable_workers

    files = filter(os.path.isfile, glob.glob(_messages(inputs)))
    size = sum(map(os.path.getsize, files))
    if size < WORTH_A_WORKER:
        return 0
    return max((flags.workers or suitable_workers(size)) - 1, 0)


def _run(
    flags: argparse.Namespace,
    inputs: Inputs,
    beam_flags: list[str],
    outputs: Outputs,
    streaming: Streaming | None,
) -> int:
    paths = [] if streaming else _paths(inputs)
    mappings = _load(inputs, resolve_rules(flags))
    mappings.raise_errors()
    from pipeline.summary import dead_letters, print_summary

    errors = Terminal(stderr=True)
    print_problems(errors, mappings.about_this_run)
    if rest := len(mappings.problems) - len(mappings.about_this_run):
        errors.print(_more(rest), highlight=False, soft_wrap=True)
    started = time.monotonic()
    intake = _intake(flags, mappings)
    if streaming:
        from pipeline.launch_stream import launch_stream

        messages = _messages(inputs)
        known = launch_stream(
            flags, beam_flags, mappings, intake, outputs, messages, streaming
        )
        if known is None:
            return CLEAN
        counts = known
    else:
        from pipeline.launch import launch

        counts = launch(flags, beam_flags, mappings, intake, outputs, paths)
    print_summary(Terminal(), counts, outputs, time.monotonic() - started)
    return WITH_DEAD_LETTERS if dead_letters(counts) else CLEAN


def push(flags: argparse.Namespace) -> int:
    """Loads a folder of resources into a server."""
    if flags.fhir_merge:
        msg = "--fhir_merge is for run: a folder does not hold what merging needs"
        raise UsageError(msg)
    servers = resolve_servers((flags.fhir,), flags)
    if not servers:
        msg = f"--fhir={flags.fhir}: push loads into a server, as https://server/fhir"
        raise UsageError(msg)
    from pipeline.fhir_client import check_server
    from pipeline.push import TYPES, resources_in
    from pipeline.push import push as load
    from pipeline.summary import dead_letters, print_pushed
    from pipeline.upsert_files import Folder

    folder = resources_in(Folder(flags.folder))
    if not any((folder / kind).files(".ndjson") for kind in TYPES):
        msg = f"{flags.folder} holds no FHIR resources: name what --out of a run named"
        raise UsageError(msg)
    check_server(servers[0])
    letters = Folder(flags.dead_letters or f"{flags.folder}/dead_letters")
    started = time.monotonic()
    counts = load(folder, servers[0], letters, again=flags.again)
    seconds = time.monotonic() - started
    print_pushed(Terminal(), counts, servers[0].base, letters.uri, seconds)
    return WITH_DEAD_LETTERS if dead_letters(counts) else CLEAN


def convert(flags: argparse.Namespace) -> int:
    """Makes messages of exports."""
    from pipeline.convert import convert as make
    from pipeline.converted import Settings

    settings = Settings(
        patient=flags.patient,
        device=flags.device,
        timezone=flags.timezone,
        date_order=flags.date_order,
    )
    count, notes = make(flags.kind, flags.files, flags.out, settings)
    for told in notes.told:
        sys.stderr.write(f"vitalbeam: {told}\n")
    if more := notes.problems - len(notes.told):
        sys.stderr.write(f"vitalbeam: and {_many(more, 'more problem')}\n")
    place = "" if flags.out == "-" else f" in {flags.out}"
    sys.stderr.write(f"{count:,} {'message' if count == 1 else 'messages'}{place}\n")
    if notes.left_out:
        kinds = (f"{n:,} {name}" for name, n in sorted(notes.left_out.items()))
        sys.stderr.write(f"left out: {', '.join(kinds)}\n")
    return WITH_DEAD_LETTERS if notes.problems else CLEAN


def _messages(inputs: Inputs) -> str:
    if inputs.messages is None:
        msg = "there are no messages: give --messages=GLOB, or DIR with messages.ndjson"
        raise UsageError(msg)
    return inputs.messages


def _paths(inputs: Inputs) -> list[str]:
    messages = _messages(inputs)
    if messages.startswith((KAFKA, PUBSUB)):
        msg = f"{messages}: preview shows what is in files"
        raise UsageError(msg)
    if messages.startswith(("http://", "https://")):
        msg = f"{messages}: messages come from files, {KAFKA}... and {PUBSUB}..."
        raise UsageError(msg)
    from pipeline.message_files import find_files

    try:
        return find_files(messages)
    except FileNotFoundError as error:
        msg = f"--messages: no file matches {messages}"
        raise UsageError(msg) from error
    except IsADirectoryError as error:
        folder = messages.rstrip("/")
        msg = f"--messages: {folder} is a folder; name its files, as in '{folder}/*'"
        raise UsageError(msg) from error
    except (OSError, ValueError) as error:
        msg = f"--messages: cannot look for {messages}: {error}"
        raise UsageError(msg) from error


def _load(inputs: Inputs, rules: Rules) -> Mappings:
    try:
        return load_mappings(inputs.device_mapping, inputs.fhir_mapping, rules)
    except OSError as error:
        msg = f"a mapping file cannot be read: {error}"
        raise UsageError(msg) from error


def _intake(flags: argparse.Namespace, mappings: Mappings) -> "Intake":
    from transforms.intake import Intake

    if flags.max_message_bytes < 1:
        msg = "--max_message_bytes must be positive"
        raise UsageError(msg)
    return Intake(
        flags.envelope,
        flags.max_message_bytes,
        flags.report_unmatched,
        mappings.version,
        mappings.rules.medtech,
    )


def _write_line(line: bytes) -> None:
    sys.stdout.buffer.write(line + b"\n")


def _command_of(argv: Sequence[str]) -> int:
    flags, rest = parse(argv)
    if rest:
        from pipeline.ingest_options import beam_options

        beam_options(rest)  # first: for a misspelt flag another one seems to be missing
    if flags.command in ("push", "convert"):
        return (push if flags.command == "push" else convert)(flags)
    inputs = resolve_inputs(flags.folder, flags)
    if flags.command == "run":
        return run(flags, inputs, rest)
    return (check if flags.command == "check" else preview)(flags, inputs)


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command; returns the exit status."""
    set_up_logs()
    try:
        status = _command_of(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()  # here, where a reader that has left is expected
        return status
    except UsageError as error:
        sys.stderr.write(f"vitalbeam: {error}\n")
    except MappingError as error:
        print_problems(Terminal(stderr=True), error.problems)
        count = _many(len(error.problems), "error")
        sys.stderr.write(f"vitalbeam: {count} in the mapping\n")
    except BrokenPipeError:
        _settle_stdout()
        return 128 + 13
    return WRONG_USE


def _settle_stdout() -> None:
    """Where stdout cannot be written, what is left goes nowhere.

    Otherwise the interpreter's last flush would complain, and change the exit status.
    """
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def entry() -> int:
    """Runs `main` as a program: what fails there must not look like dead letters."""
    try:
        return main()
    except KeyboardInterrupt:
        sys.stderr.write("vitalbeam: interrupted; run it again to go on\n")
        return INTERRUPTED
    except OSError as error:
        sys.stderr.write(f"vitalbeam: {sentence(error)}\n")
        _settle_stdout()
        return FAILED
    except Exception as error:
        # Only where it happened: what an exception says may hold a value of a message.
        frames = "".join(traceback.format_tb(error.__traceback__))
        frames = getattr(error, "frames", frames)  # of another process
        kind = getattr(error, "kind", type(error).__name__)
        sys.stderr.write(f"{frames}vitalbeam: {kind}: a bug, please report it\n")
        return FAILED


if __name__ == "__main__":
    sys.exit(entry())
