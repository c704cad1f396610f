"""The flags of the command line, and what they mean together."""

import argparse
import dataclasses
import difflib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from transforms.rules import UNIT_POLICIES, Rules, zone_of

if TYPE_CHECKING:
    from pipeline.fhir_settings import FhirServer

DEVICE_MAPPING = "device.json"
FHIR_MAPPING = "fhir.json"
MESSAGES = (
    "messages.ndjson",
    "messages.ndjson.gz",
    "messages.ndjson.zst",
    "messages.json",
)

SHARDS_HELP = (
    "shards of a new store: more for a cluster, fewer files with fewer (default 4, or"
    " up to 32 if a first run of 128 MB or more fills its hours); an existing store"
    " keeps its own"
)


class UsageError(Exception):
    """The command line cannot work; the message is one sentence that says why."""


def unknown(rest: Sequence[str], parser: argparse.ArgumentParser) -> UsageError:
    """What is wrong with a command line of which something is left over.

    Args:
        rest: what no flag took.
        parser: knows the flags.
    """
    name = rest[0].partition("=")[0]
    if not name.startswith("-"):
        return UsageError(f"one DIR is enough, {name} is one more")
    known = [flag for action in parser._actions for flag in action.option_strings]
    close = difflib.get_close_matches(name, known, n=1)
    hint = f": did you mean {close[0]}?" if close else ""
    return UsageError(f"there is no option {name}{hint}")


def add_mapping_flags(parser: argparse._ActionsContainer) -> None:
    """The two mapping files."""
    parser.add_argument(
        "--device_mapping",
        metavar="FILE",
        help="device mapping (CollectionContent): where in a message the values are",
    )
    parser.add_argument(
        "--fhir_mapping",
        metavar="FILE",
        help="FHIR mapping (CollectionFhir): what Observation the values become",
    )


def add_rule_flags(parser: argparse._ActionsContainer) -> None:
    """How the mapping files are read."""
    parser.add_argument(
        "--compat",
        choices=["medtech"],
        help="results as the Azure MedTech service's open-source code has them, where"
        " ours are more exact: ids to the second, effectivePeriod for instants, whole"
        " division, ... (default: ours; `check` names each place that differs)",
    )
    parser.add_argument(
        "--zoneless_time",
        metavar="POLICY",
        help="what a time without a zone is: reject (a dead letter), utc, or an IANA"
        " zone like Europe/Paris (default reject; with --compat=medtech utc)",
    )


def add_range_flags(parser: argparse._ActionsContainer) -> None:
    """What happens to numbers that their unit makes impossible."""
    parser.add_argument(
        "--unit_policy",
        choices=UNIT_POLICIES,
        help="what a number outside the validRange of its value is, as if in another"
        " unit: reject (the measurement is a dead letter), flag (the value is absent,"
        " as an error), pass. reject and flag also hold vital signs and glucose without"
        " validRange to a table of plausible numbers (default: reject, without the"
        " table)",
    )


def resolve_rules(flags: argparse.Namespace) -> Rules:
    """How the mapping files are read.

    Raises:
        UsageError: the policy for zone-less times is none.
    """
    try:
        if flags.zoneless_time is not None:
            zone_of(flags.zoneless_time)
    except ValueError as error:
        msg = f"--zoneless_time: {error}"
        raise UsageError(msg) from error
    # `check` sees no numbers.
    units = getattr(flags, "unit_policy", None)
    return Rules(flags.compat == "medtech", flags.zoneless_time, units)


def add_message_flags(parser: argparse._ActionsContainer) -> None:
    """The messages and how they are taken in."""
    parser.add_argument(
        "--messages",
        metavar="GLOB",
        help="files of messages: one JSON message a line, or one array; also .gz, .zst",
    )
    parser.add_argument(
        "--envelope",
        choices=["auto", "body", "event"],
        default="auto",
        help="what a line is: MedTech's envelope {Body, Properties, SystemProperties}"
        " (event), a bare payload (body), or an envelope if it has a Body (auto)",
    )
    parser.add_argument(
        "--max_message_bytes",
        type=int,
        default=16_000_000,
        metavar="N",
        help="a larger message becomes a dead letter (default %(default)s)",
    )
    parser.add_argument(
        "--report_unmatched",
        action="store_true",
        help="write a dead letter for each message that no template matches (such"
        " messages are always counted)",
    )
    parser.add_argument(
        "--device_identifier_system",
        metavar="URI",
        default="",
        help="system of device identifiers, part of a Device's id (default: none)",
    )


