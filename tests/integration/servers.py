"""Real FHIR servers, and HL7's validator, for the integration tests.

Both are Maven projects of ours below `tests/fhir`, built when they are first needed.
"""

import fcntl
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

PROJECTS = Path(__file__).resolve().parents[1] / "fhir"

JVM = ("-XX:+UseSerialGC", "-Xmx3g")

QUICK = "-XX:TieredStopAtLevel=1"
"""Quick to start rather than quick in the long run: most processes are short."""

LONGEST_START = 180
"""Seconds until a server that has not answered is given up."""

LONGEST_END = 30
"""Seconds until a server that was asked to end is killed."""

LONGEST_ANSWER = 120
"""Seconds until a request that has no answer fails."""


def require_java():
    """Skips the test that asks if Java or Maven is missing; fails it on a CI machine.

    There, what is skipped would be taken for what has passed.
    """
    missing = [tool for tool in ("java", "mvn") if shutil.which(tool) is None]
    if missing:
        reason = f"needs Java 17 and Maven; there is no {' and no '.join(missing)} here"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)


def build(project):
    """Builds a project unless it is built already.

    Args:
        project: its folder below `tests/fhir`.

    Returns:
        The class path. `app.jar` comes first: an empty file in it hides a large one of
        the libraries.
    """
    folder = PROJECTS / project
    app = folder / "target" / "app.jar"
    with (PROJECTS / ".build.lock").open("w") as lock:
        # One build at a time, of whatever project: two Mavens that fill one local
        # repository get in each other's way.
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not is_built(folder, app):
            shutil.rmtree(app.parent, ignore_errors=True)
            _package(folder)
    return f"{app}{os.pathsep}{app.parent / 'lib' / '*'}"


def is_built(folder, app):
    """Whether a jar is newer than all that it is made of."""
    sources = [folder / "pom.xml", *(folder / "src").rglob("*")]
    return app.exists() and all(
        source.stat().st_mtime <= app.stat().st_mtime for source in sources
    )


