"""botocore's service models: which operation a request means, and what shape its fields have.

Loaded when first asked for; the five models together take about 20 ms.
"""

from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from botocore.model import OperationModel, ServiceModel

# Service models by signing name in lower case: three of them share "kinesisvideo".
BY_SIGNING_NAME: Mapping[str, tuple[str, ...]] = {
    "kinesisvideo": ("kinesisvideo", "kinesis-video-signaling", "kinesis-video-webrtc-storage"),
    "iotsecuredtunneling": ("iotsecuretunneling",),
    "sts": ("sts",),
}


@cache
def service_model(name: str) -> "ServiceModel":
    """The newest version of a service's model."""
    from botocore.loaders import Loader
    from botocore.model import ServiceModel

    return ServiceModel(Loader().load_service_model(name, "service-2"), service_name=name)


@cache
def operation_model(service: str, operation: str) -> "OperationModel":
    return service_model(service).operation_model(operation)


@cache
def _paths(service: str) -> Mapping[tuple[str, str], str]:
    model = service_model(service)
    operations = ((name, model.operation_model(name).http) for name in model.operation_names)
    return {(http["method"], http["requestUri"]): name for name, http in operations}


def rest_operation(method: str, path: str) -> tuple[str, str] | None:
    """(service, operation) of a rest-json request of Kinesis Video, or None."""
    for service in BY_SIGNING_NAME["kinesisvideo"]:
        name = _paths(service).get((method, path))
        if name is not None:
            return service, name
    return None


def target_operation(target: str) -> tuple[str, str] | None:
    """(service, operation) of an X-Amz-Target header, or None."""
    prefix, _, name = target.partition(".")
    model = service_model("iotsecuretunneling")
    if prefix != model.metadata["targetPrefix"] or name not in model.operation_names:
        return None
    return "iotsecuretunneling", name


def query_operation(action: str) -> tuple[str, str] | None:
    """(service, operation) of the Action field of a query request, or None."""
    return ("sts", action) if action in service_model("sts").operation_names else None