def add_output_flags(parser: argparse._ActionsContainer) -> None:
    """Where the outputs go."""
    parser.add_argument(
        "--out",
        metavar="DIR",
        help="folder for all outputs: DIR/measurement, DIR/observation, DIR/fhir,"
        " DIR/dead_letters",
    )
    parser.add_argument(
        "--parquet", metavar="DIR", help="folder of the two Parquet tables"
    )
    parser.add_argument(
        "--fhir",
        metavar="DIR|URL",
        action="append",
        help="folder of the FHIR resources as NDJSON, or address of a FHIR server; may"
        " be repeated",
    )
    parser.add_argument(
        "--dead_letters", metavar="DIR", help="folder of the dead letters"
    )
    parser.add_argument("--shards", type=int, metavar="N", help=SHARDS_HELP)
    parser.add_argument(
        "--slice_mb",
        type=int,
        metavar="MB",
        help="MB of messages that each process of a local run takes in at a time, or of"
        " readings that it stores (default 64 and 128, less if many do, 4 if they write"
        " to a server)",
    )
    parser.add_argument(
        "--workers",
        type=int,
        metavar="N",
        help="processes of a local run over files (default one per core, or 1 if there"
        " is little input or it writes to a server)",
    )


_SECRETS = (
    ("token_file", "FILE", "holds the token of bearer; read again when it changes"),
    ("token_env", "NAME", "environment variable with the token of bearer"),
    ("token_url", "URL", "token endpoint of oauth2; smart finds it by itself"),
    (
        "client_id",
        "ID",
        "client of oauth2 and smart; of azure a user-assigned identity",
    ),
    ("client_secret_file", "FILE", "holds the secret of oauth2"),
    ("client_secret_env", "NAME", "environment variable with the secret of oauth2"),
    ("private_key", "FILE", "key of smart: PEM, JWK or JWKS; RSA or EC P-384"),
    ("key_id", "KID", "which key of a JWKS, as the server knows it"),
    ("scope", "TEXT", "what to ask for, where the default does not fit"),
    ("ca", "FILE", "certificates to trust instead of the system's"),
)

_LIMITS: tuple[tuple[str, type[float], str, str], ...] = (
    ("bundle_size", int, "N", "entries of a Bundle (100, at most 500)"),
    ("bundle_mb", float, "MB", "size of a Bundle (4)"),
    ("connections", int, "N", "requests at a time, per worker process (4)"),
    ("timeout_s", float, "S", "seconds a request may take (60)"),
    ("retry_s", float, "S", "seconds to go on trying (300)"),
)


def add_server_flags(parser: argparse._ActionsContainer) -> None:
    """How FHIR servers are reached; `fhir_settings.FhirServer` explains each.

    None of them has a default: what is not given leaves the setting as it is.
    """
    parser.add_argument(
        "--fhir_auth",
        choices=["none", "bearer", "oauth2", "smart", "azure", "google"],
        help="how we prove who we are: a token (bearer), client credentials (oauth2),"
        " SMART Backend Services (smart), a managed identity (azure), application"
        " default credentials (google)",
    )
    for name, metavar, text in _SECRETS:
        parser.add_argument(f"--fhir_{name}", metavar=metavar, help=text)
    for name, kind, metavar, text in _LIMITS:
        parser.add_argument(f"--fhir_{name}", type=kind, metavar=metavar, help=text)
    parser.add_argument(
        "--fhir_ids",
        choices=["client", "server"],
        help="server: for servers that refuse our ids, find resources by their"
        " identifiers instead (default client)",
    )
    parser.add_argument(
        "--fhir_merge",
        action="store_true",
        default=None,
        help="for a server that MedTech has filled: merge into what is there",
    )
    parser.add_argument(
        "--fhir_gzip",
        action="store_true",
        default=None,
        help="compress what is sent; not every server takes that",
    )
    parser.add_argument(
        "--fhir_settings",
        metavar="FILE",
        help="JSON with such settings by server address, for several servers:"
        ' {"https://server/fhir": {"auth": "smart", ...}}',
    )


def add_identity_flags(parser: argparse._ActionsContainer) -> None:
    """Whom measurements belong to."""
    parser.add_argument(
        "--identity",
        choices=["create", "lookup", "lookup-encounter", "assignments"],
        default="create",
        help="create: the patient that the message names, made on the first FHIR server"
        " if need be; lookup: the patient to whom the Device is linked there;"
        " lookup-encounter: with an Encounter; assignments: by a table of who wore a"
        " device when (default %(default)s)",
    )
    parser.add_argument(
        "--assignments",
        metavar="FILE",
        help="CSV or Parquet file with the columns device, patient, from, to",
    )
    parser.add_argument(
        "--identity_cache_s",
        type=float,
        default=300,
        metavar="S",
        help="seconds for which an identity is remembered (default %(default)s)",
    )


