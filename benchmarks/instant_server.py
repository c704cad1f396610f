"""A FHIR server that does nothing and answers at once: what is left is the client.

It takes whatever it is sent: to a Bundle of N entries it answers that all N were
created, to a PUT that it was, and whatever is looked for is not there.
"""

import asyncio
import functools
import re
import sys

_LENGTH = re.compile(rb"\r\nContent-Length: (\d+)", re.IGNORECASE)
_CREATED = b'{"response":{"status":"201 Created","etag":"W/\\"1\\""}}'
_FOUND_NONE = (
    b'{"resource":{"resourceType":"Bundle","type":"searchset"},'
    b'"response":{"status":"200 OK"}}'
)
_MISSING = b'{"response":{"status":"404 Not Found"}}'
_NOTHING = b'{"resourceType":"Bundle","type":"searchset"}'
_STATEMENT = b'{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}'


def _http(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/fhir+json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


@functools.lru_cache
def _bundle(entries: int, answer: bytes) -> bytes:
    listed = b",".join([answer] * entries)
    head = b'{"resourceType":"Bundle","type":"batch-response","entry":['
    return _http("200 OK", head + listed + b"]}")


def _answer(head: bytes, body: bytes) -> bytes:
    if body.startswith(b'{"resourceType":"Bundle"'):
        # Entries of one Bundle are all of a kind.
        wanted = _CREATED
        if b'"method":"GET"' in body:
            wanted = _FOUND_NONE if b"?identifier=" in body else _MISSING
        return _bundle(body.count(b'"request":{'), wanted)
    if head.startswith(b"PUT"):
        return _http("201 Created", b"")
    if head.startswith(b"POST"):
        return _http("200 OK", _NOTHING)
    if b"/metadata" in head.partition(b"\r\n")[0]:
        return _http("200 OK", _STATEMENT)
    return _http("404 Not Found", b"")


async def _serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            body = await reader.readexactly(int(length[1])) if length else b""
            writer.write(_answer(head, body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _main() -> None:
    server = await asyncio.start_server(_serve, "127.0.0.1", 0, limit=1 << 26)
    port = server.sockets[0].getsockname()[1]
    sys.stdout.write(f"http://127.0.0.1:{port}/fhir\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_main())
