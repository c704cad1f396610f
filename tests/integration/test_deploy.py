"""The containers of the Kubernetes manifests, as processes: do their commands start?"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from servers import require_java

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "deploy" / "flink" / "kubernetes"

LONGEST_START = 120
"""Seconds until a process that does not listen is given up."""


def containers():
    cluster = next(yaml.safe_load_all((FOLDER / "cluster.yaml").read_text()))
    submit = next(yaml.safe_load_all((FOLDER / "submit.yaml").read_text()))
    workers = cluster["spec"]["taskManager"]["podTemplate"]["spec"]["containers"]
    sidecars = submit["spec"]["template"]["spec"]["initContainers"]
    return {each["name"]: each for each in (*workers, *sidecars)}


@pytest.fixture(scope="module")
def libraries(tmp_path_factory):
    """What the Dockerfile puts into the image of Java."""
    require_java()
    folder = tmp_path_factory.mktemp("libs")
    dockerfile = (FOLDER / "Dockerfile").read_text()
    (options,) = re.findall(r"^RUN mvn .*pom\.xml (.+)$", dockerfile, re.MULTILINE)
    options = options.replace("/libs", str(folder)).split()
    command = [shutil.which("mvn"), "-B", "-q", "-f", FOLDER / "pom.xml", *options]
    subprocess.run(command, stdin=subprocess.DEVNULL, check=True)
    return folder


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return taken.getsockname()[1]


def listens(port):
    with socket.socket() as connection:
        connection.settimeout(1)
        return connection.connect_ex(("127.0.0.1", port)) == 0


def probed(container):
    """The port that its own probe asks."""
    probe = container.get("startupProbe") or container.get("readinessProbe")
    return (
        probe["tcpSocket"]["port"] if probe else container["ports"][0]["containerPort"]
    )


def started(container, port, replaced, log):
    """A container's command in a process group of its own, on a free port."""

    def local(text):
        for before, after in replaced.items():
            text = text.replace(before, after)
        return re.sub(rf"\b{probed(container)}\b", str(port), text)

    env = {each["name"]: local(each["value"]) for each in container.get("env", ())}
    # Of Python the one that runs the tests, as the image has only one.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with log.open("wb") as printed:
        return subprocess.Popen(
            [local(word) for word in container["command"]],
            env={**os.environ, **env, "PATH": path},
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=printed,
            stderr=printed,
            start_new_session=True,
        )


@pytest.mark.parametrize("name", containers())
def test_the_command_of_a_container_listens_where_its_probe_asks(
    name, libraries, tmp_path
):
    replaced = {
        "/opt/beam/libs": str(libraries),
        "/artifacts": str(tmp_path),
        "--artifact-port=8098": "--artifact-port=0",
    }
    port, log = free_port(), tmp_path / "log"
    process = started(containers()[name], port, replaced, log)
    try:
        ends = time.monotonic() + LONGEST_START
        while not listens(port):
            assert process.poll() is None, log.read_text()
            assert time.monotonic() < ends, log.read_text()
            time.sleep(0.2)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
