"""A server that speaks S3, in a process of its own, and a proxy that loses answers.

The server is moto's (https://docs.getmoto.org/en/latest/docs/server_mode.html). It does
one request at a time: a condition that it has checked still holds when it writes, as on
the real ones, however many clients it has.
"""

import http.client
import json
import os
import random
import socket
import struct
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

BUCKET = "bucket"


class ObjectServer:
    """The server, with one empty bucket; it ends with `stop` or with this process.

    Args:
        folder: for what it prints.
        closed: whether it knows nobody's keys.

    Attributes:
        endpoint: where it answers, e.g. `http://127.0.0.1:40213`.
    """

    def __init__(self, folder, *, closed=False):
        environment = {**os.environ}
        if closed:  # but for the request that makes the bucket
            environment["INITIAL_NO_AUTH_ACTION_COUNT"] = "1"
        with (Path(folder) / "server.err").open("w") as errors:
            self._process = subprocess.Popen(
                [sys.executable, __file__],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env=environment,
            )
        told = self._process.stdout.readline()
        if not told:
            msg = f"the server did not start:\n{Path(errors.name).read_text()[-4000:]}"
            raise RuntimeError(msg)
        self.endpoint = json.loads(told)
        parts = urlsplit(self.endpoint)
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=60)
        connection.request("PUT", f"/{BUCKET}")
        assert connection.getresponse().status == 200
        connection.close()

    def stop(self):
        self._process.stdin.close()
        self._process.wait(30)
        self._process.stdout.close()


def environment(endpoint):
    """What tells a program to go there."""
    return {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "hush",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
    }


LOSSES = ("before the work", "after the work", "500 after the work")


class LossyProxy:
    """A proxy that loses some answers to puts; `endpoint` is where it answers.

    Args:
        target: endpoint of the server behind it.
        seed: decides which.
        share: of the puts whose answer is lost.
        forgets: headers of requests that are not passed on.
    """

    def __init__(self, target, seed, share, forgets=()):
        self.counts = Counter()
        """How often each loss occurred."""
        self.target = urlsplit(target)
        self.forgets = {name.lower() for name in forgets}
        self._random = random.Random(seed)
        self._share = share
        self._lock = threading.Lock()
        self._http = ThreadingHTTPServer(("127.0.0.1", 0), _Lossy)
        self._http.daemon_threads = True
        self._http.proxy = self
        self.endpoint = f"http://127.0.0.1:{self._http.server_address[1]}"
        threading.Thread(
            target=self._http.serve_forever, args=(0.01,), daemon=True
        ).start()

    def loss(self, method):
        """What is lost of the next request, None for nothing."""
        with self._lock:
            if method != "PUT" or self._random.random() >= self._share:
                return None
            loss = self._random.choice(LOSSES)
            self.counts[loss] += 1
            return loss

    def close(self):
        self._http.shutdown()
        self._http.server_close()


class _Lossy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def _pass_on(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        loss = self.server.proxy.loss(self.command)
        if loss == "before the work":
            self._hang_up()
            return
        answer, content = self._forward(body)
        if loss == "after the work":
            self._hang_up()
            return
        if loss is not None:
            self._answer(500, {}, b"")
            return
        self._answer(answer.status, answer.headers, content)

    do_GET = do_PUT = do_HEAD = do_POST = _pass_on  # noqa: N815

    def _forward(self, body):
        target = self.server.proxy.target
        connection = http.client.HTTPConnection(target.hostname, target.port)
        passed = {  # the host too, as the client has signed it
            name: value
            for name, value in self.headers.items()
            if name.lower() not in self.server.proxy.forgets
        }
        connection.request(self.command, self.path, body, passed)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer, content

    def _answer(self, status, headers, content):
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in ("connection", "transfer-encoding"):
                self.send_header(name, value)
        if "Content-Length" not in headers:
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    def _hang_up(self):
        self.close_connection = True
        linger = struct.pack("ii", 1, 0)
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.connection.close()


def main():
    """Serves until the standard input ends; tells its address first."""
    from moto.moto_server.werkzeug_app import (
        DomainDispatcherApplication,
        create_backend_app,
    )
    from werkzeug.serving import WSGIRequestHandler, make_server

    app = DomainDispatcherApplication(create_backend_app)
    lock = threading.Lock()

    def one_at_a_time(request, start_response):
        with lock:
            return list(app(request, start_response))

    class Quiet(WSGIRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_request(self, *_):
            pass

    server = make_server(
        "127.0.0.1", 0, one_at_a_time, threaded=True, request_handler=Quiet
    )
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(json.dumps(f"http://127.0.0.1:{server.port}") + "\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
