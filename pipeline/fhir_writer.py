"""Observations and whom they refer to, onto a FHIR server.

Patients and Devices are settled before the Observations that refer to them. An
Observation is written under its id, so writing it again changes nothing; what this
process knows the server to hold is not written again. What the server refuses of one
resource is that resource's dead letter; the others go on.
"""

import functools
import hashlib
import threading
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import orjson
from cachetools import TTLCache

from pipeline.fhir_causes import ambiguous, nothing_to_find_by, rejected
from pipeline.fhir_client import client_of
from pipeline.fhir_directory import Directory
from pipeline.fhir_draft import Draft, Outgoing
from pipeline.fhir_merger import UNCHANGED, Answer, Merger
from pipeline.fhir_resources import Key, Standing
from pipeline.fhir_settings import FhirServer
from pipeline.fhir_shells import Settled, Shells, obstacle_of
from pipeline.fhir_work import Traffic
from transforms.bundle import Entry, Outcome, identified
from transforms.dead_letters import dead_letter
from transforms.errors import RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.model import DeadLetter
from transforms.value_mould import SERVICE

STAGE = "WriteFhir"

_MOST = 200_000
"""Observations of which a process remembers what the server holds."""

_REMEMBER_S = 3600.0
"""Seconds for which it is trusted to hold them: it may be set back to a backup."""


class Written(NamedTuple):
    """What became of what was to be written."""

    counts: Counter[str]
    """By metric name."""
    letters: list[DeadLetter]


class _Memory:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.held: TTLCache[str, bytes] = TTLCache(_MOST, _REMEMBER_S)
        """Digests of what the server holds, by id."""


@functools.cache
def _memory_of(_server: FhirServer) -> _Memory:
    """What this process knows of a server."""
    return _Memory()


