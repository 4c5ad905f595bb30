"""Which argument, file or variable wins, and what the reference's files mean here."""

import json
from pathlib import Path

import pytest

from peerdeck.cli import parse
from peerdeck.cli.proxy import run
from peerdeck.cli.proxy_files import DEFAULTS, Settings, export_defaults
from peerdeck.cli.proxy_options import Chosen, choose
from peerdeck.core.errors import FieldError
from peerdeck.core.mappings import parse_ports, parse_targets
from peerdeck.core.secret import Secret
from peerdeck.core.tunnel import Mode
from peerdeck.services.proxying import Patience

TOKEN = {"AWSIOT_TUNNEL_ACCESS_TOKEN": "from-environment"}


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """./config is read by default: it must not be this project's."""
    monkeypatch.chdir(tmp_path)


def chosen(*arguments: str, **environment: str) -> Chosen:
    options = parse(["proxy", *arguments])
    return choose(options, TOKEN | environment, lambda: Secret("from-stdin"))


def write(path: Path, text: str) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_every_argument_of_the_reference_has_its_meaning():
    request = chosen(
        *("--region", "eu-west-1", "--source-listen-port", "SSH=2222,HTTP=8080"),
        *("--access-token", "abc", "--client-token", "c" * 32, "--local-bind-address", "[::1]"),
        *("--capath", "/ca", "--mode", "source", "--destination-client-type", "V2"),
        *("--no-ssl-host-verify", "--verbose", "6"),
    ).request
    assert request.url == "wss://data.tunneling.iot.eu-west-1.amazonaws.com:443"
    assert (request.mode, dict(request.ports)) == (Mode.SOURCE, {"SSH": 2222, "HTTP": 8080})
    assert request.access_token.reveal() == "abc"
    assert request.client_token.reveal() == "c" * 32
    assert (request.bind, request.authorities, request.verify) == ("::1", "/ca", False)
    assert request.version == 2


def test_short_forms_are_the_long_ones():
    short = chosen(
        *[
            "-r",
            "eu-west-1",
            "-d",
            "SSH=22",
            "-b",
            "127.0.0.2",
            "-c",
            "/ca",
            "-m",
            "dst",
            "-y",
            "V1",
            "-k",
            "-v",
            "6",
        ]
    )
    assert short.request.mode is Mode.DESTINATION
    assert short.request.targets == {"SSH": ("localhost", 22)}
    assert (short.request.version, short.verbose, short.request.verify) == (1, 6, False)
    assert len(short.warnings) == 1
    assert "-k" in short.warnings[0]


def test_the_command_line_wins_over_the_file_and_that_over_the_environment(tmp_path):
    file = write(
        tmp_path / "config.ini",
        "# comment\nregion = eu-central-1\naccess-token = from-file\nsource-listen-port=6000\n",
    )
    both = chosen("--config", file, "-s", "7000", AWSIOT_TUNNEL_REGION="us-east-1").request
    assert "eu-central-1" in both.url
    assert dict(both.ports) == {"": 7000}
    assert both.access_token.reveal() == "from-file"
    line = chosen("--config", file, "-t", "from-line", "-e", "host.test:8443").request
    assert (line.url, line.access_token.reveal()) == ("wss://host.test:8443", "from-line")
    environment = chosen("-s", "1", AWSIOT_TUNNEL_ENDPOINT="Host.test").request
    assert (environment.url, environment.access_token.reveal()) == (
        "wss://host.test",
        "from-environment",
    )


def test_a_file_may_switch_verification_off_and_set_the_volume(tmp_path):
    file = write(tmp_path / "c.ini", "no-ssl-host-verify = true\nverbose = 2\nmode = dst\n")
    both = chosen("--config", file, "-r", "eu-west-1")
    assert (both.request.verify, both.verbose, both.request.mode) == (False, 2, Mode.DESTINATION)


def test_an_unknown_name_in_the_file_is_refused(tmp_path):
    file = write(tmp_path / "c.ini", "regoin = eu-west-1\n")
    with pytest.raises(FieldError, match="regoin"):
        chosen("--config", file, "-s", "1")


def test_mappings_come_from_every_file_of_the_directory(tmp_path):
    write(tmp_path / "d" / "a.ini", "SSH1=3333\nSSH2=5555\n")
    write(tmp_path / "d" / "sub" / "b.ini", "; more\nSSH1=9\nHTTP=10.0.0.1:80\n")
    write(tmp_path / "d" / "sub" / "note.txt", "this is no ini file\n")
    source = chosen("-m", "src", "-r", "eu-west-1", "--config-dir", str(tmp_path / "d")).request
    assert dict(source.spare_ports) == {"SSH1": 3333, "SSH2": 5555}
    far = chosen("-m", "dst", "-r", "eu-west-1", "--config-dir", str(tmp_path / "d")).request
    assert far.spare_targets["HTTP"] == ("10.0.0.1", 80)


def test_the_default_directory_is_config_where_it_is_started(tmp_path):
    write(tmp_path / "config" / "a.ini", "SSH1=3333\n")
    assert dict(chosen("-m", "src", "-r", "eu-west-1").request.spare_ports) == {"SSH1": 3333}


