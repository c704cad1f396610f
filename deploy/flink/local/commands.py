"""The command line of each part, and the files that it reads."""

from pathlib import Path

from deploy.flink.local.settings import (
    EXPANSION,
    JOB_MANAGER,
    JOB_SERVER,
    TASK_MANAGER,
    Settings,
)

ROOT = Path(__file__).resolve().parents[3]
"""Of the project: what workers import."""

_OPENED = (
    "lang",
    "lang.reflect",
    "net",
    "io",
    "nio",
    "time",
    "text",
    "util",
    "util.concurrent",
    "util.concurrent.atomic",
    "util.concurrent.locks",
)
"""Packages of java.base that Flink looks into to copy and store what a job holds: from
Java 17 they are shut, and every checkpoint fails. Flink's own start scripts open them:
https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/deployment/config/"""

_JVM = (
    *(f"--add-opens=java.base/java.{package}=ALL-UNNAMED" for package in _OPENED),
    "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
    "--add-exports=java.base/sun.net.util=ALL-UNNAMED",
    "--add-exports=java.rmi/sun.rmi.registry=ALL-UNNAMED",
    "--add-exports=java.security.jgss/sun.security.krb5=ALL-UNNAMED",
    "-Dorg.slf4j.simpleLogger.showDateTime=true",
    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSX",
    # Quick to start rather than quick in the long run, and for few cores.
    "-XX:+UseSerialGC",
)

_MEMORY = {
    JOB_MANAGER: ("-Xmx512m",),
    TASK_MANAGER: (
        "-Xmx896m",
        "-XX:MaxDirectMemorySize=448m",
        "-XX:MaxMetaspaceSize=512m",
    ),
    JOB_SERVER: ("-Xmx512m",),
    EXPANSION: ("-Xmx256m",),
}
"""A TaskManager's is what Flink's start scripts would compute of `configuration`."""

_JOB_MANAGER = "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
_TASK_MANAGER = "org.apache.flink.runtime.taskexecutor.TaskManagerRunner"
_JOB_SERVER = "org.apache.beam.runners.flink.FlinkJobServerDriver"
_EXPANSION = "org.apache.beam.sdk.expansion.service.ExpansionService"
JAVA_WORKER = "org.apache.beam.fn.harness.FnHarness"


def mark(settings: Settings, part: str) -> str:
    """The argument by which a running part is known again."""
    return f"-Dvitalbeam.part={settings.folder / part}"


def command(settings: Settings, part: str, java: str) -> list[str]:
    """The command line of a part.

    Args:
        settings: of the cluster.
        part: its name.
        java: the program.
    """
    kind = TASK_MANAGER if part.startswith(TASK_MANAGER) else part
    path = f"{settings.libraries}/*"
    folder = f"-Djava.io.tmpdir={settings.temporary}"
    start = [java, mark(settings, part), folder, *_JVM, *_MEMORY[kind], "-cp", path]
    return [*start, *_ARGUMENTS[kind](settings, part)]


def _job_manager(settings: Settings, part: str) -> list[str]:
    flags = ("--configDir", str(settings.folder), "--executionMode", "cluster")
    return [_JOB_MANAGER, *flags, *_metrics(settings, part)]


def _task_manager(settings: Settings, part: str) -> list[str]:
    log = f"taskmanager.log.path={settings.log(part)}"
    flags = ("--configDir", str(settings.folder), "-D", log)
    return [_TASK_MANAGER, *flags, *_metrics(settings, part)]


def _metrics(settings: Settings, part: str) -> list[str]:
    port = settings.ports[f"metrics-{part}"]
    return ["-D", f"metrics.reporter.prom.port={port}"]


def _job_server(settings: Settings, part: str) -> list[str]:
    ports = settings.ports
    return [
        _JOB_SERVER,
        f"--job-port={ports['job']}",
        f"--artifact-port={ports['artifacts']}",
        "--expansion-port=-1",
        f"--flink-master=localhost:{ports['rest']}",
        f"--artifacts-dir={settings.temporary / 'artifacts'}",
    ]


