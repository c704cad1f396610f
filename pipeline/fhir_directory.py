"""The Patients, Devices and Encounters of a FHIR server: found, read, made and linked.

What is there already is never overwritten with what little messages know: a resource
is made only where there is none, and all that is ever changed is a link that a Device
lacks.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from pipeline.fhir_causes import ambiguous, mismatch, rejected, unsearchable
from pipeline.fhir_client import FhirClient
from pipeline.fhir_errors import FhirRefusedError
from pipeline.fhir_resources import (
    Key,
    Resource,
    Settled,
    Standing,
    Wanted,
    has_identifier,
    identifier_of,
)
from pipeline.fhir_work import Traffic
from transforms import exact_json
from transforms.bundle import Entry, Outcome, identified, put, read, search
from transforms.errors import RecordError


class Directory:
    """Patients, Devices and Encounters of one server.

    Args:
        client: talks to it.
    """

    def __init__(self, client: FhirClient) -> None:
        self._client = client
        self.traffic = Traffic()
        """What it took so far."""
        base = re.escape(client.server.base)
        # Also MedTech's ids, https://hl7.org/fhir/R4/references.html#literal
        self._owner = re.compile(
            rf"(?:{base}/)?Patient/([A-Za-z0-9_.~#-]{{1,64}})(?:/_history/.*)?"
        )

    def _send(self, entries: Sequence[Entry]) -> list[Outcome]:
        # What is read may be written again: with every digit.
        outcomes, traffic = self._client.send(entries, exact=True)
        self.traffic += traffic
        return outcomes

    def find(
        self, wanted: Collection[Wanted]
    ) -> dict[Wanted, list[Resource] | RecordError]:
        """All resources that have an identifier, exactly.

        Returns:
            What is found by each, or why the server will not look for it.

        Raises:
            FhirUnavailableError, FhirRefusedError: as `FhirClient.send`.
        """
        each = list(dict.fromkeys(wanted))
        entries = [search(one.type, identified(one.system, one.value)) for one in each]
        outcomes = self._send(entries)
        return {
            one: self._found(one, outcome)
            for one, outcome in zip(each, outcomes, strict=True)
        }

    def _found(self, one: Wanted, outcome: Outcome) -> list[Resource] | RecordError:
        if outcome.resource is not None:
            hits = self._hits(outcome.resource)
            return [resource for resource in hits if has_identifier(resource, one)]
        if outcome.status in (404, 405, 501):
            msg = (
                f"{self._client.server.base} does not search {one.type} by identifier"
                f" ({outcome.status}): nobody can be looked up there"
            )
            raise FhirRefusedError(msg)
        return unsearchable(one.type, outcome)

    def _hits(self, page: Resource | None) -> Iterable[Resource]:
        while page is not None:
            for entry in page.get("entry", ()):
                yield entry.get("resource", {})
            following = (
                link["url"]
                for link in page.get("link", ())
                if link.get("relation") == "next"
            )
            url = next(following, None)
            page = None if url is None else self._client.get(url)

    def read(self, keys: Collection[Key]) -> dict[Key, Resource | None]:
        """Resources by id; None for those that are not there or no longer."""
        each = list(dict.fromkeys(keys))
        entries = [read(key.type, key.id) for key in each]
        outcomes = self._send(entries)
        return {
            key: outcome.resource if outcome.done else None
            for key, outcome in zip(each, outcomes, strict=True)
        }

    def owner(self, device: Resource) -> str | None:
        """The id of the Patient that a Device is linked to; None for no link.

        Raises:
            ValueError: the link is no reference to a Patient of this server.
        """
        link = device.get("patient")
        if link is None:
            return None
        reference = link.get("reference") if isinstance(link, dict) else None
        match = self._owner.fullmatch(reference) if isinstance(reference, str) else None
        if match is None:
            msg = "the link is no reference to a Patient"
            raise ValueError(msg)
        return match[1]

    def settle(self, shells: Mapping[Key, Resource]) -> dict[Key, Settled]:
        """Sees to it that Patients or Devices are there.

        Args:
            shells: resources by our id, to be made where there are none; each has one
                identifier.

        Returns:
            What stands on the server for each; why it cannot; or None where another
            writer was at work, and the caller must look again.
        """
        if self._client.server.ids == "server":
            return self._settle_by_identifier(shells)
        known = {key: one for key, one in self.read(shells.keys()).items() if one}
        settled = self._settle_known(known, shells)
        missing = {key: shells[key] for key in shells if key not in settled}
        entries = [
            put(key.type, key.id, exact_json.dumps(shell), if_none_match=True)
            for key, shell in missing.items()
        ]
        outcomes = self._send(entries)
        for (key, shell), outcome in zip(missing.items(), outcomes, strict=True):
            if outcome.status == 404:
                raise self._without_ids(key.type)
            overwrote = outcome.status == 200 and key.type == "Device"
            if overwrote:
                self._restore(key, shell, outcome)
            if overwrote or outcome.status in (409, 412):
                settled[key] = None
            elif outcome.done:
                settled[key] = self._standing(shell, is_new=True)
            else:
                settled[key] = rejected(key.type, outcome)
        return settled

    def _settle_known(
        self, known: Mapping[Key, Resource], shells: Mapping[Key, Resource]
    ) -> dict[Key, Settled]:
        """What is there stays as it is, but for a Device that lacks a link."""
        settled = {key: self._standing(found) for key, found in known.items()}
        loose: dict[Key, tuple[Resource, str]] = {}
        for key, found in known.items():
            owner = self.owner(shells[key])
            if owner is not None and found.get("patient") is None:
                loose[key] = found, owner
        refused = self.link(list(loose.values()))
        return {**settled, **dict(zip(loose, refused, strict=True))}

    def _without_ids(self, kind: str) -> FhirRefusedError:
        # Of a PUT that would create: every later one would fare the same.
        msg = (
            f"{self._client.server.base} makes no {kind} under an id of ours (404): try"
            " --fhir_ids=server"
        )
        return FhirRefusedError(msg)

    def _settle_by_identifier(
        self, shells: Mapping[Key, Resource]
    ) -> dict[Key, Settled]:
        wanted = {key: identifier_of(shell) for key, shell in shells.items()}
        found = self.find(wanted.values())
        settled: dict[Key, Settled] = {}
        known: dict[Key, Resource] = {}
        missing: dict[Key, Entry] = {}
        for key, one in wanted.items():
            hits = found[one]
            if isinstance(hits, RecordError):
                settled[key] = hits
            elif len(hits) > 1:
                settled[key] = ambiguous(key.type)
            elif hits:
                known[key] = hits[0]
            else:
                rest = {k: v for k, v in shells[key].items() if k != "id"}
                query = identified(one.system, one.value)
                body = exact_json.dumps(rest)
                missing[key] = Entry("POST", key.type, body, if_none_exist=query)
        settled |= self._settle_known(known, shells)
        outcomes = self._send(list(missing.values()))
        for key, outcome in zip(missing, outcomes, strict=True):
            if outcome.status == 412:
                settled[key] = ambiguous(key.type)
            elif not outcome.done:
                settled[key] = rejected(key.type, outcome)
            elif outcome.status == 201 and outcome.id is not None:
                made = {**shells[key], "id": outcome.id}
                settled[key] = self._standing(made, is_new=True)
            else:
                settled[key] = None
        return settled

    def _standing(self, resource: Resource, *, is_new: bool = False) -> Settled:
        try:
            return Standing(resource["id"], self.owner(resource), is_new)
        except ValueError:
            return mismatch()

    def _restore(self, key: Key, ours: Resource, outcome: Outcome) -> None:
        """Gives a Device back to the writer that made it between our look and our PUT.

        Some servers do not look at If-None-Match; they say by 200 instead of 201 that
        there was something.
        """
        if outcome.version is None or not outcome.version.isdigit():
            return
        before = self.version(key, int(outcome.version) - 1)
        if before is None or before.get("patient") == ours.get("patient"):
            return
        body = exact_json.dumps(before)
        self._send([put("Device", key.id, body, if_match=outcome.version)])

    def version(self, key: Key, number: int) -> Resource | None:
        """A former version of a resource, None if there is none or it was deleted."""
        (found,) = self._send([Entry("GET", f"{key.type}/{key.id}/_history/{number}")])
        return found.resource if found.done else None

    def link(self, devices: Sequence[tuple[Resource, str]]) -> list[RecordError | None]:
        """Links Devices that have no patient to one.

        Args:
            devices: each as it was read, and the Patient's id.

        Returns:
            Why the server refuses; None where the caller must look again what has
            become of the link.
        """
        entries = []
        for device, patient_id in devices:
            linked = {**device, "patient": {"reference": f"Patient/{patient_id}"}}
            version = device.get("meta", {}).get("versionId")
            body = exact_json.dumps(linked)
            entries.append(put("Device", device["id"], body, if_match=version))
        outcomes = self._send(entries)
        return [
            None
            if outcome.done or outcome.status in (409, 412)
            else rejected("Device", outcome)
            for outcome in outcomes
        ]