def _package(folder):
    maven = shutil.which("mvn")
    pom = folder / "pom.xml"
    done = subprocess.run(
        [maven, "-B", "-q", "-ntp", "-f", pom, "package"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"Maven could not build {pom}:\n{_tail(done.stdout + done.stderr)}"
        raise RuntimeError(msg)


def _tail(text):
    return text[-4000:]


def java_command(project, main, *arguments, properties=(), lasting=False):
    """What runs a class of a project; `lasting` if it has minutes of work."""
    defined = [f"-D{name}={_spelled(value)}" for name, value in properties]
    tuned = JVM if lasting else (*JVM, QUICK)
    start = [shutil.which("java"), *tuned, *defined, "-cp", build(project)]
    return [*start, f"io.vitalbeam.testing.{main}", *arguments]


def _spelled(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def validate(resources, folder, *, vitals=True):
    """What HL7's validator says of some resources, in one run.

    Args:
        resources: dicts, or their JSON, whose numbers keep their digits.
        folder: for its files.
        vitals: holds each Observation to the vital-signs profile of its code.

    Returns:
        The errors: dicts with `index` (of the resource), `location`, `message` and
        `id`, the rule that is broken.
    """
    lines = [one if isinstance(one, str) else json.dumps(one) for one in resources]
    path = folder / "resources.ndjson"
    path.write_text("".join(f"{line}\n" for line in lines))
    flags = ["--vitals"] if vitals else []
    done = subprocess.run(
        java_command("validator", "FhirValidate", *flags, path),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"the validator failed:\n{_tail(done.stderr)}"
        raise RuntimeError(msg)
    return [json.loads(line) for line in done.stdout.splitlines()]


class ServerProcess:
    """Ends a server whose process is `_process`, and whose standard input we hold."""

    _process = None

    def stop(self):
        """Ends it in good order (SIGTERM)."""
        self._process.terminate()
        self._end()

    def kill(self):
        """Ends it at once (SIGKILL), as a power cut would."""
        self._process.kill()
        self._end()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def _end(self):
        self._process.stdin.close()
        try:
            self._process.wait(LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise


class HapiServer(ServerProcess):
    """A HAPI FHIR R4 server in a process of its own.

    It ends with `stop` or `kill`, at the end of a `with`, and in any case with this
    process, even if that is killed: the server ends when its standard input does, whose
    other end is held here.

    Attributes:
        base: where it answers, e.g. `http://127.0.0.1:40213/fhir`.
    """

    def __init__(self, folder, properties, lasting=False):
        self._folder = Path(folder)
        self._lasting = lasting
        self._properties = properties
        self._process = None
        self._session = None
        self.base = None

    @classmethod
    def start(cls, folder, *, lasting=False, **properties):
        """Starts a server and waits until it answers.

        Args:
            folder: for what it prints: `server.out` and `server.err`.
            lasting: whether it has minutes of work: then it pays to compile well.
            properties: its system properties, each with a default: `port`, `refint`,
                `validate`, `clientIds` and `db`; see `FhirServer.java`.

        Raises:
            RuntimeError: it ended, or did not answer in time, with what it said.
        """
        server = cls(folder, {"port": 0, **properties}, lasting)
        server._launch()
        return server

    @property
    def pid(self):
        """The id of its process."""
        return self._process.pid

    def restart(self):
        """Starts it again, at the same address and with the same properties.

        What it held is there again if its database is a file:
        `db="jdbc:h2:file:PATH;WRITE_DELAY=0"`. Without WRITE_DELAY=0 a server that is
        killed may lose what it has acknowledged.
        """
        self.stop()
        self._properties["port"] = urlsplit(self.base).port
        self._launch()

    def _launch(self):
        command = java_command(
            "server",
            "FhirServer",
            properties=self._properties.items(),
            lasting=self._lasting,
        )
        out, err = self._folder / "server.out", self._folder / "server.err"
        with out.open("w") as stdout, err.open("w") as stderr:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=stdout, stderr=stderr
            )
        deadline = time.monotonic() + LONGEST_START
        while self._process.poll() is None and time.monotonic() < deadline:
            if ready := re.search(r"READY (\S+)\n", out.read_text()):
                self.base = ready[1]
                self._session = requests.Session()
                self._session.trust_env = False  # no proxy stands before this machine
                return
            time.sleep(0.05)
        self.kill()
        msg = f"the FHIR server did not start:\n{_tail(err.read_text())}"
        raise RuntimeError(msg)

    def get(self, path, **params):
        """The answer to a GET, whatever its status."""
        return self._request("GET", path, params=params)

    def put(self, resource):
        """The answer to a PUT of a resource under its own id, whatever its status."""
        path = f"{resource['resourceType']}/{resource['id']}"
        return self._request("PUT", path, json=resource)

    def post(self, path, resource):
        """The answer to a POST, whatever its status; a Bundle goes to the path ""."""
        return self._request("POST", path, json=resource)

    def _request(self, method, path, **more):
        headers = {
            "Accept": "application/fhir+json",
            "Content-Type": "application/fhir+json",
        }
        url = path if path.startswith(self.base) else f"{self.base}/{path}"
        return self._session.request(
            method, url, headers=headers, timeout=LONGEST_ANSWER, **more
        )

    def search(self, resource_type, **params):
        """All resources that a search finds, page by page."""
        found, page = [], self.get(resource_type, **params)
        while page is not None:
            page.raise_for_status()
            bundle = page.json()
            found += [entry["resource"] for entry in bundle.get("entry", [])]
            links = {link["relation"]: link["url"] for link in bundle["link"]}
            page = self.get(links["next"]) if "next" in links else None
        return found

    def everything(self, resource_type):
        """All resources of a type by id, without what the server added to them."""
        found = self.search(resource_type, _count=1000)
        return {resource["id"]: _as_sent(resource) for resource in found}

    def wipe(self):
        """Removes all resources, deleted ones and old versions too."""
        all_of_it = {"name": "expungeEverything", "valueBoolean": True}
        parameters = {"resourceType": "Parameters", "parameter": [all_of_it]}
        self.post("$expunge", parameters).raise_for_status()


def _as_sent(resource):
    added = ("versionId", "lastUpdated", "source")
    meta = {
        name: value for name, value in resource["meta"].items() if name not in added
    }
    rest = {name: value for name, value in resource.items() if name != "meta"}
    return {**rest, "meta": meta} if meta else rest


def main():
    """Starts a server and tells its address; it ends with Enter."""
    with tempfile.TemporaryDirectory() as folder:
        with HapiServer.start(folder, lasting=True) as server:
            sys.stdout.write(f"{server.base}\n")
            sys.stdout.flush()
            sys.stdin.readline()


if __name__ == "__main__":
    main()
