"""The Kubernetes manifests: valid, and meant for each other.

What the API server would check is checked with its own OpenAPI schemas
(kubernetes-validate) and that of Flink's operator (`data/flink-operator`), strictly: a
member that no schema knows is a mistake, as with `kubectl apply --validate=strict`.
"""

import copy
import json
import re
from pathlib import Path

import jsonschema_rs
import kubernetes_validate
import pytest
import yaml

from pipeline.__main__ import parse
from pipeline.flink_watch import _parse as parse_watch
from pipeline.ingest_options import beam_options

ROOT = Path(__file__).parent.parent
FOLDER = ROOT / "deploy" / "flink" / "kubernetes"
KUBERNETES = "1.31"

SPEC = json.loads(
    (ROOT / "tests/data/flink-operator/flinkdeployment-spec.json").read_text()
)


def strict(schema):
    """A structural schema under which what it does not name is an error."""
    if isinstance(schema, list):
        return [strict(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: strict(each) for name, each in schema.items()}
    if schema.get("x-kubernetes-int-or-string"):
        return {"type": ["integer", "string"]}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found.setdefault("additionalProperties", False)
    return found


FLINK = jsonschema_rs.validator_for(strict(SPEC))


def documents(name):
    return [each for each in yaml.safe_load_all((FOLDER / name).read_text()) if each]


FILES = ("cluster.yaml", "disruption.yaml", "mapping.yaml", "submit.yaml")
MANIFESTS = {
    f"{each['kind']}/{each['metadata']['name']}": each
    for name in (*FILES, "secrets.example.yaml")
    for each in documents(name)
}
CLUSTER = MANIFESTS["FlinkDeployment/vitalbeam"]["spec"]
WORKERS = CLUSTER["taskManager"]["podTemplate"]["spec"]
SUBMIT = MANIFESTS["Job/vitalbeam-submit"]["spec"]["template"]["spec"]
CONTAINERS = {
    each["name"]: each
    for each in (
        *WORKERS["containers"],
        *SUBMIT["initContainers"],
        *SUBMIT["containers"],
    )
}
PODS = {
    "cluster": CLUSTER["podTemplate"],
    "jobmanager": CLUSTER["jobManager"]["podTemplate"],
    "taskmanager": CLUSTER["taskManager"]["podTemplate"],
}


def problem(manifest):
    """What an API server would say of a manifest; None if it takes it."""
    if manifest["apiVersion"].startswith("flink.apache.org/"):
        found = next(FLINK.iter_errors(manifest["spec"]), None)
        return found and found.message
    try:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)
    except kubernetes_validate.ValidationError as error:
        return error.message
    return None


@pytest.mark.parametrize("manifest", MANIFESTS.values(), ids=MANIFESTS)
def test_manifests_are_what_the_api_server_takes(manifest):
    assert problem(manifest) is None


@pytest.mark.parametrize("pod", PODS.values(), ids=PODS)
def test_pod_templates_are_pods_of_kubernetes_too(pod):
    """The operator's schema is of one version of Kubernetes: the pods meet another."""
    pod = {"apiVersion": "v1", "kind": "Pod", **copy.deepcopy(pod)}
    for container in pod["spec"]["containers"]:
        container.setdefault("image", "of-the-deployment")
    assert problem(pod) is None


BROKEN = [
    ("FlinkDeployment/vitalbeam", ("spec", "flinkVersion"), "1.19"),
    ("FlinkDeployment/vitalbeam", ("spec", "mode"), "session"),
    ("FlinkDeployment/vitalbeam", ("spec", "taskmanager"), {}),
    ("FlinkDeployment/vitalbeam", ("spec", "flinkConfiguration", "a.b"), 10),
    ("FlinkDeployment/vitalbeam", ("spec", "jobManager", "replicas"), "one"),
    (
        "FlinkDeployment/vitalbeam",
        ("spec", "taskManager", "podTemplate", "spec", "containers", 0, "ports"),
        [{"port": 1}],
    ),
    ("PodDisruptionBudget/vitalbeam-taskmanager", ("spec", "minAvailable"), 1.5),
    ("PodDisruptionBudget/vitalbeam-taskmanager", ("spec", "minimum"), 1),
    ("ConfigMap/vitalbeam-mapping", ("data", "device.json"), {"a": 1}),
    ("Secret/vitalbeam-kafka", ("stringdata",), {}),
    ("Job/vitalbeam-submit", ("spec", "backoffLimit"), "none"),
    (
        "Job/vitalbeam-submit",
        ("spec", "template", "spec", "containers", 0, "arguments"),
        [],
    ),
]


