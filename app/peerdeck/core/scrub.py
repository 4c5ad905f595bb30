"""What services say, without the secrets that they repeat."""

import re

# Order matters: the canonical request that AWS prints back holds the session token.
_SECRETS = (
    (re.compile(r"\s*The Canonical String for this request.*", re.DOTALL | re.IGNORECASE), ""),
    (re.compile(r"(?<=://)[^/@\s\"']+@"), ""),
    (re.compile(r"AWS4-HMAC-SHA256\s+Credential=.*?Signature=[0-9a-f]*", re.DOTALL), "<hidden>"),
    (
        re.compile(
            r"(?i)((?:x-amz-security-token|x-amz-signature|x-amz-credential|access-?token"
            r"|client-?token|secret_?access_?key|session_?token|aws_secret\w*)[\"']?\s*[=:]\s*)"
            r"[\"']?[^\s&\"',}]+"
        ),
        r"\1<hidden>",
    ),
    (re.compile(r"[A-Za-z0-9+/=_%-]{100,}"), "<hidden>"),
    (re.compile(r"\b[0-9a-f]{64}\b"), "<hidden>"),
)


def without_secrets(text: str) -> str:
    """`text` without signatures, tokens and keys, as far as their form gives them away."""
    for pattern, replacement in _SECRETS:
        text = pattern.sub(replacement, text)
    return text
