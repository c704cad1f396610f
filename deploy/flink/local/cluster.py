"""Starts, watches and ends the parts of a cluster."""

import json
import shutil
import socket
import time
import urllib.error
import urllib.request
from pathlib import Path

from deploy.flink.local import processes
from deploy.flink.local.commands import (
    JAVA_WORKER,
    command,
    configuration,
    mark,
    worker_script,
)
from deploy.flink.local.libraries import ClusterError, program
from deploy.flink.local.settings import TASK_MANAGER, Settings

_LONGEST_START = 120
"""Seconds until a part that is not ready is given up."""

_LANGUAGES = ("python", "java")

WORKERS = {"python-workers": " deploy.flink.local.worker ", "java-workers": JAVA_WORKER}
"""What stands in the arguments of the workers of a language."""


class Cluster:
    """The processes of a cluster.

    Args:
        settings: where it is.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def prepare(self) -> None:
        """Writes its folder; nothing of it may run."""
        settings = self.settings
        settings.folder.chmod(0o700)  # state and logs are nobody else's to read
        shutil.rmtree(settings.temporary, ignore_errors=True)
        for name in ("logs", "run", "state", settings.temporary):
            (settings.folder / name).mkdir(exist_ok=True)
        settings.save()
        text = configuration(settings)
        (settings.folder / "config.yaml").write_text(text, encoding="utf-8")
        for language in _LANGUAGES:
            script = settings.worker(language)
            text = worker_script(settings, language, program("java"))
            script.write_text(text, encoding="utf-8")
            script.chmod(0o700)

    def pid(self, part: str) -> int | None:
        """The id of a part's process; None if it does not run."""
        try:
            pid = int(self._pid_file(part).read_text(encoding="ascii"))
        except FileNotFoundError:
            return None
        return pid if processes.runs(pid, mark(self.settings, part)) else None

    def start(self, part: str) -> int:
        """Starts a part unless it runs; returns the id of its process."""
        pid = self.pid(part)
        if pid is None:
            words = command(self.settings, part, program("java"))
            log = self.settings.log(part)
            pid = processes.start(words, log, mark(self.settings, part))
            self._pid_file(part).write_text(f"{pid}\n", encoding="ascii")
        return pid

    def kill(self, part: str) -> None:
        """Ends a part at once, as a power cut would.

        Args:
            part: its name, or `python-workers` or `java-workers`: those of all
                TaskManagers, which start others as soon as they notice.

        Raises:
            ClusterError: it does not run.
        """
        pids = self._workers(part) if part in WORKERS else [self.pid(part)]
        if not any(pids):
            msg = f"{part}: nothing of it runs"
            raise ClusterError(msg)
        for pid in filter(None, pids):
            processes.kill(pid)

    def down(self) -> None:
        """Ends all parts, and what they have started."""
        settings = self.settings
        pids = ((self.pid(part), mark(settings, part)) for part in settings.parts)
        processes.end([(pid, its) for pid, its in pids if pid is not None])

    def wait(self) -> None:
        """Returns when all parts are ready.

        Raises:
            ClusterError: one has ended, or is not ready in time.
        """
        deadline = time.monotonic() + _LONGEST_START
        for part in self.settings.parts:
            while not self.ready(part):
                if self.pid(part) is None:
                    log = self.settings.log(part)
                    msg = f"{part} has ended: see {log}"
                    raise ClusterError(msg)
                if time.monotonic() > deadline:
                    msg = f"{part} is not ready: see {self.settings.log(part)}"
                    raise ClusterError(msg)
                time.sleep(0.2)

    def ready(self, part: str) -> bool:
        """Whether a part can do its work; of the TaskManagers, whether all can."""
        ports = self.settings.ports
        if part == "jobserver":
            return _listens(ports["job"]) and _listens(ports["artifacts"])
        if part == "expansion":
            return _listens(ports["expansion"])
        registered = self._task_managers()
        if part.startswith(TASK_MANAGER):
            return registered == self.settings.task_managers
        return registered is not None

    def _task_managers(self) -> int | None:
        """How many have registered; None if the JobManager does not answer."""
        address = f"http://localhost:{self.settings.ports['rest']}/overview"
        # No proxy stands before this machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(address, timeout=5) as answer:
                return int(json.load(answer)["taskmanagers"])
        except urllib.error.URLError:
            return None

    def _workers(self, kind: str) -> list[int]:
        parts = self.settings.parts
        owners = (self.pid(part) for part in parts if part.startswith(TASK_MANAGER))
        return processes.children(
            {pid for pid in owners if pid is not None}, WORKERS[kind]
        )

    def _pid_file(self, part: str) -> Path:
        return self.settings.folder / "run" / f"{part}.pid"


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("localhost", port), timeout=1).close()
    except OSError:
        return False
    return True