@pytest.mark.parametrize(("name", "path", "value"), BROKEN)
def test_a_broken_manifest_is_noticed(name, path, value):
    manifest = copy.deepcopy(MANIFESTS[name])
    place = manifest
    for step in path[:-1]:
        place = place[step]
    place[path[-1]] = value
    assert problem(manifest)


def test_what_is_kept_when_a_job_is_replaced_is_applied_together():
    resources = documents("kustomization.yaml")[0]["resources"]
    assert sorted([*resources, "submit.yaml"]) == sorted(FILES)


def test_the_mapping_is_that_of_the_template():
    data = MANIFESTS["ConfigMap/vitalbeam-mapping"]["data"]
    template = ROOT / "templates" / "vital-monitor"
    assert data == {name: (template / name).read_text() for name in data}
    assert data.keys() == {"device.json", "fhir.json"}


def names_in(volume):
    """The files of a volume; None if they are not known beforehand."""
    if "emptyDir" in volume:
        return None
    if "secret" in volume:
        return set(MANIFESTS[f"Secret/{volume['secret']['secretName']}"]["stringData"])
    return set(MANIFESTS[f"ConfigMap/{volume['configMap']['name']}"]["data"])


@pytest.mark.parametrize("pod", [WORKERS, SUBMIT], ids=["taskmanager", "submit"])
def test_what_pods_mount_is_there_under_its_name(pod):
    held = {volume["name"]: names_in(volume) for volume in pod["volumes"]}
    for container in (*pod.get("initContainers", ()), *pod["containers"]):
        given = [*container.get("command", ()), *container.get("args", ())]
        for mount in container.get("volumeMounts", ()):
            inside = re.compile(re.escape(mount["mountPath"]) + r"/([\w.-]+)")
            asked = {name for each in given for name in inside.findall(each)}
            names = held[mount["name"]]
            assert names is None or asked <= names


def flag(container, name):
    command = CONTAINERS[container]
    given = [*command.get("command", ()), *command.get("args", ())]
    found = [each.partition("=")[2] for each in given if each.startswith(f"--{name}=")]
    assert len(found) == 1, f"--{name} of {container}: {found}"
    return found[0]


def test_the_command_line_is_one_of_ours_and_beams():
    flags, rest = parse(CONTAINERS["submit"]["args"])
    beam_options(rest)
    assert flags.command == "run"
    assert flags.shards >= int(flag("submit", "parallelism"))
    # The token is read by the workers, where it is mounted from its own secret.
    mount = CONTAINERS["python-workers"]["volumeMounts"][0]
    assert flags.fhir_token_file == f"{mount['mountPath']}/fhir-token"
    assert "fhir-token" in MANIFESTS["Secret/vitalbeam-fhir"]["stringData"]


def test_state_is_kept_so_that_a_restart_loses_nothing():
    given = set(CONTAINERS["submit"]["args"])
    assert given >= {
        "--checkpointing_interval=10000",
        "--checkpointing_mode=EXACTLY_ONCE",
        "--externalized_checkpoints_enabled",
        "--retain_externalized_checkpoints_on_cancellation",
        "--experiments=use_deprecated_read",
    }
    configuration = CLUSTER["flinkConfiguration"]
    kept = flag("submit", "flink_state")
    assert kept.startswith("s3://")
    for name in ("state.checkpoints", "state.savepoints"):
        assert configuration[f"{name}.dir"].startswith(f"{kept}/")
    assert configuration["high-availability.storageDir"].startswith("s3://")
    assert (
        "--experiments=use_deprecated_read"
        in (CONTAINERS["expansion-service"]["command"])
    )


def test_a_taskmanager_has_one_pool_of_each_kind_in_its_own_pod():
    """Two TaskManagers on one pool stop each other's workers.

    A pool that outlives its TaskManager can leave a job waiting for ever.
    """
    assert CLUSTER["mode"] == "native"
    assert "restartPolicy" not in WORKERS
    assert "initContainers" not in WORKERS
    assert [each["name"] for each in WORKERS["containers"]] == [
        "python-workers",
        "java-workers",
        "watch",
    ]


