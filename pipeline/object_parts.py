"""Parts of a large file on an object store."""

import io
from typing import TYPE_CHECKING

import obstore
from obstore.exceptions import BaseError, PreconditionError

from pipeline.object_errors import explain

if TYPE_CHECKING:
    from obstore import GetOptions, ObjectMeta
    from obstore.store import ObjectStore


class ObjectParts(io.RawIOBase):
    """A large file of which only some parts are read, all of one version.

    Args:
        store: the bucket.
        meta: of the file, as a first look found it.
        uri: the file's address, for messages.
    """

    def __init__(self, store: "ObjectStore", meta: "ObjectMeta", uri: str) -> None:
        self._store = store
        self._path = meta["path"]
        self._size = meta["size"]
        self._e_tag = meta["e_tag"]
        self._uri = uri
        self._at = 0

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def tell(self) -> int:
        """Where the next part begins."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Says where the next part begins."""
        start = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}
        self._at = start[whence] + offset
        return self._at

    def read(self, size: int = -1) -> bytes:
        """A part of so many bytes, by one request.

        Raises:
            OSError: somebody has written the file since, or the store does not answer.
        """
        end = self._size if size < 0 else min(self._at + size, self._size)
        if end <= self._at:
            return b""
        part: GetOptions = {"range": (self._at, end), "if_match": self._e_tag}
        try:
            found = bytes(obstore.get(self._store, self._path, options=part).bytes())
        except (PreconditionError, FileNotFoundError):
            msg = f"{self._uri} was changed while it was read: run again"
            raise OSError(msg) from None
        except BaseError as error:
            kind = self._uri.partition("://")[0]
            msg = f"{self._uri}: {explain(error, kind)}"
            raise OSError(msg) from None
        self._at = end
        return found
