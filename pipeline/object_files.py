"""Files on an object store that are rewritten whole, by compare-and-swap.

A file is read with its version (an ETag; a generation on Google Cloud) and put on the
condition that it still has it: who comes second reads again and makes the change again.
A put whose answer got lost is one of those cases, as every change may be made twice.
A put appears whole or not at all; a run killed in the middle leaves nothing behind.

Conditional writes: https://docs.aws.amazon.com/AmazonS3/latest/userguide/conditional-writes.html,
https://cloud.google.com/storage/docs/request-preconditions,
https://learn.microsoft.com/rest/api/storageservices/specifying-conditional-headers-for-blob-service-operations
"""

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from typing import TYPE_CHECKING

import obstore
import pyarrow as pa
import tenacity
from obstore.exceptions import AlreadyExistsError, BaseError, PreconditionError
from obstore.store import from_url

from pipeline.object_errors import explain, may_have_been_done
from pipeline.object_parts import ObjectParts
from pipeline.whole_files import Change

if TYPE_CHECKING:
    from obstore import GetResult, ObjectMeta, UpdateVersion
    from obstore.store import ObjectStore

LONGEST_S = 300.0
"""Seconds for which an update goes on trying while others are faster."""

_LONGEST_WAIT_S = 5.0
"""Seconds between two tries of an update, at most."""

SMALL = 8 << 20
"""Bytes up to which a file is read in one go where parts of it may be enough."""

_PROBE = "_probe"
"""Name of a file that is never written."""

_NO_VERSION: "UpdateVersion" = {"e_tag": '"0"', "version": "1"}
"""A version that no file has; Google Cloud goes by the latter."""


class OvertakenError(OSError):
    """Others were faster all the time, or no put was answered."""


def open_folder(uri: str) -> "ObjectFiles":
    """The folder at an address.

    Raises:
        ValueError: the address is none of a folder, or the environment does not say
            how to reach it.
    """
    kind, _, rest = uri.partition("://")
    place, _, prefix = rest.partition("/")
    if kind in ("s3", "gs") and "@" in place:
        msg = "keys do not belong in an address: set them in the environment"
        raise ValueError(msg)
    if not place or "?" in rest or "#" in rest:
        msg = f"this is no address of a folder, which is {kind}://BUCKET/FOLDER"
        raise ValueError(msg)
    return ObjectFiles(_connect(f"{kind}://{place}"), prefix, uri)


@lru_cache(maxsize=64)
def _connect(root: str) -> "ObjectStore":
    """A connection to a bucket, which all folders of a process share.

    Keys and endpoint come from the environment, as the library reads them. It tries
    again by itself: ten times, three minutes.
    """
    try:
        return from_url(root)
    except BaseError as error:
        raise ValueError(explain(error, root.partition("://")[0])) from None


