"""Beam's Prism runner for the integration tests: a Go program that is one file.

It is taken from the variable `VITALBEAM_PRISM`, or the path, or built by Go's own
client into the cache of this user: some two minutes, once.
"""

import fcntl
import os
import shutil
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

_MODULE = "github.com/apache/beam/sdks/v2/go/cmd/prism"


def prism():
    """The path of the program.

    Skips the test that asks if there is none and no Go to build it; fails it on a CI
    machine, where what is skipped would be taken for what has passed.
    """
    named = os.environ.get("VITALBEAM_PRISM") or shutil.which("prism")
    if named:
        return named
    cache = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache"))
    folder = cache / "vitalbeam" / f"prism-{version('apache-beam')}"
    if shutil.which("go") is None and not (folder / "prism").exists():
        reason = "needs Beam's Prism: name it by VITALBEAM_PRISM, or install Go"
        (pytest.fail if os.environ.get("CI") else pytest.skip)(reason)
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "prism").exists():
            _build(folder)
    return str(folder / "prism")


def _build(folder):
    made = folder / "made"
    done = subprocess.run(
        [shutil.which("go"), "install", f"{_MODULE}@v{version('apache-beam')}"],
        env={**os.environ, "GOBIN": str(made)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        msg = f"Go could not build Prism:\n{done.stderr[-4000:]}"
        raise RuntimeError(msg)
    (made / "prism").rename(folder / "prism")