def _expansion(settings: Settings, part: str) -> list[str]:
    return [
        _EXPANSION,
        str(settings.ports["expansion"]),
        "--defaultEnvironmentType=PROCESS",
        f'--defaultEnvironmentConfig={{"command": "{settings.worker("java")}"}}',
        # Without it Flink would read topics by a splittable DoFn, and commit nothing.
        "--experiments=use_deprecated_read",
        # The worker has its jars: they need not travel with each job.
        f"--filesToStage={settings.folder / 'config.yaml'}",
    ]


_ARGUMENTS = {
    JOB_MANAGER: _job_manager,
    TASK_MANAGER: _task_manager,
    JOB_SERVER: _job_server,
    EXPANSION: _expansion,
}


def worker_script(settings: Settings, language: str, java: str) -> str:
    """What a TaskManager starts, with the address of its own endpoints."""
    worker = [str(settings.python), "-m", "deploy.flink.local.worker", language]
    if language == "java":
        path = f"{settings.libraries}/*"
        worker += [java, "-XX:+UseSerialGC", "-Xmx384m", "-cp", path, JAVA_WORKER]
    words = " ".join(f"'{word}'" for word in worker)
    log = settings.log(f"{language}-workers")
    # A TaskManager does not read what its workers print.
    return f"#!/bin/sh\nPYTHONPATH='{ROOT}' exec {words} -- \"$@\" >>'{log}' 2>&1\n"


def configuration(settings: Settings) -> str:
    """Flink's config.yaml.

    https://nightlies.apache.org/flink/flink-docs-release-1.19/docs/deployment/config/
    """
    values = {
        "jobmanager.rpc.address": "localhost",
        "jobmanager.rpc.port": settings.ports["rpc"],
        "jobmanager.bind-host": "localhost",
        "rest.address": "localhost",
        "rest.bind-address": "localhost",
        "rest.port": settings.ports["rest"],
        "taskmanager.host": "localhost",
        "taskmanager.bind-host": "localhost",
        "taskmanager.numberOfTaskSlots": settings.slots,
        **_TASK_MANAGER_MEMORY,
        # A worker that is gone is noticed within seconds.
        "heartbeat.interval": 2000,
        "heartbeat.timeout": 8000,
        # A stream goes on until it is told to stop.
        "restart-strategy.type": "fixed-delay",
        "restart-strategy.fixed-delay.attempts": 2**31 - 1,
        "restart-strategy.fixed-delay.delay": "2 s",
        # The jars of a job are those of the TaskManager: loaded once, not per restart.
        "classloader.resolve-order": "parent-first",
        "io.tmp.dirs": settings.temporary,
        "web.log.path": settings.log(JOB_MANAGER),
        "state.backend.type": "hashmap",
        "state.checkpoints.dir": (settings.state / "checkpoints").as_uri(),
        "state.savepoints.dir": (settings.state / "savepoints").as_uri(),
        "metrics.reporters": "prom",
        "metrics.reporter.prom.factory.class": (
            "org.apache.flink.metrics.prometheus.PrometheusReporterFactory"
        ),
    }
    return "".join(f"{name}: {value}\n" for name, value in values.items())


_TASK_MANAGER_MEMORY = {
    "taskmanager.cpu.cores": 1.0,
    "taskmanager.memory.task.heap.size": "768mb",
    "taskmanager.memory.task.off-heap.size": "0b",
    "taskmanager.memory.framework.heap.size": "128mb",
    "taskmanager.memory.framework.off-heap.size": "128mb",
    # Bounded runs need many buffers: with 64 MB they do not start.
    "taskmanager.memory.network.min": "256mb",
    "taskmanager.memory.network.max": "256mb",
    "taskmanager.memory.managed.size": "64mb",
    "taskmanager.memory.jvm-metaspace.size": "512mb",
    "taskmanager.memory.jvm-overhead.min": "192mb",
    "taskmanager.memory.jvm-overhead.max": "192mb",
}
"""All pieces: without Flink's start scripts nobody fills in what is missing."""
