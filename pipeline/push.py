"""Loads a folder of FHIR resources, written earlier, into a server.

What `run` does at its end, some time later: Patients and Devices first, then the
Observations, under the same ids and by the same writer. Pushing again changes nothing.
What has been pushed to a server whole is noted in the folder, file by file and by its
content, so that a push that was interrupted goes on where it was.
"""

import collections
import hashlib
import itertools
import time
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import orjson

from pipeline.fhir_draft import Outgoing
from pipeline.fhir_resources import Key
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_writer import STAGE, ServerWriter, Written
from pipeline.progress import Progress
from pipeline.upsert_files import Folder
from pipeline.write_dead_letters import letter_file, save_letters
from transforms.dead_letters import dead_letter
from transforms.errors import InvalidDataFormatError
from transforms.model import DeadLetter

TYPES = ("Patient", "Device", "Observation")
"""In this order: each refers to those before."""

JOURNAL = "_pushed"
"""Folder of the notes of what has been pushed."""

_NOTE_S = 2.0
"""Seconds of work that an interrupted push may have to do again."""

_ROUNDS = 4
"""Bundles that each connection has to send at a time."""


def resources_in(folder: Folder) -> Folder:
    """Where the resources are: the folder itself, or `fhir` below it."""
    below = folder / "fhir"
    return below if any((below / kind).files(".ndjson") for kind in TYPES) else folder


class _Line(NamedTuple):
    """A resource and where it stands."""

    key: Key
    body: bytes


class _Journal:
    """Notes which files a server has whole, by their content.

    Args:
        folder: of the resources.
        server: the server.
        again: forget what was noted before.
    """

    def __init__(self, folder: Folder, server: FhirServer, *, again: bool) -> None:
        digest = hashlib.sha256(f"{server.base} {server.ids}".encode()).hexdigest()
        self._folder = folder
        self._name = f"{JOURNAL}/{digest[:16]}.json"
        content = None if again else folder.read(self._name)
        self._known: dict[str, str] = orjson.loads(content) if content else {}
        self._noted = time.monotonic()

    def has(self, name: str, digest: str) -> bool:
        """Whether a file has been pushed as it is."""
        return self._known.get(name) == digest

    def note(self, name: str, digest: str) -> None:
        """Notes a file; others may have to be done again after an interruption."""
        self._known[name] = digest
        if time.monotonic() - self._noted > _NOTE_S:
            self.save()

    def save(self) -> None:
        """Writes all notes."""
        self._noted = time.monotonic()
        content = orjson.dumps(self._known, option=orjson.OPT_SORT_KEYS)
        self._folder.update(self._name, lambda _known: content)


class _Push:
    """One push of a folder to a server.

    Args:
        folder: of the resources.
        server: where they go.
        letters: folder of the dead letters.
    """

    def __init__(self, folder: Folder, server: FhirServer, letters: Folder) -> None:
        self._folder = folder
        self._letters = letters
        self._writer = ServerWriter(server, "")
        self._most = server.bundle_size * server.connections * _ROUNDS
        self._shells: dict[Key, bytes] = {}
        self.counts: collections.Counter[str] = collections.Counter()

    def push(self, kind: str, name: str, content: bytes, *, known: bool) -> bool:
        """Pushes one file.

        Args:
            kind: type of its resources.
            name: of the file.
            content: all of it.
            known: whether the server has it: then it is only read, for what others
                refer to.

        Returns:
            Whether the server has it all now.
        """
        damaged: list[DeadLetter] = []
        lines = _lines(kind, name, content, damaged)
        if kind == "Observation":
            written = () if known else map(self._write, _chunks(lines, self._most))
        else:
            shells = {line.key: line.body for line in lines}
            self._shells.update(shells)
            parts = _chunks(shells.items(), self._most)
            written = () if known else map(self._writer.settle, map(dict, parts))
        whole = True
        for one in written:
            self.counts += one.counts
            self._save(one.letters)
            whole = whole and not one.letters
        self._save(damaged)  # which the lines have told by now
        return whole and not damaged

    def _write(self, lines: Iterable[_Line]) -> Written:
        observations = {line.key.id: Outgoing(line.key.id, line.body) for line in lines}
        return self._writer.write(list(observations.values()), self._shells)

    def _save(self, letters: Iterable[DeadLetter]) -> None:
        files: dict[str, list[DeadLetter]] = {}
        for letter in letters:
            files.setdefault(letter_file(letter.source), []).append(letter)
            self.counts[f"DeadLetter/{letter.error}"] += 1
        for name, each in files.items():
            save_letters(self._letters, name, each)


def push(
    folder: Folder,
    server: FhirServer,
    letters: Folder,
    *,
    again: bool = False,
) -> Mapping[str, int]:
    """Pushes all resources of a folder.

    Args:
        folder: with `Patient`, `Device` and `Observation` below it.
        server: where they go.
        letters: folder of the dead letters.
        again: push also what has been pushed before.

    Returns:
        Counts by metric name; `FilePushed` and `FileKnown` besides.

    Raises:
        FhirUnavailableError, FhirRefusedError: as `FhirClient.send`; pushing again goes
            on from here.
    """
    files = [
        (kind, f"{kind}/{name}", size)
        for kind in TYPES
        for name, size in (folder / kind).files(".ndjson")
    ]
    work = _Push(folder, server, letters)
    journal = _Journal(folder, server, again=again)
    total = sum(size for _kind, _name, size in files)
    with Progress(total, noun="resources") as progress:
        try:
            for kind, name, size in files:
                content = folder.read(name) or b""
                digest = hashlib.sha256(content).hexdigest()
                known = journal.has(name, digest)
                if work.push(kind, name, content, known=known) and not known:
                    journal.note(name, digest)
                work.counts["FileKnown" if known else "FilePushed"] += 1
                progress.advance(content.count(b"\n"), size)
        finally:
            journal.save()
    return work.counts


def _lines(
    kind: str, name: str, content: bytes, damaged: list[DeadLetter]
) -> Iterator[_Line]:
    """The resources of a file; what is none becomes a letter."""
    for number, line in enumerate(content.splitlines(), 1):
        if not line.strip():
            continue
        try:
            resource = orjson.loads(line)
            fits = resource["resourceType"] == kind and isinstance(resource["id"], str)
        except (orjson.JSONDecodeError, TypeError, KeyError):
            fits = False
        if fits:
            yield _Line(Key(kind, resource["id"]), line)
            continue
        error = InvalidDataFormatError(
            f"the line is no {kind} with an id", "write the file again, and push it"
        )
        damaged.append(dead_letter(STAGE, error, line, f"{name}:{number}", None, ""))


def _chunks(items: Iterable[object], size: int) -> Iterator[list]:
    each = iter(items)
    while chunk := list(itertools.islice(each, size)):
        yield chunk
