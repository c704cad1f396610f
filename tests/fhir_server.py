"""A small FHIR server in this process, over real sockets, that can be told to fail.

It holds resources in memory and does what the tests of the client need: read, version,
search by identifier, PUT, conditional PUT and POST, DELETE, batch Bundles. It checks
what it is sent more strictly than real servers do. What only a real server can show is
tested against one, in `integration`.
"""

import contextlib
import gzip
import re
import socket
import ssl
import struct
import threading
import time
from collections import deque
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import NamedTuple
from urllib.parse import parse_qs

from transforms import exact_json


class Fault(NamedTuple):
    """What goes wrong with one request."""

    status: int | None = None
    """Answered instead of the true status."""
    retry_after: str | None = None
    after: bool = False
    """Whether the server did its work before it failed."""
    reset: bool = False
    """Breaks the connection instead of answering."""
    body: bytes | None = None
    """Answered instead of the true body."""
    cut: bool = False
    """Half of the answer, then the connection breaks."""
    wait_s: float = 0
    entries: int | None = None
    """Status of every second entry of a batch, which is not done."""


def outcome(code, diagnostics="no"):
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


class Store:
    """Resources and all their versions."""

    def __init__(self):
        self.versions = {}
        self.client_ids = True
        self.looks_at_if_none_match = False
        """HAPI does not."""
        self.conflict = 409
        """HAPI's answer to a stale If-Match; the standard says 412."""
        self.refuses = {}
        """Ids or identifier values → status."""
        self.lock = threading.RLock()
        self.next_id = 1
        self.writes = 0

    def current(self, kind, name):
        versions = self.versions.get((kind, name), [None])
        return versions[-1]

    def everything(self, kind):
        """All resources of a type by id, as they were sent."""
        return {
            name: {k: v for k, v in versions[-1].items() if k != "meta"}
            | ({"meta": meta} if (meta := _sent_meta(versions[-1])) else {})
            for (found, name), versions in sorted(self.versions.items())
            if found == kind and versions[-1] is not None
        }

    def put_by_hand(self, resource):
        """What another system has written."""
        return self._write(resource["resourceType"], resource["id"], resource)

    def search(self, kind, token):
        *system, value = (
            re.sub(r"\\(.)", r"\1", part) for part in re.split(r"(?<!\\)\|", token)
        )
        return [
            versions[-1]
            for (found, _), versions in sorted(self.versions.items())
            if found == kind and versions[-1] is not None
            for one in versions[-1].get("identifier", ())
            if one.get("value") == value and system in ([], [one.get("system")])
        ]

    def do(self, method, url, resource, conditions):
        """One interaction; returns status, resource or outcome, version, location."""
        with self.lock:
            path, _, query = url.partition("?")
            parts = path.split("/")
            if method == "GET":
                return self._get(parts, query)
            if method == "DELETE":
                return self._delete(parts, query)
            if resource is None or resource.get("resourceType") != parts[0]:
                return 400, outcome("invalid"), None, None
            refused = self._refused(resource)
            if refused:
                return refused, outcome("invariant", "SECRET"), None, None
            if method == "POST":
                return self._create(parts[0], resource, conditions)
            if query:
                return self._update_found(parts[0], query, resource)
            return self._update(parts, resource, conditions)

    def _get(self, parts, query):
        if query:
            (token,) = parse_qs(query)["identifier"]
            if token in self.refuses:
                return self.refuses[token], outcome("invalid"), None, None
            hits = [{"resource": hit} for hit in self.search(parts[0], token)]
            return 200, {"resourceType": "Bundle", "entry": hits}, None, None
        versions = self.versions.get((parts[0], parts[1]), [])
        number = int(parts[3]) - 1 if len(parts) > 2 else -1
        try:
            found = versions[number]
        except IndexError:
            return 404, outcome("not-found"), None, None
        if found is None:
            return 410, outcome("deleted"), None, None
        return 200, found, found["meta"]["versionId"], None

    def _delete(self, parts, query):
        names = [parts[-1]]
        if query:
            (token,) = parse_qs(query)["identifier"]
            names = [hit["id"] for hit in self.search(parts[0], token)]
        for name in names:
            if self.current(parts[0], name) is not None:
                self.versions[parts[0], name].append(None)
                self.writes += 1
        return 204, None, None, None

    def _refused(self, resource):
        for name in (resource.get("id"), *_values(resource)):
            if name in self.refuses:
                return self.refuses[name]
        for element in ("subject", "device", "patient"):
            reference = resource.get(element, {}).get("reference")
            if reference and self.current(*reference.split("/")) is None:
                return 400
        return None

    def _create(self, kind, resource, conditions):
        (token,) = parse_qs(conditions["ifNoneExist"])["identifier"]
        hits = self.search(kind, token)
        if len(hits) > 1:
            return 412, outcome("multiple-matches"), None, None
        if hits:
            return 200, None, hits[0]["meta"]["versionId"], f"{kind}/{hits[0]['id']}"
        assert "id" not in resource
        name, self.next_id = str(self.next_id), self.next_id + 1
        return self._write(kind, name, resource)

    def _update_found(self, kind, query, resource):
        (token,) = parse_qs(query)["identifier"]
        hits = self.search(kind, token)
        if len(hits) > 1:
            return 412, outcome("multiple-matches"), None, None
        assert "id" not in resource
        name = hits[0]["id"] if hits else str(self.next_id)
        self.next_id += not hits
        return self._write(kind, name, resource)

    def _update(self, parts, resource, conditions):
        kind, name = parts
        assert resource["id"] == name
        there = self.current(kind, name)
        if not self.client_ids and there is None:
            return 405, outcome("not-supported"), None, None
        wanted = conditions.get("ifMatch")
        if wanted is not None:
            version = there and f'W/"{there["meta"]["versionId"]}"'
            if wanted != version:
                return self.conflict, outcome("conflict"), None, None
        if conditions.get("ifNoneMatch") and there and self.looks_at_if_none_match:
            return 412, outcome("conflict"), None, None
        return self._write(kind, name, resource)

    def _write(self, kind, name, resource):
        versions = self.versions.setdefault((kind, name), [])
        there = versions[-1] if versions else None
        meta = _sent_meta(resource)
        new = {**resource, "id": name, "meta": {**meta, "versionId": ""}}
        if there is not None:
            new["meta"]["versionId"] = there["meta"]["versionId"]
            if new == there:
                return 200, None, there["meta"]["versionId"], f"{kind}/{name}"
        version = str(len(versions) + 1)
        new["meta"]["versionId"] = version
        versions.append(new)
        self.writes += 1
        return 200 if there else 201, None, version, f"{kind}/{name}/_history/{version}"


