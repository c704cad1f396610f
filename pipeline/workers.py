"""Slices by several processes at once: one Python process uses one core.

The store is what makes it simple: owners of a slot hold its file's lock, and whatever
the order in which slices arrive, the stores are the same. So a process takes a slice
when it is free, and no more is shared.
"""

import contextlib
import importlib
import multiprocessing
import os
import signal
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.connection import Connection, wait
from typing import Any, Generic, NamedTuple, TypeVar

from pipeline.beam_errors import sentence
from pipeline.logs import set_up_logs
from pipeline.options import UsageError

Task = TypeVar("Task")
Result = TypeVar("Result")

_CONTEXT = multiprocessing.get_context("spawn")
"""A fork would share Beam's threads and locks, in whatever state they are."""


WORTH_A_WORKER = 16 << 20
"""Bytes of input that take longer than a process takes to start."""


class WorkerFailedError(RuntimeError):
    """A worker met what is no trouble with files, servers or flags.

    Attributes:
        kind: name of the exception's type.
        frames: where it happened; without what it said, which may hold health data.
    """

    def __init__(self, kind: str, frames: str) -> None:
        super().__init__(kind)
        self.kind, self.frames = kind, frames


def usable_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def suitable_workers(size: int) -> int:
    """How many processes are worth their start.

    Args:
        size: bytes of the input.
    """
    return min(usable_cores(), size // WORTH_A_WORKER) or 1


class _Process(NamedTuple):
    """A process that waits for work."""

    process: multiprocessing.process.BaseProcess
    pipe: Connection
    """It ends with this."""


_ahead: list[_Process] = []
"""Started, and not taken by anybody yet."""


def _start_process(module: str | None = None) -> _Process:
    ours, theirs = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_serve, args=(theirs, module), daemon=True)
    process.start()
    theirs.close()  # else its end would not be noticed here
    return _Process(process, ours)


@contextlib.contextmanager
def started_ahead(count: int, module: str) -> Iterator[None]:
    """Within, `run_all` finds processes that load while this one does.

    Args:
        count: how many.
        module: what they import meanwhile.
    """
    try:
        _ahead.extend(_start_process(module) for _ in range(count))
        yield
    finally:
        while _ahead:
            _ahead.pop().process.kill()


def run_all(
    work: Callable[[Task], Result],
    phases: Iterable[Iterable[Task]],
    workers: int,
    done: Callable[[Task, Result], None],
) -> None:
    """Does all tasks, this process being one of the workers.

    Args:
        work: does one; it travels to other processes.
        phases: tasks, taken one by one, when somebody is free. A phase is asked for
            once all tasks of those before it are done.
        workers: how many, this process included.
        done: called for each result, one at a time, in any order.

    Raises:
        OSError: a worker's, by its sentence; or a worker was killed.
        UsageError: likewise.
        WorkerFailedError: any other exception of another process.
        Exception: of this process, as it is.
    """
    shared = _Shared(iter(phases), done)
    helpers: list[_Helper[Task, Result]] = []
    try:
        for _ in range(workers - 1):
            helpers.append(_Helper(work, shared))
            helpers[-1].start()
        for task in shared.tasks():
            shared.note(task, work(task))
    except BaseException:
        shared.stop()
        for helper in helpers:
            helper.kill()  # what is half done, the next run does again
        raise
    finally:
        for helper in helpers:
            helper.end()
    if shared.error is not None:
        raise shared.error


class _Shared(Generic[Task, Result]):
    """What the threads of this process share: what is left, and what became of it."""

    def __init__(
        self, phases: Iterator[Iterable[Task]], done: Callable[[Task, Result], None]
    ) -> None:
        self._phases, self._done = phases, done
        self._tasks: Iterator[Task] = iter(())
        self._turn = threading.Condition()
        self._busy = 0
        """Tasks taken and not done."""
        self._stopped = False
        self.error: Exception | None = None

    def tasks(self) -> Iterator[Task]:
        """The tasks that nobody else has taken, until something fails."""
        while taken := self._take():
            yield taken[0]

    def _take(self) -> tuple[Task] | None:
        with self._turn:
            while not self._stopped:
                for task in self._tasks:
                    self._busy += 1
                    return (task,)
                if self._busy:
                    self._turn.wait()
                    continue
                phase = next(self._phases, None)
                if phase is None:
                    self._stop()
                else:
                    self._tasks = iter(phase)
            return None

    def note(self, task: Task, result: Result) -> None:
        with self._turn:
            self._done(task, result)
            self._busy -= 1
            if not self._busy:
                self._turn.notify_all()

    def fail(self, error: Exception) -> None:
        with self._turn:
            if not self._stopped:
                self.error = error
                self._stop()

    def stop(self) -> None:
        with self._turn:
            self._stop()

    def _stop(self) -> None:
        self._stopped = True
        self._turn.notify_all()


class _Helper(threading.Thread, Generic[Task, Result]):
    """A thread that hands tasks to a process of its own."""

    def __init__(
        self, work: Callable[[Task], Result], shared: _Shared[Task, Result]
    ) -> None:
        super().__init__(daemon=True)
        self._work, self._shared = work, shared
        self._process, self._pipe = _ahead.pop() if _ahead else _start_process()

    def kill(self) -> None:
        """Ends the process at once."""
        self._process.kill()

    def end(self) -> None:
        """Waits for the thread, if it has been started."""
        if self.ident is not None:
            self.join()

    def run(self) -> None:
        process, pipe = self._process, self._pipe
        try:
            pipe.send(self._work)
            for task in self._shared.tasks():
                pipe.send(task)
                good, answer = pipe.recv()
                if not good:
                    raise _error(*answer)
                self._shared.note(task, answer)
        except (EOFError, BrokenPipeError, ConnectionResetError):
            process.join()
            msg = (
                f"a worker process ended (exit code {process.exitcode}), perhaps"
                " for want of memory; run again with fewer --workers or a smaller"
                " --slice_mb to go on"
            )
            self._shared.fail(OSError(msg))
        except Exception as error:
            self._shared.fail(error)
        finally:
            pipe.close()  # by which the process ends
            process.join()


def _error(kind: str, said: str | None, frames: str) -> Exception:
    if said is None:
        return WorkerFailedError(kind, frames)
    return UsageError(said) if kind == UsageError.__name__ else OSError(said)


def _serve(pipe: Connection, module: str | None) -> None:
    """The life of a worker process."""
    set_up_logs()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who asked for the work ends it
    threading.Thread(target=_end_with_parent, daemon=True).start()
    if module is not None:
        importlib.import_module(module)
    with contextlib.suppress(EOFError):
        work: Callable[[Any], object] = pipe.recv()
        while True:
            task = pipe.recv()
            try:
                answer: tuple[bool, object] = True, work(task)
            except Exception as error:
                told = isinstance(error, (OSError, UsageError))
                kind = "UsageError" if isinstance(error, UsageError) else ""
                frames = "".join(traceback.format_tb(error.__traceback__))
                said = sentence(error) if told else None
                answer = False, (kind or type(error).__name__, said, frames)
            pipe.send(answer)


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
