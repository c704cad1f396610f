"""A proxy before a FHIR server that lets requests go wrong in every way it knows.

What goes wrong with which request follows from a seed and the number of the request.
What passes is passed on as it is: the answers are those of the real server.
"""

import contextlib
import random
import socket
import struct
import threading
import time
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import orjson
import requests

SORRY = (408, 425, 429, 500, 502, 503, 504)

KINDS = (
    "status before the work",
    "status after the work",
    "reset before the work",
    "reset after the work",
    "answer cut off",
    "answer of somebody else",
    "answer too late",
    "some entries not done",
    "some entries done and denied",
    "twice at once",
    "another writer",
)
"""What can go wrong."""


class FaultProxy:
    """The proxy; `base` is where it answers.

    Args:
        target: base address of the server behind it.
        seed: decides what goes wrong.
        share: of the requests that go wrong.
        late_s: seconds by which an answer is too late.
        other_writer: called with a Bundle before it is passed on, in the fault of
            that name; it writes to the server what it likes.
        admits: whether a bearer token is good; None: nobody asks for one.
    """

    def __init__(
        self, target, seed=0, share=0, late_s=0, other_writer=None, admits=None
    ):
        self.target = target
        self.admits = admits
        self.late_s = late_s
        self.other_writer = other_writer
        self.share = share
        self.counts = Counter()
        """How often each fault occurred, and how many Bundles came."""
        self._random = random.Random(seed)
        self._lock = threading.Lock()
        self._sessions = threading.local()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
        self._http.daemon_threads = True
        self._http.proxy = self
        parts = urlsplit(target)
        self.base = f"http://127.0.0.1:{self._http.server_address[1]}{parts.path}"
        self._origin = f"{parts.scheme}://{parts.netloc}"
        threading.Thread(
            target=self._http.serve_forever, args=(0.01,), daemon=True
        ).start()

    def close(self):
        self._http.shutdown()
        self._http.server_close()

    def fault(self, is_bundle):
        """What goes wrong with the next request, None for nothing; and its chance."""
        with self._lock:
            self.counts["bundles"] += is_bundle
            chance = random.Random(self._random.random())
            if chance.random() >= self.share:
                return None, chance
            kind = chance.choice(KINDS if is_bundle else KINDS[:7])
            if kind == "another writer" and self.other_writer is None:
                kind = "twice at once"
            self.counts[kind] += 1
            return kind, chance

    def forward(self, method, path, headers, body):
        """The server's own answer."""
        session = getattr(self._sessions, "session", None)
        if session is None:
            session = self._sessions.session = requests.Session()
            session.trust_env = False
        passed = {
            name: value
            for name, value in headers.items()
            if name.lower() not in ("host", "content-length", "connection")
        }
        return session.request(
            method, f"{self._origin}{path}", headers=passed, data=body, timeout=120
        )


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _serve(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        proxy = self.server.proxy
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if proxy.admits is not None and not proxy.admits(token):
            proxy.counts["401"] += 1
            self.send_response(401)
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        is_bundle = self.command == "POST" and b'"batch"' in body[:100]
        kind, chance = proxy.fault(is_bundle)
        with contextlib.suppress(OSError):  # whoever asked has stopped waiting
            if kind is None:
                self._answer(self._pass_on(body))
            else:
                getattr(self, f"_{kind.replace(' ', '_')}")(body, chance)

    do_GET = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - what the library calls

    def _pass_on(self, body):
        return self.server.proxy.forward(self.command, self.path, self.headers, body)

    def _answer(self, answer, content=None, length=None):
        content = answer.content if content is None else content
        self.send_response(answer.status_code)
        for name in ("Content-Type", "ETag", "Location", "Content-Location"):
            if name in answer.headers:
                self.send_header(name, answer.headers[name])
        self.send_header("Content-Length", str(length or len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _say(self, status, chance):
        self.send_response(status)
        if chance.random() < 0.5:
            self.send_header("Retry-After", chance.choice(["0", "1", "soon"]))
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"Sorry")

    def _status_before_the_work(self, _body, chance):
        self._say(chance.choice(SORRY), chance)

    def _status_after_the_work(self, body, chance):
        self._pass_on(body)
        self._say(chance.choice(SORRY), chance)

    def _reset_before_the_work(self, _body, _chance):
        linger = struct.pack("ii", 1, 0)  # closing sends a reset
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RD)

    def _reset_after_the_work(self, body, chance):
        self._pass_on(body)
        self._reset_before_the_work(body, chance)

    def _answer_cut_off(self, body, chance):
        answer = self._pass_on(body)
        end = chance.randrange(len(answer.content))
        self._answer(answer, answer.content[:end], len(answer.content))
        self.close_connection = True

    def _answer_of_somebody_else(self, body, chance):
        answer = self._pass_on(body)
        pages = (b"<html>Maintenance</html>", b"", b"{}", b'{"resourceType":"Bundle"}')
        self._answer(answer, chance.choice(pages))

    def _answer_too_late(self, body, _chance):
        answer = self._pass_on(body)
        time.sleep(self.server.proxy.late_s)
        self._answer(answer)

    def _some_entries_not_done(self, body, chance):
        self._some(body, chance, done=False)

    def _some_entries_done_and_denied(self, body, chance):
        self._some(body, chance, done=True)

    def _some(self, body, chance, *, done):
        bundle = orjson.loads(body)
        entries = bundle["entry"]
        denied = [chance.random() < 0.5 for _ in entries]
        kept = [e for e, no in zip(entries, denied, strict=True) if done or not no]
        answers = iter(())
        if kept:
            answer = self._pass_on(orjson.dumps({**bundle, "entry": kept}))
            answers = iter(answer.json()["entry"])
        statuses = (*SORRY, 409)
        made = []
        for no in denied:
            own = next(answers) if done or not no else None
            sorry = {"response": {"status": f"{chance.choice(statuses)} Sorry"}}
            made.append(sorry if no else own)
        document = {"resourceType": "Bundle", "type": "batch-response", "entry": made}
        content = orjson.dumps(document)
        self.send_response(200)
        self.send_header("Content-Type", "application/fhir+json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _twice_at_once(self, body, _chance):
        """As a load balancer does that loses patience."""
        twin = threading.Thread(target=self._pass_on, args=(body,))
        twin.start()
        answer = self._pass_on(body)
        twin.join()
        self._answer(answer)

    def _another_writer(self, body, _chance):
        self.server.proxy.other_writer(orjson.loads(body))
        self._answer(self._pass_on(body))
