"""Processes that outlive the command that started them, known by their id."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Collection, Sequence
from pathlib import Path

_PROC = Path("/proc")
"""Where Linux tells of processes, with or without `ps`; other systems have that."""

_IS_LINUX = (_PROC / "self" / "cmdline").exists()

_LONGEST_END = 20
"""Seconds until a process that was asked to end is killed."""


def start(command: Sequence[str], log: Path, mark: str) -> int:
    """Starts a process in a session of its own.

    Args:
        command: its program and arguments.
        log: where what it prints is added.
        mark: one of its arguments.

    Returns:
        Its id, once it is known by the mark, or has ended.
    """
    with log.open("ab") as printed:
        process = subprocess.Popen(  # noqa: S603 - our own command lines
            command,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            umask=0o077,  # state holds readings
        )
    # For a moment the system shows no arguments of a new program.
    while process.poll() is None and not runs(process.pid, mark):
        time.sleep(0.01)
    return process.pid


def runs(pid: int, mark: str) -> bool:
    """Whether a process is there, and is the one that has this argument.

    An id is given to somebody else when its process is gone.
    """
    return mark in _ask(pid)[1]


def children(parents: Collection[int], mark: str) -> list[int]:
    """The ids of processes that these have started, and whose arguments hold `mark`."""
    found = {pid: _ask(pid) for pid in _all()}
    return [
        pid
        for pid, (parent, words) in found.items()
        if parent in parents and mark in words
    ]


def _all() -> list[int]:
    if _IS_LINUX:
        return [int(path.name) for path in _PROC.iterdir() if path.name.isdigit()]
    return [int(pid) for pid in _ps("-A", "-o", "pid=").split()]


def _ask(pid: int) -> tuple[int, str]:
    """The parent of a process and its arguments; none if it has ended."""
    if _IS_LINUX:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            words = (_PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ")
            stat = (_PROC / str(pid) / "stat").read_text()
            # The name of a program, in parentheses, may hold anything.
            return int(stat.rpartition(")")[2].split()[1]), os.fsdecode(words)
        return 0, ""
    line = _ps("-p", str(pid), "-o", "ppid=,args=")
    found, _, arguments = line.strip().partition(" ")
    return int(found or 0), arguments


def _ps(*flags: str) -> str:
    # Not by its path, which differs between systems.
    command = ["ps", "-ww", *flags]
    return subprocess.run(  # noqa: S603 - flags of our own
        command, capture_output=True, text=True, check=False
    ).stdout


def kill(pid: int) -> None:
    """Ends a process at once, though nothing that it has started; waits for its end."""
    mark = _ask(pid)[1]
    os.kill(pid, signal.SIGKILL)
    # It takes its time to give back its memory.
    while mark and runs(pid, mark):
        time.sleep(0.01)


def end(pids: Sequence[tuple[int, str]]) -> None:
    """Ends processes with all they have started, in good order if they can.

    Args:
        pids: ids, with the argument each is known by.
    """
    ends = time.monotonic() + _LONGEST_END
    for pid, mark in pids:
        _signal(pid, mark, signal.SIGTERM)
    for pid, mark in pids:
        while runs(pid, mark) and time.monotonic() < ends:
            time.sleep(0.1)
        _signal(pid, mark, signal.SIGKILL)


def _signal(pid: int, mark: str, kind: signal.Signals) -> None:
    if runs(pid, mark):
        os.killpg(pid, kind)
