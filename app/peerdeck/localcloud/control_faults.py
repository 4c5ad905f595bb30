"""What the control plane and signaling do wrong on purpose."""

from dataclasses import dataclass

from peerdeck.localcloud.wire import Protocol, ServiceError

EVERY_OPERATION = "*"
_SIGNING_NAMES = {"iotsecuretunneling": "iot", "sts": "sts"}


@dataclass(slots=True)
class ControlFaults:
    """All off at first. throttled, denied: an operation's name, EVERY_OPERATION or "" for none.

    ahead_s: by how much the service's clock is ahead of the user's. no_master: masters cannot
    connect. stalled: signaling sockets are not read.
    """

    throttled: str = ""
    denied: str = ""
    ahead_s: float = 0.0
    no_master: bool = False
    stalled: bool = False

    def check(self, service: str, operation: str, protocol: Protocol, caller: str) -> None:
        """Raises the ServiceError that a fault asks for. caller: ARN of who called."""
        connects = operation.startswith("ConnectAs")  # a refused upgrade names its code in the body
        if _names(self.throttled, operation):
            if service.startswith("kinesis"):
                code, message = "ClientLimitExceededException", f"Rate exceeded for {operation}."
            else:
                code, message = "ThrottlingException", "Rate exceeded"
            raise ServiceError(400, code, message, in_body=connects)
        if _names(self.denied, operation):
            action = f"{_SIGNING_NAMES.get(service, 'kinesisvideo')}:{operation}"
            raise ServiceError(
                400 if protocol is Protocol.JSON else 403,
                "AccessDeniedException",
                f"User: {caller} is not authorized to perform: {action} because no "
                f"identity-based policy allows the {action} action",
                field="message" if connects else "Message",
                in_body=connects,
            )


def _names(pattern: str, operation: str) -> bool:
    return pattern in {EVERY_OPERATION, operation}