@dataclasses.dataclass(frozen=True)
class Inputs:
    """The files a command works on; None where neither flag nor folder names one."""

    device_mapping: Path | None
    fhir_mapping: Path | None
    messages: str | None


def resolve_inputs(folder: str | None, flags: argparse.Namespace) -> Inputs:
    """Combines a folder with the flags, which go before it.

    Raises:
        UsageError: the folder is none, or a mapping file does not exist.
    """
    device, fhir = flags.device_mapping, flags.fhir_mapping
    messages = getattr(flags, "messages", None)
    if folder is not None:
        base = Path(folder)
        if not base.is_dir():
            msg = f"{folder} is not a folder"
            raise UsageError(msg)
        device = device or _in_folder(base, (DEVICE_MAPPING,))
        fhir = fhir or _in_folder(base, (FHIR_MAPPING,))
        messages = messages or _in_folder(base, MESSAGES)
    for flag, path in (("--device_mapping", device), ("--fhir_mapping", fhir)):
        if path is not None and not Path(path).is_file():
            msg = f"{flag}: there is no file {path}"
            raise UsageError(msg)
    return Inputs(
        None if device is None else Path(device),
        None if fhir is None else Path(fhir),
        messages,
    )


def _in_folder(folder: Path, names: tuple[str, ...]) -> str | None:
    return next((str(folder / n) for n in names if (folder / n).is_file()), None)


@dataclasses.dataclass(frozen=True)
class Outputs:
    """Where the outputs go, as addresses."""

    parquet: str
    fhir: tuple[str, ...]
    """Folders."""
    dead_letters: str
    servers: "tuple[FhirServer, ...]" = ()


def resolve_outputs(flags: argparse.Namespace) -> Outputs:
    """The usual places below `--out`, unless a flag names another.

    Raises:
        UsageError: the store or the dead letters have no place, or two outputs clash.
    """
    out = flags.out.rstrip("/") or "/" if flags.out else None
    parquet = flags.parquet or out
    fhir = tuple(flags.fhir or ([f"{out}/fhir"] if out else []))
    dead_letters = flags.dead_letters or (f"{out}/dead_letters" if out else None)
    if parquet is None:
        msg = (
            "the measurement table needs a place, every Observation is computed from"
            " it: give --out=DIR or --parquet=DIR"
        )
        raise UsageError(msg)
    if dead_letters is None:
        msg = "dead letters need a place: give --out=DIR or --dead_letters=DIR"
        raise UsageError(msg)
    if "" in fhir:
        msg = "--fhir is empty: give a folder, or leave it out"
        raise UsageError(msg)
    tables = [f"{parquet}/measurement", f"{parquet}/observation"]
    places = [parquet, *tables, *fhir, dead_letters]
    if len({_place(address) for address in places}) < len(places):
        msg = "--parquet, --fhir and --dead_letters must be different places"
        raise UsageError(msg)
    servers = resolve_servers(fhir, flags)
    folders = tuple(address for address in fhir if not _is_server(address))
    return Outputs(parquet, folders, dead_letters, servers)


def resolve_servers(
    addresses: tuple[str, ...], flags: argparse.Namespace
) -> "tuple[FhirServer, ...]":
    """The servers among the addresses, with what the flags say of them.

    Raises:
        UsageError: the flags say what cannot be.
    """
    given = {
        name.removeprefix("fhir_"): value
        for name, value in vars(flags).items()
        if name.startswith("fhir_") and name not in ("fhir_mapping", "fhir_settings")
    }
    settings = flags.fhir_settings
    if not any(_is_server(address) for address in addresses):
        named = [name for name, value in given.items() if value is not None]
        if named or settings is not None:
            name = named[0] if named else "settings"
            msg = f"--fhir_{name}: no --fhir names a server, as https://server/fhir"
            raise UsageError(msg)
        return ()
    from pipeline.fhir_settings import servers_of  # not what --help and check need

    return servers_of(tuple(filter(_is_server, addresses)), given, settings)


def _is_server(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _place(address: str) -> str:
    """Two spellings of one folder or server are one."""
    path = address.removeprefix("file://")
    return path.rstrip("/") if "://" in path else os.path.realpath(path)
