"""What the clients of single services need of an account."""

from collections.abc import AsyncIterator, Callable
from typing import TYPE_CHECKING, Any, Protocol

from peerdeck.cloud.shapes import MAX_PAGES, strange
from peerdeck.core.endpoints import USUAL_ENDPOINTS, EndpointChoice, Endpoints
from peerdeck.core.region import Region

if TYPE_CHECKING:
    from botocore.credentials import ReadOnlyCredentials


class Account(Protocol):
    """See AwsAccount."""

    endpoints: Endpoints
    clock: Callable[[], float]

    @property
    def clock_offset_s(self) -> float | None: ...

    def region(self, name: str) -> Region: ...

    async def call(
        self,
        service: str,
        region: str,
        operation: str,
        parameters: dict[str, Any],
        *,
        endpoint: str = "",
        choice: EndpointChoice = USUAL_ENDPOINTS,
        attempts: int = 3,
    ) -> dict[str, Any]: ...

    async def frozen_credentials(self) -> "ReadOnlyCredentials": ...


async def pages(
    account: Account,
    service: str,
    region: str,
    operation: str,
    parameters: dict[str, Any],
    *,
    cursor: str,
    choice: EndpointChoice = USUAL_ENDPOINTS,
) -> AsyncIterator[dict[str, Any]]:
    """Every page of a listing. cursor: the operation's own, asked and answered.

    A token that comes back unchanged would go on for ever: CloudError.
    """
    following = ""
    for _ in range(MAX_PAGES):
        more = {cursor: following} if following else {}
        answer = await account.call(service, region, operation, parameters | more, choice=choice)
        yield answer
        last, following = following, str(answer.get(cursor) or "")
        if not following:
            return
        if following == last:
            break
    raise strange(operation, f"The listing does not end: {cursor} repeats.")
