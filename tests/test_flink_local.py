"""The local Flink cluster: what its parts are started with, and how they are ended."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from apache_beam.portability.api import beam_provision_api_pb2 as provision
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.worker.sdk_worker_main import _parse_pipeline_options
from google.protobuf import text_format

from deploy.flink.local import processes
from deploy.flink.local.__main__ import main, options
from deploy.flink.local.cluster import Cluster
from deploy.flink.local.commands import ROOT, command, configuration, mark
from deploy.flink.local.settings import Settings, free_ports, saved, usual_ports
from deploy.flink.local.worker import environment
from pipeline.__main__ import parse
from pipeline.ingest_options import beam_options


@pytest.fixture
def settings(tmp_path):
    folder = tmp_path / "a folder"
    folder.mkdir()
    return Settings(
        folder=folder,
        libraries=tmp_path / "jars",
        python=Path(sys.executable),
        task_managers=2,
        slots=3,
        ports=usual_ports(2),
    )


def test_every_part_is_started_with_the_ports_of_the_cluster(settings):
    commands = {part: command(settings, part, "java") for part in settings.parts}
    last = {part: words[words.index("-cp") + 3 :] for part, words in commands.items()}
    folder = settings.folder

    assert last == {
        "jobmanager": [
            *("--configDir", str(folder), "--executionMode", "cluster"),
            *("-D", "metrics.reporter.prom.port=9249"),
        ],
        "taskmanager-1": [
            *("--configDir", str(folder)),
            *("-D", f"taskmanager.log.path={folder}/logs/taskmanager-1.log"),
            *("-D", "metrics.reporter.prom.port=9250"),
        ],
        "taskmanager-2": [
            *("--configDir", str(folder)),
            *("-D", f"taskmanager.log.path={folder}/logs/taskmanager-2.log"),
            *("-D", "metrics.reporter.prom.port=9251"),
        ],
        "jobserver": [
            *("--job-port=8099", "--artifact-port=8098", "--expansion-port=-1"),
            "--flink-master=localhost:8081",
            f"--artifacts-dir={folder}/temporary/artifacts",
        ],
        "expansion": [
            "8097",
            "--defaultEnvironmentType=PROCESS",
            f'--defaultEnvironmentConfig={{"command": "{folder}/java-worker"}}',
            "--experiments=use_deprecated_read",
            f"--filesToStage={folder}/config.yaml",
        ],
    }
    assert {words[1] for words in commands.values()} == {
        f"-Dvitalbeam.part={folder}/{part}" for part in settings.parts
    }


def test_the_settings_come_back_from_the_folder(settings):
    assert saved(settings.folder) is None

    settings.save()

    assert saved(settings.folder) == settings


def test_state_and_addresses_are_in_the_configuration(settings):
    lines = dict(line.split(": ", 1) for line in configuration(settings).splitlines())

    state = f"file://{str(settings.folder).replace(' ', '%20')}/state"
    assert lines["state.checkpoints.dir"] == f"{state}/checkpoints"
    assert lines["state.savepoints.dir"] == f"{state}/savepoints"
    assert lines["rest.port"] == "8081"
    assert lines["taskmanager.numberOfTaskSlots"] == "3"


def test_ports_of_a_second_cluster_are_others():
    ports = free_ports(2)

    assert set(ports) == set(usual_ports(2))
    assert len(set(ports.values())) == len(ports)


def test_a_run_knows_every_option_of_the_cluster(settings):
    flags, rest = parse(["run", "d", "--messages=kafka://b:9/t", *options(settings)])

    known = beam_options(rest).get_all_options(drop_default=True)
    assert flags.expansion_service == "localhost:8097"
    assert known["job_endpoint"] == "localhost:8099"
    assert known["parallelism"] == 6
    assert known["checkpointing_interval"] == 5000
    assert known["environment_config"] == (
        f'{{"command":"{settings.folder}/python-worker"}}'
    )


def test_a_worker_is_told_what_its_task_manager_says():
    info = provision.ProvisionInfo(runner_capabilities=["one", "two"])
    info.pipeline_options.update({"beam:option:job_name:v1": "live"})
    info.control_endpoint.url = "localhost:1"
    info.logging_endpoint.url = "localhost:2"

    told = environment(info, "7-1")

    job = _parse_pipeline_options(told.pop("PIPELINE_OPTIONS"))
    assert job.get_all_options(drop_default=True) == {"job_name": "live"}
    for name, url in (("CONTROL", "localhost:1"), ("LOGGING", "localhost:2")):
        text = told.pop(f"{name}_API_SERVICE_DESCRIPTOR")
        endpoint = text_format.Parse(text, endpoints_pb2.ApiServiceDescriptor())
        assert endpoint.url == url
    assert told == {
        "WORKER_ID": "7-1",
        "HARNESS_ID": "7-1",
        "RUNNER_CAPABILITIES": "one two",
    }


def test_the_script_of_a_worker_starts_it_wherever_it_is_called(settings, tmp_path):
    """Without a TaskManager it says so, in the log and not on standard output."""
    fake = tmp_path / "java"
    fake.touch(mode=0o700)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", path)
        Cluster(settings).prepare()
    script = settings.worker("python")
    flags = ["--id=1-1", "--provision_endpoint=localhost:1", "--control_endpoint=x"]

    done = subprocess.run([script, *flags], cwd="/", capture_output=True, check=False)

    assert (done.returncode, done.stdout, done.stderr) == (1, b"", b"")
    assert "UNAVAILABLE" in settings.log("python-workers").read_text()


SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]


@pytest.fixture
def process(settings):
    """A process that stands for the part of a cluster."""
    name = mark(settings, "jobmanager")
    pid = processes.start([*SLEEP, name], settings.folder / "log", name)
    (settings.folder / "run").mkdir()
    (settings.folder / "run" / "jobmanager.pid").write_text(f"{pid}\n")
    yield pid
    if processes.runs(pid, name):
        os.kill(pid, signal.SIGKILL)


def gone(pid, name):
    ends = time.monotonic() + 10
    while processes.runs(pid, name) and time.monotonic() < ends:
        time.sleep(0.05)
    return not processes.runs(pid, name)


@pytest.mark.parametrize("has_proc", [True, False])
def test_processes_are_looked_up_with_what_the_system_has(
    settings, process, has_proc, monkeypatch
):
    if not has_proc and shutil.which("ps") is None:
        pytest.skip("there is no ps here")
    monkeypatch.setattr(processes, "_IS_LINUX", processes._IS_LINUX and has_proc)
    name = mark(settings, "jobmanager")

    assert processes.runs(process, name)
    assert not processes.runs(process, mark(settings, "jobserver"))
    assert processes.children({os.getpid()}, name) == [process]
    assert processes.children({process}, name) == []
    os.kill(process, signal.SIGKILL)
    assert gone(process, name)


def test_a_part_is_known_by_its_id_and_its_argument(settings, process):
    cluster = Cluster(settings)
    assert cluster.pid("jobmanager") == process
    # The id of a part that is gone may be that of anybody by now.
    (settings.folder / "run" / "jobserver.pid").write_text(f"{process}\n")
    assert cluster.pid("jobserver") is None
    assert cluster.pid("expansion") is None

    cluster.kill("jobmanager")

    assert cluster.pid("jobmanager") is None


def test_down_ends_what_runs(settings, process):
    Cluster(settings).down()

    assert gone(process, mark(settings, "jobmanager"))


def test_status_tells_what_runs(settings, process, capsys):
    settings.save()

    assert main([f"--folder={settings.folder}", "status"]) == 0

    told = [line.split(None, 1) for line in capsys.readouterr().out.splitlines()]
    assert [part for part, _ in told] == list(settings.parts)
    how = {part: rest.split(str(settings.folder))[0].strip() for part, rest in told}
    assert how == {
        "jobmanager": f"pid {process}",
        **dict.fromkeys(settings.parts[1:], "down"),
    }


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["status"], "holds no cluster: start one with up"),
        (["up", "--slots=0"], "--task_managers and --slots must be positive"),
    ],
)
def test_what_cannot_be_is_told(tmp_path, capsys, words, message):
    assert main([f"--folder={tmp_path}", *words]) == 2
    assert message in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["kill", "jobserver"], "jobserver: nothing of it runs"),
        (["kill", "java-workers"], "java-workers: nothing of it runs"),
        (["start", "java-workers"], "there is no part java-workers: there are job"),
        (["start", "database"], "there is no part database: there are jobmanager,"),
    ],
)
def test_what_is_no_part_is_told(settings, capsys, words, message):
    settings.save()
    (settings.folder / "run").mkdir()

    assert main([f"--folder={settings.folder}", *words]) == 2
    assert message in capsys.readouterr().err


def test_everything_that_workers_import_is_below_the_root():
    assert (ROOT / "deploy" / "flink" / "local" / "worker.py").is_file()
    assert (ROOT / "pipeline" / "ingest.py").is_file()
