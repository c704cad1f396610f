"""How measurements get their identities: what the flags of `--identity` mean."""

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

from pipeline.options import UsageError
from transforms.identity import (
    BY_MESSAGE,
    AssignedIdentities,
    Identification,
    Identities,
    MessageIdentities,
)
from transforms.rules import Rules

if TYPE_CHECKING:  # not what runs without a server need
    from pipeline.fhir_resolver import Mode
    from pipeline.fhir_settings import FhirServer


class Identifying(NamedTuple):
    """Who knows whom measurements belong to, and what follows from it."""

    identities: Identities
    identification: Identification
    tag: str
    """What a store records: another way of identifying would give other ids."""


def resolve_identities(
    flags: argparse.Namespace,
    servers: "Sequence[FhirServer]",
    rules: Rules,
    *,
    may_create: bool = True,
) -> Identifying:
    """What the flags say of identities.

    Args:
        flags: of the command line.
        servers: the first of them knows Patients, Devices and Encounters.
        rules: how times without a zone are read.
        may_create: whether anything may be made on a server; if not, no server is asked
            about what would be made.

    Raises:
        UsageError: the flags contradict each other, or a table cannot be used.
    """
    mode = flags.identity
    if flags.identity_cache_s < 0:
        msg = "--identity_cache_s must not be negative"
        raise UsageError(msg)
    if (flags.assignments is not None) != (mode == "assignments"):
        msg = "--identity=assignments and --assignments=FILE go together"
        raise UsageError(msg)
    makes = mode in ("create", "assignments")
    if not makes and not servers:
        msg = f"--identity={mode} needs a FHIR server to look at: give --fhir=URL"
        raise UsageError(msg)
    server = servers[0] if servers and (may_create or not makes) else None
    how: Mode = "assigned" if mode == "assignments" else mode
    others = _identities(flags, how, server)
    asked = server is not None
    tag = mode if server is None or not makes else f"{mode} on a server"
    if mode == "create":
        return Identifying(others, Identification(asked, "linked"), tag)
    if not makes:
        return Identifying(others, Identification(asked, "none"), tag)
    from pipeline.read_assignments import read_assignments

    table = read_assignments(flags.assignments, rules)
    identities = AssignedIdentities(table, others)
    return Identifying(identities, Identification(asked, "unlinked"), tag)


def _identities(
    flags: argparse.Namespace, mode: "Mode", server: "FhirServer | None"
) -> Identities:
    system = flags.device_identifier_system
    if server is None:
        return MessageIdentities(system)
    from pipeline.fhir_identities import ServerIdentities

    return ServerIdentities(server, mode, system, flags.identity_cache_s)


def by_message(device_system: str) -> Identifying:
    """Without a server and a table."""
    return Identifying(MessageIdentities(device_system), BY_MESSAGE, "create")
