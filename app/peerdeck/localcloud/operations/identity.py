"""STS GetCallerIdentity."""

from typing import Any

from peerdeck.localcloud.state import Call

USER = "demo"


def get_caller_identity(call: Call) -> dict[str, Any]:
    account = call.state.account
    key = call.state.keys[call.access_key]
    if key.session_token:  # temporary keys belong to a role's session
        return {
            "UserId": f"AROAPEERDECKDEMO00001:{USER}",
            "Account": account,
            "Arn": f"arn:aws:sts::{account}:assumed-role/Operator/{USER}",
        }
    return {
        "UserId": "AIDAPEERDECKDEMO00001",
        "Account": account,
        "Arn": f"arn:aws:iam::{account}:user/{USER}",
    }
