r"""Starts a worker of Beam, where a TaskManager asks for one.

    python -m deploy.flink.local.worker python -- \
        --id=1-1 --provision_endpoint=HOST:PORT

Beam's containers do the same by a program in Go: the TaskManager tells a worker by gRPC
where to report, and with which options. A worker here has its packages or jars already,
so that nothing is staged. Without a pool that workers are asked of, a worker dies with
its TaskManager, and a request for one cannot get lost.
https://beam.apache.org/documentation/runtime/sdk-harness-config/
"""

import argparse
import os
import sys
import threading
import time
from collections.abc import Mapping, Sequence

import grpc
from apache_beam.portability.api import (
    beam_provision_api_pb2 as provision,
)
from apache_beam.portability.api import (
    beam_provision_api_pb2_grpc as provision_service,
)
from apache_beam.portability.api import endpoints_pb2
from apache_beam.runners.worker.worker_id_interceptor import WorkerIdInterceptor
from google.protobuf import json_format, text_format

_LONGEST_ANSWER = 60
"""Seconds until a TaskManager that says nothing is given up."""


def environment(info: provision.ProvisionInfo, worker_id: str) -> dict[str, str]:
    """The variables by which the SDKs of Python and Java are told what to do."""
    return {
        "WORKER_ID": worker_id,
        "HARNESS_ID": worker_id,
        "PIPELINE_OPTIONS": json_format.MessageToJson(info.pipeline_options),
        "LOGGING_API_SERVICE_DESCRIPTOR": _text(info.logging_endpoint),
        "CONTROL_API_SERVICE_DESCRIPTOR": _text(info.control_endpoint),
        "RUNNER_CAPABILITIES": " ".join(info.runner_capabilities),
    }


def _text(endpoint: endpoints_pb2.ApiServiceDescriptor) -> str:
    return text_format.MessageToString(endpoint)


def ask(address: str, worker_id: str) -> provision.ProvisionInfo:
    """What a TaskManager has a worker know.

    Raises:
        grpc.RpcError: it does not answer.
    """
    with grpc.insecure_channel(address) as plain:
        channel = grpc.intercept_channel(plain, WorkerIdInterceptor(worker_id))
        answer = provision_service.ProvisionServiceStub(channel).GetProvisionInfo(
            provision.GetProvisionInfoRequest(), timeout=_LONGEST_ANSWER
        )
    return answer.info


def _end_with(parent: int) -> None:
    """Ends this process when its parent is gone, whatever it is doing."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


def _work_in_python(variables: Mapping[str, str]) -> None:
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    os.environ.update(variables)
    from apache_beam.runners.worker import sdk_worker_main

    sdk_worker_main.main([])


def main(argv: Sequence[str]) -> None:
    """Becomes a worker.

    Args:
        argv: the language, for Java the command line of the worker, `--`, and the flags
            of a TaskManager, of which there are more than are needed.
    """
    split = argv.index("--")
    language, *command = argv[:split]
    parser = argparse.ArgumentParser(prog="worker", allow_abbrev=False)
    parser.add_argument("--id", required=True)
    parser.add_argument("--provision_endpoint", required=True)
    given, _ = parser.parse_known_args(argv[split + 1 :])
    variables = environment(ask(given.provision_endpoint, given.id), given.id)
    if language == "python":
        _work_in_python(variables)
    else:
        # The one that wrote the script of this worker chose the program.
        os.execve(command[0], command, {**os.environ, **variables})  # noqa: S606


if __name__ == "__main__":
    main(sys.argv[1:])
