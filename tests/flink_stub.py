"""A JobManager in this process, over real sockets: what a real one has answered.

`data/flink/answers.json` was recorded from Flink 1.19.3: a job that was stopped with a
savepoint, and one that went on from there. What only a real one can show is tested
against one, in `integration`.
"""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ANSWERS = Path(__file__).parent / "data" / "flink" / "answers.json"

STOPPED = "3453c7ea9a0a787e7aafc3ab5072dd73"
RESTORED = "1fdc4c993744f44e6f203653789b265b"


class FlinkStub:
    """Answers by path; what it is asked to change it notes."""

    def __init__(self):
        self.answers = json.loads(ANSWERS.read_text())
        self.failures = []
        """Statuses, or bodies, that go before the next answers."""
        self.asked = []
        stub = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self):
                stub._answer(self)

            def do_POST(self):
                stub._answer(self)

            def do_PATCH(self):
                stub._answer(self)

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        serve = self._server.serve_forever
        threading.Thread(target=serve, args=(0.01,), daemon=True).start()
        self.address = f"http://127.0.0.1:{self._server.server_address[1]}"

    def _answer(self, request):
        length = int(request.headers.get("Content-Length") or 0)
        body = json.loads(request.rfile.read(length)) if length else None
        self.asked.append((request.command, request.path, body))
        status, content = 200, self.answers.get(request.path)
        if isinstance(content, list):  # one answer after the other
            content = content.pop(0) if len(content) > 1 else content[0]
        if content is None:
            status, content = 404, {"errors": ["Not found."]}
        text = json.dumps(content)
        if self.failures:
            failure = self.failures.pop(0)
            status, text = failure if isinstance(failure, tuple) else (failure, text)
        request.send_response(status)
        request.send_header("Content-Length", str(len(text.encode())))
        request.end_headers()
        request.wfile.write(text.encode())

    def close(self):
        self._server.shutdown()
        self._server.server_close()
