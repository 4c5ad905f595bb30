"""Arguments of `peerdeck proxy`, over its files, over the environment: the reference's order."""

import argparse
import re
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

from peerdeck.cli.proxy_files import Settings, read_config, read_mappings
from peerdeck.core.endpoints import Endpoints, check_endpoint
from peerdeck.core.errors import FieldError
from peerdeck.core.fields import TextRule
from peerdeck.core.mappings import parse_ports, parse_targets, port, target
from peerdeck.core.region import Region
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.core.web_proxy import web_proxy_for
from peerdeck.services.proxying import Patience, ProxyRequest

ENVIRONMENT = {
    "access-token": "AWSIOT_TUNNEL_ACCESS_TOKEN",
    "client-token": "AWSIOT_TUNNEL_CLIENT_TOKEN",
    "proxy-endpoint": "AWSIOT_TUNNEL_ENDPOINT",
    "region": "AWSIOT_TUNNEL_REGION",
}
MODES = {"src": Mode.SOURCE, "dst": Mode.DESTINATION} | {mode.value: mode for mode in Mode}
MAX_REQUEST = 4096
_REGION = TextRule(
    "Region", re.compile(r"[a-z0-9-]+"), "must look like eu-west-1.", maximum=64, required=True
)
_BIND = TextRule(
    "Bind address", re.compile(r"[a-zA-Z0-9.:\[\]-]+"), "must be an address or a name."
)
_CLIENT_TOKEN = re.compile(r"[a-zA-Z0-9-]{32,128}")
_BUNDLE = "AWS_CA_BUNDLE"  # the AWS CLI's; the reference has none
_TOKEN = re.compile(r"[\x21-\x7e]+")
# What a --config file may hold: the long options that take part in a connection.
_VALUES = {
    "access-token",
    "client-token",
    "proxy-endpoint",
    "region",
    "source-listen-port",
    "destination-app",
    "local-bind-address",
    "capath",
    "mode",
    "destination-client-type",
    "config-dir",
    "settings-json",
}
_IN_CONFIG = _VALUES | {"no-ssl-host-verify", "verbose"}


def add_reference_arguments(proxy: argparse._ArgumentGroup) -> None:
    add = proxy.add_argument
    add("-t", "--access-token", metavar="TOKEN", help="others see it in the process list")
    add("-i", "--client-token", metavar="TOKEN", help="made for you unless given")
    add("-r", "--region", metavar="REGION", help="of the tunnel")
    add("-e", "--proxy-endpoint", metavar="HOST[:PORT]", help="in place of the region's")
    add("-s", "--source-listen-port", metavar="[ID=]PORT,…", help="source: where to listen")
    add(
        "-d",
        "--destination-app",
        metavar="[ID=][HOST:]PORT|/SOCKET,…",
        help="destination: where to connect to",
    )
    add("-m", "--mode", metavar="src|dst", help="where neither -s nor -d tells")
    add("-y", "--destination-client-type", metavar="V1|V2", help="of an older destination")
    add("-b", "--local-bind-address", metavar="ADDRESS", help="to listen on, or to dial from")
    add("-c", "--capath", metavar="PATH", help="more certificate authorities: file or directory")
    add("-k", "--no-ssl-host-verify", action="store_true", help="believe anybody; for tests only")
    add("-v", "--verbose", metavar="0…6", help="0 silent, 2 errors, 4 usual, 5 debug")
    add("--config", metavar="FILE", help="long options as `name = value` lines")
    add("--config-dir", metavar="DIRECTORY", help="files of `service=port` lines; ./config")
    add("--settings-json", metavar="FILE", help="fine settings")
    add("--export-default-settings", metavar="FILE", help="write those settings and stop")


@dataclass(frozen=True, slots=True)
class Chosen:
    """What all sources together say. warnings: to be shown before anything else."""

    request: ProxyRequest
    verbose: int
    warnings: tuple[str, ...] = ()


def choose(
    options: argparse.Namespace, environment: Mapping[str, str], token_from: Callable[[], Secret]
) -> Chosen:
    """Raises FieldError, Usage and OSError. token_from: reads --token-stdin."""
    given = _Given(options, environment)
    settings = Settings(given.path("settings-json"))
    mode = _mode(given, stdio=options.stdio)
    url = _url(given, settings, environment)
    request = ProxyRequest(
        mode=mode,
        url=url,
        client_token=_client_token(given.text("client-token")),
        tunnel_id=options.token_from_keyring or "",
        bind=_bind(given.text("local-bind-address") or settings.bind),
        version=_version(given),
        authorities=given.text("capath") or environment.get(_BUNDLE, "").strip(),
        verify=not given.flag("no-ssl-host-verify"),
        web_proxy=web_proxy_for(url, environment),
        patience=_patience(settings, options),
        stdio=options.stdio,
        service=options.service or "",
    )
    if not request.tunnel_id:
        token = token_from() if options.token_stdin else Secret(given.text("access-token"))
        request = replace(request, access_token=_access_token(token))
    return Chosen(_with_mappings(request, given), given.verbose(), tuple(given.warnings))


class Usage(ValueError):
    """Arguments that do not go together; the text says how."""