def test_addresses_meet():
    port = int(flag("python-workers", "service_port"))
    assert flag("submit", "environment_config") == f"localhost:{port}"
    assert flag("submit", "environment_type") == "EXTERNAL"
    job_server = flag("job-server", "job-port")
    assert flag("submit", "job_endpoint") == f"localhost:{job_server}"
    service = CONTAINERS["expansion-service"]["command"]
    listens = service[service.index(next(x for x in service if "Expansion" in x)) + 1]
    assert flag("submit", "expansion_service") == f"localhost:{listens}"
    java = CONTAINERS["java-workers"]["env"][0]["value"]
    pool = flag("expansion-service", "defaultEnvironmentConfig")
    assert f"external_service_address={pool}" in java
    # The service that Flink makes of the cluster's name.
    assert flag("job-server", "flink-master") == "vitalbeam-rest:8081"
    assert flag("watch", "flink_rest") == "http://vitalbeam-rest:8081"
    assert flag("submit", "flink_rest") == flag("watch", "flink_rest")
    assert flag("watch", "job_name") == flag("submit", "job_name")


def test_probes_ask_where_something_listens():
    listening = {
        "python-workers": flag("python-workers", "service_port"),
        "java-workers": flag("expansion-service", "defaultEnvironmentConfig")[10:],
        "watch": flag("watch", "port"),
        "job-server": flag("job-server", "job-port"),
        "expansion-service": flag("submit", "expansion_service")[10:],
    }
    asked = {
        (name, kind): next(iter(how.values()))["port"]
        for name, container in CONTAINERS.items()
        for kind, probe in container.items()
        if kind.endswith("Probe")
        for how in [{k: v for k, v in probe.items() if k in ("httpGet", "tcpSocket")}]
    }
    assert asked == {
        ("python-workers", "readinessProbe"): int(listening["python-workers"]),
        ("python-workers", "livenessProbe"): int(listening["watch"]),
        ("java-workers", "readinessProbe"): int(listening["java-workers"]),
        ("job-server", "startupProbe"): int(listening["job-server"]),
        ("expansion-service", "startupProbe"): int(listening["expansion-service"]),
    }


def test_the_watch_allows_a_checkpoint_and_a_server_their_time():
    flags = parse_watch(CONTAINERS["watch"]["command"][3:])
    timeout = CLUSTER["flinkConfiguration"]["execution.checkpointing.timeout"]
    assert timeout == "5 min"
    longest_wait = 300  # seconds of --fhir_retry_s
    assert flags.max_age_s >= longest_wait + 5 * 60


def test_prometheus_finds_the_reporter():
    port = CLUSTER["flinkConfiguration"]["metrics.reporter.prom.port"]
    annotations = CLUSTER["podTemplate"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == port
    ports = CLUSTER["podTemplate"]["spec"]["containers"][0]["ports"]
    assert ports == [{"name": "metrics", "containerPort": int(port)}]


def test_the_plugin_is_that_of_the_image():
    version = re.fullmatch(r"flink:([\d.]+)-java17", CLUSTER["image"])[1]
    env = CLUSTER["podTemplate"]["spec"]["containers"][0]["env"]
    assert env[0]["value"] == f"flink-s3-fs-presto-{version}.jar"
    minor = "_".join(version.split(".")[:2])
    assert CLUSTER["flinkVersion"] == f"v{minor}"
    pom = (FOLDER / "pom.xml").read_text()
    assert f"<flink.version>{minor.replace('_', '.')}</flink.version>" in pom


DOCKERFILES = sorted((ROOT / "deploy").rglob("Dockerfile"))


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_dockerfiles_copy_what_is_there_and_stages_that_they_have(path):
    text = path.read_text().replace("\\\n", " ")
    stages = set(re.findall(r"^FROM .* AS (\w+)$", text, re.MULTILINE))
    for instruction in re.findall(r"^COPY (.+)$", text, re.MULTILINE):
        words = instruction.split()
        if words[0].startswith("--from="):
            assert words[0].removeprefix("--from=") in stages
            continue
        for source in words[:-1]:
            assert (ROOT / source).exists(), source


@pytest.mark.parametrize("path", DOCKERFILES, ids=lambda path: path.parent.name)
def test_images_hold_the_extras_that_there_are(path):
    project = (ROOT / "pyproject.toml").read_text()
    (extras,) = re.findall(r"'\.\[([\w,]+)\]'", path.read_text())
    for extra in extras.split(","):
        assert re.search(rf"^{extra} = \[", project, re.MULTILINE), extra


@pytest.mark.parametrize("image", ["vitalbeam", "vitalbeam-java"])
def test_images_of_the_pods_are_built(image):
    used = {each["image"] for each in CONTAINERS.values() if "image" in each}
    built = set(re.findall(r"-t (\S+) \.", (FOLDER / "Dockerfile").read_text()))
    assert {each for each in used if each.startswith(f"{image}:")} <= built
    assert used == built