def _sent_meta(resource):
    meta = resource.get("meta", {})
    return {name: meta[name] for name in meta if name not in ("versionId", "source")}


def _values(resource):
    return [one.get("value") for one in resource.get("identifier", ())]


class FhirStub:
    """The server; `base` is its address, `store` what it holds.

    Args:
        certificate: files of certificate and key, for TLS.
    """

    def __init__(self, certificate=None):
        self.store = Store()
        self.faults = deque()
        """What goes wrong with the next requests, `None` for nothing."""
        self.requests = []
        """Method, path, headers and number of entries of each."""
        self.fhir_version = "4.0.1"
        self.unreadable = set()
        """Ids of resources that cannot be read: HAPI refuses a whole batch for one."""
        self.token = None
        """What it wants as a bearer token."""
        self.before_entry = lambda _method, _url: None
        """Called with each write, before it is done: another writer's chance."""
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.stub = self
        self._http.daemon_threads = True
        scheme = "http"
        if certificate is not None:
            tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            tls.load_cert_chain(*certificate)
            self._http.socket = tls.wrap_socket(self._http.socket, server_side=True)
            scheme = "https"
        self.base = f"{scheme}://127.0.0.1:{self._http.server_address[1]}/fhir"
        threading.Thread(
            target=self._http.serve_forever, args=(0.01,), daemon=True
        ).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def batch(self, bundle, fault):
        entries = []
        written = set()
        for number, entry in enumerate(bundle["entry"]):
            request = entry["request"]
            if request["method"] in ("PUT", "POST"):
                assert entry["fullUrl"], "validating servers want one"
                key = request["url"], request.get("ifNoneExist")
                assert key not in written, "no two entries may write one resource"
                written.add(key)
            if fault is not None and fault.entries and number % 2:
                entries.append({"response": {"status": f"{fault.entries} Sorry"}})
                continue
            self.before_entry(request["method"], request["url"])
            status, found, version, location = self.store.do(
                request["method"], request["url"], entry.get("resource"), request
            )
            entries.append(_response(status, found, version, location))
        return {
            "resourceType": "Bundle",
            "type": "batch-response",
            "entry": entries,
        }