def test_the_reference_defaults_file_is_read(tmp_path):
    """As its documentation prints it: every value is a string."""
    tree = {
        "tunneling": {
            "proxy": {
                "default_bind_address": "localhost",
                "message": {"data_length_size": "2", "max_payload_size": "64512"},
                "tcp": {"connection_retry_count": "5", "connection_retry_delay_ms": "1000"},
                "websocket": {
                    "ping_period_ms": "5000",
                    "retry_delay_ms": "2500",
                    "connect_retry_count": "-1",
                    "reconnect_on_data_error": "true",
                    "subprotocol": "aws.iot.securetunneling-1.0",
                },
            }
        }
    }
    file = write(tmp_path / "s.json", json.dumps(tree))
    request = chosen("-r", "eu-west-1", "-s", "1", "--settings-json", file).request
    assert request.bind == "127.0.0.1"
    assert request.patience == Patience(None, 2.5, 5.0, 5, 1.0)
    limited = tree["tunneling"]["proxy"]["websocket"] | {"connect_retry_count": "3"}
    tree["tunneling"]["proxy"]["websocket"] = limited
    assert Settings(Path(write(tmp_path / "s.json", json.dumps(tree)))).patience.attempts == 3


def test_exported_settings_can_be_read_again(tmp_path):
    assert run(parse(["proxy", "--export-default-settings", str(tmp_path / "s.json")])) == 0
    assert json.loads((tmp_path / "s.json").read_text()) == DEFAULTS
    settings = Settings(tmp_path / "s.json")
    assert settings.endpoint("eu-west-1") == "data.tunneling.iot.eu-west-1.amazonaws.com"
    assert settings.endpoint("cn-north-1").endswith(".com.cn")
    export_defaults(tmp_path / "again.json")


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"tunneling": []}', '{"tunneling": {"proxy": {"tcp": 1}}}']
)
def test_settings_of_another_shape_are_refused(tmp_path, text):
    with pytest.raises(FieldError, match="--settings-json"):
        Settings(Path(write(tmp_path / "s.json", text)))


@pytest.mark.parametrize(("name", "value"), [("ping_period_ms", "0"), ("retry_delay_ms", "soon")])
def test_settings_that_make_no_sense_are_named(tmp_path, name, value):
    tree = {"tunneling": {"proxy": {"websocket": {name: value}}}}
    with pytest.raises(FieldError, match=name):
        Settings(Path(write(tmp_path / "s.json", json.dumps(tree))))


def test_a_region_follows_the_local_clouds_variables():
    url = chosen(
        "-r",
        "eu-west-1",
        "-s",
        "1",
        AWS_ENDPOINT_URL_IOTSECURETUNNELING_DATA="ws://127.0.0.1:7777",
    ).request.url
    assert url == "ws://127.0.0.1:7777"
    assert chosen("-r", "cn-north-1", "-s", "1").request.url.endswith(".amazonaws.com.cn:443")


def test_stdio_is_a_source_that_waits_for_nothing():
    request = chosen("-r", "eu-west-1", "--stdio", "--service", "SSH").request
    assert (request.mode, request.patience.attempts, request.service) == (Mode.SOURCE, 1, "SSH")


def test_new_connections_are_held_unless_they_shall_be_refused():
    assert chosen("-r", "eu-west-1", "-s", "1").request.patience.hold
    assert not chosen("-r", "eu-west-1", "-s", "1", "--when-down", "refuse").request.patience.hold


def test_tokens_of_standard_input_and_keyring_win():
    assert chosen("-s", "1", "-r", "eu-west-1", "--token-stdin").request.access_token.reveal() == (
        "from-stdin"
    )
    request = chosen("-s", "1", "-r", "eu-west-1", "--token-from-keyring", "tunnel-1").request
    assert (request.tunnel_id, bool(request.access_token)) == ("tunnel-1", False)


def test_no_token_is_seen_in_what_was_chosen():
    shown = repr(chosen("-s", "1", "-r", "eu-west-1", "-i", "c" * 32))
    assert "from-environment" not in shown
    assert "c" * 32 not in shown


@pytest.mark.parametrize(
    ("text", "ports"),
    [
        ("5555", {"": 5555}),
        ("A=1, B = 2,", {"A": 1, "B": 2}),
        ("A=1,A=2", {"A": 1}),
        ("0", {"": 0}),
    ],
)
def test_ports_as_the_reference_writes_them(text, ports):
    assert parse_ports(text) == ports


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("22", ("localhost", 22)),
        ("host.test:22", ("host.test", 22)),
        ("[::1]:22", ("::1", 22)),
        ("/run/app.sock", "/run/app.sock"),
        ("./app.sock", "./app.sock"),
    ],
)
def test_targets_as_the_reference_writes_them(text, target):
    assert parse_targets(text) == {"": target}
    assert parse_targets(f"SSH={text}") == {"SSH": target}


@pytest.mark.parametrize("text", ["", ",", "A=", "=1", "A=1,2", "65536", "A B=1", "x"])
def test_broken_ports_are_refused(text):
    with pytest.raises(FieldError):
        parse_ports(text)


@pytest.mark.parametrize("text", ["::1:22", ":22", "host:", "host:0", "0", "host:ssh"])
def test_broken_targets_are_refused(text):
    with pytest.raises(FieldError):
        parse_targets(text)


def test_the_aws_bundle_of_authorities_counts_where_c_is_not_given() -> None:
    line = ("-s", "1", "-r", "eu-west-1")
    assert chosen(*line).request.authorities == ""
    assert chosen(*line, AWS_CA_BUNDLE="/etc/aws.pem").request.authorities == "/etc/aws.pem"
    assert chosen(*line, "-c", "own.pem", AWS_CA_BUNDLE="x").request.authorities == "own.pem"
