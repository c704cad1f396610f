"""The jars of a cluster, fetched by Maven once."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path

_POM = Path(__file__).with_name("pom.xml")


class ClusterError(Exception):
    """A cluster cannot be; the message is one sentence that says why."""


def program(name: str) -> str:
    """Where a program is.

    Raises:
        ClusterError: it is not installed.
    """
    found = shutil.which(name)
    if found is None:
        msg = f"there is no {name} here: install Java 17 and Maven"
        raise ClusterError(msg)
    return found


def usual_cache() -> Path:
    """Where fetched things are kept for the next time."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "vitalbeam"


def libraries(cache: Path) -> Path:
    """The folder of the jars, which is filled if it is not there (200 MB).

    Args:
        cache: holds a folder for each version of what is needed.

    Raises:
        ClusterError: Maven is missing, or cannot fetch them.
    """
    version = hashlib.sha256(_POM.read_bytes()).hexdigest()[:12]
    ready = cache / f"flink-{version}"
    if ready.is_dir():
        return ready
    cache.mkdir(parents=True, exist_ok=True)
    # Under another name until all is there: an interrupted download is no library.
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        _fetch(Path(folder) / "jars")
        try:
            (Path(folder) / "jars").rename(ready)
        except OSError:
            if not ready.is_dir():  # somebody else was faster
                raise
    return ready


def _fetch(folder: Path) -> None:
    command = [program("mvn"), "-B", "-q", "-ntp", "-f", str(_POM)]
    copy = [
        "dependency:copy-dependencies",
        "-DincludeScope=runtime",
        f"-DoutputDirectory={folder}",
    ]
    done = subprocess.run(  # noqa: S603 - a command line of our own
        [*command, *copy],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"Maven cannot fetch the jars of {_POM}:\n{done.stdout[-4000:]}"
        raise ClusterError(msg)