def _response(status, found, version, location):
    response = {"status": f"{status} Whatever"}
    if version:
        response["etag"] = f'W/"{version}"'
    if location:
        response["location"] = location
    if found is not None and found["resourceType"] == "OperationOutcome":
        response["outcome"] = found
        return {"response": response}
    return {"response": response, **({"resource": found} if found else {})}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _serve(self):
        stub = self.server.stub
        length = int(self.headers.get("Content-Length", 0))
        body = self.rfile.read(length)
        if self.headers.get("Content-Encoding") == "gzip":
            body = gzip.decompress(body)
        path = self.path.removeprefix("/fhir").lstrip("/")
        if not self.path.startswith("/fhir") or path.startswith("no/such"):
            self._answer(404, {}, None, None)
            return
        fault = stub.faults.popleft() if stub.faults else None
        is_bundle = self.command == "POST" and not path
        count = len(exact_json.loads(body)["entry"]) if is_bundle else 1
        stub.requests.append((self.command, path, dict(self.headers), count))
        if fault is not None and fault.wait_s:
            time.sleep(fault.wait_s)
        if fault is not None and not fault.after and (fault.reset or fault.status):
            self._answer(fault.status, {}, None, fault)
            return
        status, document, headers = self._work(stub, path, body, fault)
        self._answer(status, headers, document, fault)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - what the library calls

    def _work(self, stub, path, body, fault):
        if path.startswith("metadata"):
            statement = {"resourceType": "CapabilityStatement"}
            return 200, {**statement, "fhirVersion": stub.fhir_version}, {}
        if stub.token and self.headers.get("Authorization") != f"Bearer {stub.token}":
            return 401, outcome("login"), {}
        if self.command == "POST" and not path:
            bundle = exact_json.loads(body)
            ids = {entry.get("resource", {}).get("id") for entry in bundle["entry"]}
            if ids & stub.unreadable:
                return 400, outcome("processing"), {}
            return 200, stub.batch(bundle, fault), {}
        method, url, resource = self.command, path, None
        if path.endswith("/_search"):
            method, url = "GET", f"{path.removesuffix('/_search')}?{body.decode()}"
        elif body:
            resource = exact_json.loads(body)
            if resource.get("id") in stub.unreadable:
                return 400, outcome("processing"), {}
        conditions = {
            "ifMatch": self.headers.get("If-Match"),
            "ifNoneMatch": self.headers.get("If-None-Match"),
            "ifNoneExist": self.headers.get("If-None-Exist"),
        }
        stub.before_entry(method, url)
        status, found, version, location = stub.store.do(
            method, url, resource, conditions
        )
        headers = {"ETag": f'W/"{version}"'} if version else {}
        if location:
            headers["Content-Location"] = f"{stub.base}/{location}"
        return status, found, headers

    def _answer(self, status, headers, document, fault):
        if fault is not None and fault.reset:
            linger = struct.pack("ii", 1, 0)
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
            self.close_connection = True
            # Closing with unsent linger sends a reset.
            with contextlib.suppress(OSError):
                self.connection.close()
            self.wfile = _Nowhere()
            return
        content = b"" if document is None else exact_json.dumps(document)
        if fault is not None and fault.status:
            status = fault.status
        if fault is not None and fault.body is not None:
            content = fault.body
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if fault is not None and fault.retry_after is not None:
            self.send_header("Retry-After", fault.retry_after)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if fault is not None and fault.cut:
            content = content[: len(content) // 2]
            self.close_connection = True
        with contextlib.suppress(OSError):  # whoever asked has stopped waiting
            self.wfile.write(content)


class _Nowhere:
    closed = False

    def write(self, _content):
        pass

    def flush(self):
        pass

    def close(self):
        pass