class ServerWriter:
    """Writes to one server. It serves one thread; threads share what they know.

    Args:
        server: the server.
        mapping_version: hash of the two mapping files, for dead letters.
        mapping: what the Observations are made by, if that is known; needed to merge.
    """

    def __init__(
        self,
        server: FhirServer,
        mapping_version: str,
        mapping: FhirMapping | None = None,
    ) -> None:
        self._server = server
        self._mapping = mapping
        self._version = mapping_version
        self._client = client_of(server)
        self._directory = Directory(self._client)
        self._shells = Shells(server, self._directory)
        self._merger = Merger(self._client, self._directory, mapping)
        self._memory = _memory_of(server)
        self._traffic = Traffic()

    def write(
        self,
        observations: Sequence[Outgoing],
        shells: Mapping[Key, bytes],
        withdrawn: Iterable[tuple[str, str]] = (),
    ) -> Written:
        """Writes Observations, and removes those that can no longer be made.

        Args:
            observations: no two of one id.
            shells: the Patients and Devices they may refer to, as JSON by type and id;
                what is not among them is taken to be on the server.
            withdrawn: ids and identifiers of Observations to remove.

        Returns:
            What became of them; what is in no letter is on the server now.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `FhirClient.send`; some of the
                Observations may have been written.
        """
        counts: Counter[str] = Counter()
        left = [one for one in observations if not self._is_held(one)]
        counts["ServerObservationKnown"] += len(observations) - len(left)
        drafts = [Draft(one) for one in left]
        answers = self._put(drafts, shells, counts)
        # A Patient or Device may have been removed since it was settled.
        again = [one for one in drafts if self._may_lack(one, answers[one.id])]
        answers |= self._put(again, shells, counts)
        letters: list[DeadLetter] = []
        for draft in drafts:
            letters += self._note(draft, answers[draft.id], counts)
        letters += self._remove(list(withdrawn), counts)
        self._count_traffic(counts)
        return Written(counts, letters)

    def settle(self, shells: Mapping[Key, bytes]) -> Written:
        """Sees to it that Patients and Devices are there; what is there stays as it is.

        Args:
            shells: what to make where there is none, as JSON.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `FhirClient.send`.
        """
        counts: Counter[str] = Counter()
        letters = [
            dead_letter(
                STAGE, error, shells[key], f"{key.type}/{key.id}", None, self._version
            )
            for key, error in self._settle(shells, counts).items()
            if isinstance(error, RecordError)
        ]
        self._count_traffic(counts)
        return Written(counts, letters)

    def _is_held(self, outgoing: Outgoing) -> bool:
        if self._server.merge:
            return False  # others write too: only the server knows
        with self._memory.lock:
            return self._memory.held.get(outgoing.id) == _digest(outgoing)

    def _put(
        self,
        drafts: Sequence[Draft],
        shells: Mapping[Key, bytes],
        counts: Counter[str],
    ) -> dict[str, Answer]:
        """Settles whom the Observations refer to, and writes them."""
        keys = dict.fromkeys(key for draft in drafts for key in draft.keys)
        needed = {key: shells[key] for key in keys if key in shells}
        settled = self._settle(needed, counts)
        ids = {
            key: standing.id
            for key, standing in settled.items()
            if isinstance(standing, Standing) and standing.id != key.id
        }
        unnamed = self._server.ids == "server"
        answers: dict[str, Answer] = {}
        ready = []
        for draft in drafts:
            obstacle = obstacle_of(draft, settled, needed)
            if unnamed and not draft.identifier[1]:
                obstacle = nothing_to_find_by()
            if obstacle is None:
                ready.append(draft)
            else:
                answers[draft.id] = obstacle
        if self._server.merge:
            return answers | self._merger.merge(ready, ids)
        entries = [d.unnamed_entry(ids) if unnamed else d.entry(ids) for d in ready]
        outcomes = self._send(entries)
        return answers | {d.id: o for d, o in zip(ready, outcomes, strict=True)}

    def _settle(
        self, shells: Mapping[Key, bytes], counts: Counter[str]
    ) -> dict[Key, Settled]:
        settled = self._shells.settle(shells)
        for key, standing in settled.items():
            is_new = isinstance(standing, Standing) and standing.is_new
            counts[f"Server{key.type}Created"] += is_new
        return settled

    def _send(self, entries: Sequence[Entry]) -> list[Outcome]:
        outcomes, traffic = self._client.send(entries)
        self._traffic += traffic
        return outcomes

    def _may_lack(self, draft: Draft, answer: Answer) -> bool:
        if isinstance(answer, RecordError) or answer.status not in (400, 404, 422):
            return False
        return self._shells.forget(draft.keys)

    def _note(
        self, draft: Draft, answer: Answer, counts: Counter[str]
    ) -> list[DeadLetter]:
        """Counts and remembers an answer, or writes the letter that it calls for."""
        if isinstance(answer, Outcome) and answer.done:
            counts["FhirResourceSaved"] += 1
            created = answer.status == 201
            counts[f"ServerObservation{'Created' if created else 'Updated'}"] += 1
            with self._memory.lock:
                self._memory.held[draft.id] = _digest(draft.outgoing)
            return []
        if isinstance(answer, Outcome) and answer.status == UNCHANGED:
            counts["ServerObservationUnchanged"] += 1
            return []
        with self._memory.lock:
            self._memory.held.pop(draft.id, None)
        error = answer if isinstance(answer, RecordError) else _refusal(answer)
        mapping = self._mapping
        template = None if mapping is None else mapping.template(draft.type or "")
        letter = dead_letter(
            STAGE,
            error,
            draft.outgoing.body,
            f"Observation/{draft.id}",
            None,
            self._version,
            draft.type,
            None if template is None else template.location,
        )
        return [letter]

    def _remove(
        self, withdrawn: Sequence[tuple[str, str]], counts: Counter[str]
    ) -> list[DeadLetter]:
        """Deletes what can no longer be made; what others have written stays."""
        if self._server.merge:
            return []
        with self._memory.lock:
            for resource_id, _identifier in withdrawn:
                self._memory.held.pop(resource_id, None)
        unnamed = self._server.ids == "server"
        entries = [
            Entry("DELETE", f"Observation?{identified(SERVICE, identifier)}")
            if unnamed
            else Entry("DELETE", f"Observation/{resource_id}")
            for resource_id, identifier in withdrawn
        ]
        letters = []
        for (resource_id, _), outcome in zip(
            withdrawn, self._send(entries), strict=True
        ):
            if outcome.done:
                counts["ServerObservationRemoved"] += 1
            elif outcome.status not in (404, 410):
                body = orjson.dumps({"resourceType": "Observation", "id": resource_id})
                source = f"Observation/{resource_id}"
                error = rejected("removal of an Observation", outcome)
                letters.append(
                    dead_letter(STAGE, error, body, source, None, self._version)
                )
        return letters

    def _count_traffic(self, counts: Counter[str]) -> None:
        for traffic in (self._traffic, self._directory.traffic, self._merger.traffic):
            counts.update(traffic)
            traffic.clear()


def _digest(outgoing: Outgoing) -> bytes:
    # With the store's version: another process may have written something else since,
    # and a correction of a correction may bring back what we wrote before that.
    content = outgoing.body + outgoing.version
    return hashlib.blake2b(content, digest_size=16).digest()


def _refusal(outcome: Outcome) -> RecordError:
    # On a search that decides which one is meant, 412 says that there are several.
    if outcome.status == 412:
        return ambiguous("Observation")
    return rejected("Observation", outcome)
