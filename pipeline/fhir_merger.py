"""Observations merged into what a FHIR server holds that others have written.

For stores that the Azure MedTech service has filled, or still fills: each Observation
is read, ours is merged into it (`transforms.merge`), and it is written only if it still
is the version that was read. Who comes second looks again.
"""

import random
import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from pipeline.fhir_causes import ambiguous
from pipeline.fhir_client import FhirClient
from pipeline.fhir_directory import Directory
from pipeline.fhir_draft import Draft
from pipeline.fhir_errors import FhirUnavailableError
from pipeline.fhir_resources import Key, Wanted
from pipeline.fhir_work import Traffic
from transforms import exact_json
from transforms.bundle import Entry, Outcome, put
from transforms.errors import RecordError
from transforms.fhir_mapping import FhirMapping
from transforms.merge import merge

UNCHANGED = 304
"""Status of an Observation that says already what ours does."""

_ROUNDS = 20
"""How often to look again while others write the same Observations."""

_PAUSE_S = 0.25
"""Seconds by which the pauses between two looks grow at most."""

Answer = Outcome | RecordError


class _Known(NamedTuple):
    """An Observation on the server."""

    resource: dict[str, Any]
    version: str | None
    is_lost: bool = False
    """Whether we have overwritten it: then it must be written, changed or not."""


class Merger:
    """Merges into one server.

    Args:
        client: talks to it.
        directory: of it.
        mapping: the templates our Observations are made by; None if there is nothing
            to merge.
    """

    def __init__(
        self, client: FhirClient, directory: Directory, mapping: FhirMapping | None
    ) -> None:
        self._client = client
        self._mapping = mapping
        self._directory = directory
        self.traffic = Traffic()
        """What it took so far, reads apart."""

    def merge(
        self, drafts: Sequence[Draft], ids: Mapping[Key, str]
    ) -> dict[str, Answer]:
        """Merges Observations into those of their ids or identifiers.

        Args:
            drafts: Observations with their readings.
            ids: the server's id of each Patient and Device that has another than ours.

        Returns:
            The answer to each, by our id; `UNCHANGED` where nothing had to be written.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `FhirClient.send`.
        """
        answers: dict[str, Answer] = {}
        lost: dict[str, _Known] = {}
        for number in range(_ROUNDS):
            left = [draft for draft in drafts if draft.id not in answers]
            if not left:
                return answers
            time.sleep(random.random() * _PAUSE_S * number)  # noqa: S311 - jitter
            entries = self._entries(left, ids, lost, answers)
            outcomes, traffic = self._client.send(list(entries.values()))
            self.traffic += traffic
            for key, outcome in zip(entries, outcomes, strict=True):
                if outcome.status not in (409, 412):
                    answers[key] = outcome
            lost = self._overwritten(entries, answers)
        msg = "other writers keep changing the same Observations: try again"
        raise FhirUnavailableError(msg)

    def _entries(
        self,
        drafts: Sequence[Draft],
        ids: Mapping[Key, str],
        lost: Mapping[str, _Known],
        answers: dict[str, Answer],
    ) -> dict[str, Entry]:
        """What must be written, by our id; what need not or cannot is answered."""
        known = {**self._read(drafts, answers), **lost}
        entries: dict[str, Entry] = {}
        for draft in drafts:
            if draft.id in answers:
                continue
            there = known.get(draft.id)
            if there is not None:
                self._entry(draft, ids, there, entries, answers)
            elif self._client.server.ids == "server":
                entries[draft.id] = draft.unnamed_entry(ids)
            else:
                entries[draft.id] = draft.entry(ids)._replace(if_none_match=True)
        return entries

    def _entry(
        self,
        draft: Draft,
        ids: Mapping[Key, str],
        there: _Known,
        entries: dict[str, Entry],
        answers: dict[str, Answer],
    ) -> None:
        mapping = self._mapping
        template = None if mapping is None else mapping.template(draft.type or "")
        if mapping is None or template is None:
            msg = "an Observation cannot be merged without the template it was made by"
            raise LookupError(msg)
        new = draft.document(ids)
        try:
            readings = draft.outgoing.readings
            merged = merge(there.resource, new, template, readings, rules=mapping.rules)
        except RecordError as error:
            answers[draft.id] = error.detached()
            return
        if not merged.changed and not there.is_lost:
            answers[draft.id] = Outcome(UNCHANGED)
            return
        body = exact_json.dumps(merged.observation)
        name = there.resource["id"]
        entries[draft.id] = put("Observation", name, body, if_match=there.version)

    def _read(
        self, drafts: Sequence[Draft], answers: dict[str, Answer]
    ) -> dict[str, _Known]:
        """What is there, by our id."""
        if self._client.server.ids == "server":
            return self._search(drafts, answers)
        keys = [Key("Observation", draft.id) for draft in drafts]
        read = self._directory.read(keys)
        return {key.id: _known(found) for key, found in read.items() if found}

    def _search(
        self, drafts: Sequence[Draft], answers: dict[str, Answer]
    ) -> dict[str, _Known]:
        wanted = {d.id: Wanted("Observation", *d.identifier) for d in drafts}
        found = self._directory.find(wanted.values())
        known: dict[str, _Known] = {}
        for ours, one in wanted.items():
            hits = found[one]
            if isinstance(hits, RecordError):
                answers[ours] = hits
            elif len(hits) > 1:
                answers[ours] = ambiguous("Observation")
            elif hits:
                known[ours] = _known(hits[0])
        return known

    def _overwritten(
        self, entries: Mapping[str, Entry], answers: dict[str, Answer]
    ) -> dict[str, _Known]:
        """What we have overwritten that came between our look and our PUT.

        Some servers do not look at If-None-Match; they say by 200 instead of 201 that
        there was something. It is merged in the next round.
        """
        lost: dict[str, _Known] = {}
        for ours, entry in entries.items():
            answer = answers.get(ours)
            if (
                not entry.if_none_match
                or not isinstance(answer, Outcome)
                or answer.status != 200
                or not (answer.version or "").isdigit()
            ):
                continue
            before = self._directory.version(
                Key("Observation", ours), int(answer.version or "") - 1
            )
            if before is not None:
                del answers[ours]
                lost[ours] = _Known(before, answer.version, is_lost=True)
        return lost


def _known(resource: dict[str, Any]) -> _Known:
    return _Known(resource, resource.get("meta", {}).get("versionId"))
