"""The outside world of a simulation: folders and a FHIR server, both real enough.

Folders lie on disk and are written by the code under test; what is simulated is who
waits for whose lock, and when. The server is the stub of the tests, asked without a
socket.
"""

import requests

from pipeline import fhir_shells, fhir_writer
from pipeline.fhir_client import client_of
from pipeline.fhir_exchange import Exchange, Reply
from pipeline.fhir_settings import FhirServer
from pipeline.upsert_files import Folder
from tests.fhir_server import FhirStub, Store
from transforms import exact_json


class Disk:
    """What all folders of a simulation share."""

    def __init__(self, deck, dice):
        self.deck, self._dice = deck, dice
        self.locked = set()
        self.torn = 0.0
        """Share of the deaths in the middle of a write."""
        self.written = []
        """Path, content and writer of each file, in the order of writing."""

    def tears(self):
        return self.torn > 0 and self._dice.chance(self.torn)


class Torn(BaseException):
    """The process died while it wrote a file."""


class SimulatedFolder(Folder):
    """A folder whose every use is a step of a simulation.

    Args:
        uri: a local path.
        disk: of the simulation.
    """

    def __init__(self, uri, disk):
        super().__init__(uri)
        self._disk = disk

    def __truediv__(self, name):
        return SimulatedFolder(f"{self.uri}/{name}", self._disk)

    def _pause(self, verb, name):
        place = "/".join(self.uri.split("/")[-2:])
        self._disk.deck.pause(f"{verb} {place}/{name}")

    def read(self, name):
        self._pause("read", name)
        return super().read(name)

    def open_each(self, name):
        self._pause("open", name)
        yield from super().open_each(name)

    def update(self, name, change):
        """As the folder does it; whoever holds the lock may be waited for."""
        path = f"{self.uri}/{name}"
        self._pause("write", name)
        while path in self._disk.locked:
            self._pause("wait for", name)
        self._disk.locked.add(path)
        try:
            super().update(name, self._noted(path, change))
        finally:
            self._disk.locked.discard(path)

    def _noted(self, path, change):
        """A change that may die with half of it written, and is remembered if not."""

        def noted(content):
            new = change(content)
            if new is not None and new != content:
                if self._disk.deck.running and self._disk.tears():
                    raise Torn
                self._disk.written.append((path, new, self._disk.deck.running))
            return new

        return noted


class SimulatedServer(FhirStub):
    """The stub of a FHIR server, without its sockets."""

    def __init__(self, deck, dice, faults):
        # Not the stub's own beginning: that opens a port.
        self.store = Store()
        self.unreadable = set()
        self.before_entry = lambda _method, _url: None
        self._deck, self._dice, self._left = deck, dice, faults

    def answer(self, method, path, body, headers):
        """Does what a request asks, or not; or does it and does not say so."""
        self._deck.pause(f"{method} {path or 'Bundle'}")
        fault = self._fault()
        if fault == "lost before":
            raise requests.ConnectionError
        if isinstance(fault, int) and fault != _PARTIAL:
            return Reply(fault, {}, b"", 0)
        partial = fault == _PARTIAL
        reply = self._do(method, path.lstrip("/"), body, headers, partial=partial)
        if fault == "lost after":
            raise requests.ReadTimeout
        return reply

    def _fault(self):
        bundle = self._deck.running
        if not self._left or bundle.is_zombie or not self._dice.chance(0.25):
            # A zombie that has overwritten what is newer, and dies before it looks
            # again, is the one thing that nobody can mend: see `pipeline.truth`.
            return None
        self._left -= 1
        return self._dice.pick(("lost before", "lost after", 429, 500, 503, _PARTIAL))

    def _do(self, method, path, body, headers, *, partial):
        if method == "POST" and not path:
            found = self._bundle(exact_json.loads(body), partial=partial)
            return Reply(200, {}, exact_json.dumps(found), 0)
        resource = exact_json.loads(body) if body else None
        conditions = {
            "ifMatch": headers.get("If-Match"),
            "ifNoneMatch": headers.get("If-None-Match"),
            "ifNoneExist": headers.get("If-None-Exist"),
        }
        status, found, version, location = self.store.do(
            method, path, resource, conditions
        )
        said = {"ETag": f'W/"{version}"'} if version else {}
        if location:
            said["Location"] = f"{location}"
        return Reply(status, said, b"" if found is None else exact_json.dumps(found), 0)

    def _bundle(self, bundle, *, partial):
        """Some entries may be done, and others not."""
        left_out = set()
        if partial:
            entries = range(len(bundle["entry"]))
            left_out = {n for n in entries if self._dice.chance(0.5)}
        done = [e for n, e in enumerate(bundle["entry"]) if n not in left_out]
        answers = iter(self.batch({"entry": done}, None)["entry"])
        return {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": [
                self._sorry(entry) if number in left_out else next(answers)
                for number, entry in enumerate(bundle["entry"])
            ],
        }

    def _sorry(self, entry):
        conflicts = (409, 412) if entry["request"]["method"] == "PUT" else ()
        status = self._dice.pick((408, 429, 500, 503, *conflicts))
        return {"response": {"status": f"{status} Sorry"}}


_PARTIAL = 207


class _SimulatedExchange(Exchange):
    def __init__(self, settings, server):
        super().__init__(settings)
        self._simulated = server

    def _send(self, method, path, body, headers, started):
        return self._simulated.answer(method, path, body, headers)


def connect(server, process, **rest):
    """What a process knows of a server: nothing yet.

    Args:
        server: the simulated one.
        process: name of the process; what one knows another does not.
        rest: more settings.
    """
    settings = FhirServer(base=f"http://simulated/{process}", bundle_size=500, **rest)
    client_of(settings)._exchange = _SimulatedExchange(settings, server)
    return settings


def forget_connections():
    """Ends all processes."""
    client_of.cache_clear()
    fhir_writer._memory_of.cache_clear()
    fhir_shells._memory_of.cache_clear()
