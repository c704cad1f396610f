"""A real Flink cluster for the integration tests: that of `deploy/flink/local`."""

import subprocess
import sys
from pathlib import Path

from deploy.flink.local.__main__ import options
from deploy.flink.local.cluster import Cluster
from deploy.flink.local.settings import saved
from pipeline.flink_rest import FlinkRest

ROOT = Path(__file__).resolve().parents[2]

_LONGEST_END = 60
"""Seconds until a cluster that was asked to end is killed."""


class FlinkCluster:
    """Two TaskManagers of one slot, and all that Beam needs beside them.

    It ends with `stop`, at the end of a `with`, and in any case with this process: it
    ends when its standard input does, whose other end is held here.

    Attributes:
        cluster: its parts, to be killed and started again.
        rest: what its JobManager tells.
        address: of the JobManager.
        state: the folder of its checkpoints and savepoints.
    """

    def __init__(self, folder):
        command = ("-m", "deploy.flink.local", f"--folder={folder}")
        self._process = subprocess.Popen(
            [sys.executable, *command, "up", "--free_ports", "--stay"],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        ready, _, self.address = self._process.stdout.readline().strip().partition(" ")
        if ready != "READY":
            msg = f"the cluster did not start: {self._process.communicate()[1]}"
            raise RuntimeError(msg)
        settings = saved(Path(folder).resolve())
        self.cluster = Cluster(settings)
        self.state = settings.state
        self.rest = FlinkRest(self.address)
        self.options = options(settings)

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.stop()

    def stop(self):
        """Ends all of it, in good order."""
        self._process.stdin.close()
        try:
            self._process.wait(_LONGEST_END)
        except subprocess.TimeoutExpired:
            self._process.kill()
            raise

    def restart(self, part):
        """Ends a part at once (SIGKILL), and starts it again."""
        self.cluster.kill(part)
        self.cluster.start(part)
