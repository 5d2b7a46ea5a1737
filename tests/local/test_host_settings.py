"""host.json as this host reads it."""

import json
from pathlib import Path

import pytest

from local.host.settings import HostSettings, QueueSettings, WrongSetting, read_host_settings
from local.processes import ROOT


def test_defaults_are_those_of_the_real_host(tmp_path: Path) -> None:
    assert read_host_settings(tmp_path) == HostSettings("api", 1800.0, QueueSettings("base64", 60.0, 0.0, 16, 8, 5))


def test_the_apps_own_settings() -> None:
    settings = read_host_settings(ROOT)
    assert settings == HostSettings("api", 600.0, QueueSettings("none", 2.0, 30.0, 8, 4, 5))


@pytest.mark.parametrize(
    ("queues", "words"),
    [
        ({"batchSize": 33}, "batchSize is 33; it can be a whole number from 1 to 32"),
        ({"maxDequeueCount": 0}, "maxDequeueCount"),
        ({"messageEncoding": "utf8"}, "messageEncoding"),
        ({"visibilityTimeout": "30"}, "visibilityTimeout is '30'; a time is written hh:mm:ss"),
    ],
)
def test_a_wrong_setting_is_named(tmp_path: Path, queues: dict[str, object], words: str) -> None:
    (tmp_path / "host.json").write_text(json.dumps({"extensions": {"queues": queues}}))
    with pytest.raises(WrongSetting, match=words):
        read_host_settings(tmp_path)