class _Given:
    """A value by its long name: of the command line, else of --config, else of the environment."""

    def __init__(self, options: argparse.Namespace, environment: Mapping[str, str]) -> None:
        self._line = vars(options)
        self._file: dict[str, str] = {}
        if options.config:
            self._file = read_config(Path(options.config), _IN_CONFIG)
        self._environment = environment
        self.warnings: list[str] = []
        if options.access_token is not None:
            self.warnings.append(
                "Other users of this machine can see the token of -t in the process list. Use "
                f"{ENVIRONMENT['access-token']}, --token-stdin or --token-from-keyring."
            )
        if self.flag("no-ssl-host-verify"):
            self.warnings.append(
                "WARNING: -k switches the check of certificates off. Whoever is between here and "
                "AWS can read and change everything. Never use it but for tests."
            )

    def level(self, name: str) -> int:
        """Where it comes from: 0 command line, 1 file, 2 environment, 3 nowhere."""
        sources = (
            self._line.get(name.replace("-", "_")),
            self._file.get(name),
            self._environment.get(ENVIRONMENT.get(name, "")),
        )
        return next((place for place, value in enumerate(sources) if value), 3)

    def text(self, name: str) -> str:
        return str(
            self._line.get(name.replace("-", "_"))
            or self._file.get(name)
            or self._environment.get(ENVIRONMENT.get(name, ""))
            or ""
        ).strip()

    def path(self, name: str) -> Path | None:
        return Path(self.text(name)) if self.text(name) else None

    def flag(self, name: str) -> bool:
        if self._line.get(name.replace("-", "_")):
            return True
        text = self._file.get(name, "false").lower()
        if text not in {"true", "false", "yes", "no", "on", "off", "1", "0"}:
            raise FieldError(name, text, "is true or false.")
        return text in {"true", "yes", "on", "1"}

    def verbose(self) -> int:
        text = self.text("verbose") or "4"
        if not text.isdecimal() or int(text) > 255:
            raise FieldError("--verbose", text, "must be 0 to 255.")
        return min(6, int(text))


def _mode(given: _Given, *, stdio: bool) -> Mode:
    source, destination = given.text("source-listen-port"), given.text("destination-app")
    word = given.text("mode")
    if source and destination:
        raise Usage("-s and -d exclude each other: one side of a tunnel is meant.")
    if word and word not in MODES:
        raise FieldError("--mode", word, "must be src, source, dst or destination.")
    if not (word or source or destination or stdio):
        raise Usage("One of -s, -d, --mode or --stdio is needed.")
    mode = MODES[word] if word else Mode.DESTINATION if destination else Mode.SOURCE
    if (source and mode is Mode.DESTINATION) or (destination and mode is Mode.SOURCE):
        raise FieldError("--mode", word, "contradicts -s or -d.")
    if stdio and (mode is Mode.DESTINATION or source):
        raise Usage("--stdio is for a source, and listens on no port.")
    return mode


def _url(given: _Given, settings: Settings, environment: Mapping[str, str]) -> str:
    """The higher source wins; on the same one, -r and -e exclude each other."""
    of_region, of_endpoint = given.level("region"), given.level("proxy-endpoint")
    if of_region == of_endpoint:
        raise Usage("Exactly one of --region and --proxy-endpoint must be given.")
    if of_endpoint < of_region:
        return _endpoint_url(given.text("proxy-endpoint"))
    region = _REGION.check(given.text("region"))
    if own := settings.endpoint(region):
        return _endpoint_url(own)
    if ours := Endpoints.from_environment(environment).tunnel_data:
        return ours
    suffix = "amazonaws.com.cn" if region.startswith("cn-") else "amazonaws.com"
    return Region(region, region, dns_suffix=suffix).tunnel_data_url


def _endpoint_url(text: str) -> str:
    url = text if "://" in text else f"wss://{text}"
    parts = urlsplit(url.replace("https://", "wss://", 1).replace("http://", "ws://", 1))
    return check_endpoint("tunnel_data", f"{parts.scheme}://{parts.netloc.lower()}")


def _version(given: _Given) -> int:
    text = given.text("destination-client-type")
    if text and text.upper() not in {"V1", "V2", "V3"}:
        given.warnings.append(f"Unknown destination client type “{text[:20]}”; V3 is assumed.")
        return 3
    return int(text[1:] or 3)


def _bind(text: str) -> str:
    _BIND.check(text)
    return "127.0.0.1" if text == "localhost" else text.strip("[]")


def _patience(settings: Settings, options: argparse.Namespace) -> Patience:
    patience = replace(settings.patience, hold=options.when_down == "hold")
    if options.stdio and patience.attempts is None:
        return replace(patience, attempts=1)  # somebody sits in front of it and waits
    return patience


def _client_token(text: str) -> Secret:
    if text and not _CLIENT_TOKEN.fullmatch(text):
        raise FieldError("Client token", "…", "has 32 to 128 letters, digits and hyphens.")
    return Secret(text)


def _access_token(token: Secret) -> Secret:
    if not token:
        raise Usage(
            f"An access token is needed: {ENVIRONMENT['access-token']}, --token-stdin, "
            "--token-from-keyring or -t."
        )
    text = token.reveal()
    if len(text) > MAX_REQUEST or not _TOKEN.fullmatch(text):
        raise FieldError("Access token", "…", "has characters that no token has, or too many.")
    return token


def _with_mappings(request: ProxyRequest, given: _Given) -> ProxyRequest:
    directory = given.path("config-dir")
    if directory is not None and not directory.is_dir():
        raise FieldError("--config-dir", str(directory), "is no directory.")
    directory = directory or Path("config")
    if request.mode is Mode.SOURCE:
        text = given.text("source-listen-port")
        return replace(
            request,
            ports=parse_ports(text) if text else {},
            spare_ports=read_mappings(directory, port),
        )
    text = given.text("destination-app")
    return replace(
        request,
        targets=parse_targets(text) if text else {},
        spare_targets=read_mappings(directory, target),
    )


def token_from_stdin() -> Secret:
    """The first line of standard input."""
    return Secret(sys.stdin.readline(MAX_REQUEST + 2).strip())