class ObjectFiles:
    """A folder on an object store; see `WholeFiles`.

    Args:
        store: the bucket.
        prefix: what the names of the folder's objects start with.
        uri: the folder's address, for messages.
        longest_s: seconds for which an update goes on trying while others are faster.
    """

    def __init__(
        self, store: "ObjectStore", prefix: str, uri: str, longest_s: float = LONGEST_S
    ) -> None:
        self._store = store
        self._prefix = prefix.strip("/")
        self._uri = uri
        self._longest_s = longest_s

    def prepare(self) -> None:
        """Checks that the folder can be listed and written, and by conditional puts.

        A put is tried on a condition that does not hold: nothing is written, unless the
        server does not know conditions.
        """
        try:
            next(iter(obstore.list(self._store, self._prefix or None)), None)
            if self._keeps_conditions():
                return
        except (BaseError, FileNotFoundError) as error:
            raise OSError(explain(error, self._kind)) from None
        msg = (
            "the server does not keep the condition If-Match of a put, so that one run"
            " would undo what another writes: use one that does"
        )
        raise OSError(msg)

    @tenacity.retry(
        retry=tenacity.retry_if_exception(may_have_been_done),
        wait=tenacity.wait_random_exponential(0.1, 1),
        stop=tenacity.stop_after_attempt(5),
        reraise=True,
    )
    def _keeps_conditions(self) -> bool:
        path = self._path(_PROBE)
        try:
            obstore.put(self._store, path, b"", mode=_NO_VERSION)
        except (PreconditionError, FileNotFoundError):
            return True
        with suppress(BaseError):  # what is left is empty, and the reason counts more
            obstore.delete(self._store, path)
        return False

    def read(self, name: str) -> bytes | None:
        """The content of a file, None if there is none."""
        return self._read(name)[0]

    def files(self, suffix: str) -> list[tuple[str, int]]:
        """The files below this folder whose names end so, and their sizes."""
        with self._explained():
            listed = obstore.list(self._store, self._prefix or None)
            return sorted(
                (self._name(one["path"]), one["size"])
                for page in listed
                for one in page
                if one["path"].endswith(suffix)
            )

    def open_each(self, name: str) -> Iterator[tuple[str, pa.NativeFile]]:
        """Opens the files of one name in the folders directly below this one."""
        with self._explained():
            listed = obstore.list_with_delimiter(self._store, self._prefix or None)
        below = (self._name(folder) for folder in listed["common_prefixes"])
        for path in (f"{folder}/{name}" for folder in sorted(below)):
            file = self._open(path)
            if file is not None:
                with file:
                    yield path, file

    def update(self, name: str, change: Change) -> None:
        """Replaces a file by what `change` makes of it.

        Raises:
            OvertakenError: it could not be done in time; doing all again is right.
            OSError: the store refuses, or does not answer.
        """
        for attempt in tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(OvertakenError),
            wait=tenacity.wait_random_exponential(0.02, _LONGEST_WAIT_S),
            stop=tenacity.stop_after_delay(self._longest_s),
            reraise=True,
        ):
            with attempt:
                self._try(name, change)

    def _try(self, name: str, change: Change) -> None:
        content, version = self._read(name)
        new = change(content)
        if new is None or new == content:
            return
        try:
            # The ETag of some stores is a hash of the content. A file that was changed
            # and changed back in the meantime is then taken for the same: it is.
            obstore.put(self._store, self._path(name), new, mode=version or "create")
        except (AlreadyExistsError, PreconditionError):
            msg = f"{self._uri}/{name} is being changed by others all the time"
            raise OvertakenError(msg) from None
        except BaseError as error:
            if not may_have_been_done(error):
                raise self._error(error) from None
            msg = f"{self._uri}/{name}: {explain(error, self._kind)}"
            raise OvertakenError(msg) from None

    def _read(self, name: str) -> "tuple[bytes | None, UpdateVersion | None]":
        with self._explained():
            found = self._get(name)
            if found is None:
                return None, None
            return bytes(found.bytes()), _version(found.meta)

    def _open(self, name: str) -> pa.NativeFile | None:
        """A file for random access; all of it is one version."""
        with self._explained():
            found = self._get(name)
            if found is None:
                return None
            if found.meta["size"] <= SMALL:
                return pa.BufferReader(bytes(found.bytes()))
            return pa.PythonFile(
                ObjectParts(self._store, found.meta, f"{self._uri}/{name}"), mode="r"
            )

    def _get(self, name: str) -> "GetResult | None":
        try:
            return obstore.get(self._store, self._path(name))
        except FileNotFoundError:
            return None

    def _path(self, name: str) -> str:
        return f"{self._prefix}/{name}" if self._prefix else name

    def _name(self, path: str) -> str:
        return path.removeprefix(self._prefix).lstrip("/")

    @property
    def _kind(self) -> str:
        return self._uri.partition("://")[0]

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except (BaseError, FileNotFoundError) as error:
            raise self._error(error) from None

    def _error(self, error: Exception) -> OSError:
        return OSError(f"{self._uri}: {explain(error, self._kind)}")


def _version(meta: "ObjectMeta") -> "UpdateVersion":
    version: UpdateVersion = {}
    if meta["e_tag"] is not None:
        version["e_tag"] = meta["e_tag"]
    if meta["version"] is not None:
        version["version"] = meta["version"]
    return version
