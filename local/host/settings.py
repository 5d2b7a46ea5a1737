"""The part of host.json that this host keeps to."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

_TIME_SPAN = re.compile(r"(?:(?P<days>\d+)\.)?(?P<hours>\d{1,2}):(?P<minutes>\d{2}):(?P<seconds>\d{2}(?:\.\d{1,7})?)")


class WrongSetting(Exception):  # noqa: N818  # read by a person as a sentence, not as a defect
    """A setting of host.json has a value that the real host would refuse."""


@dataclass(frozen=True, slots=True)
class QueueSettings:
    """How queues are polled; durations in wall-clock seconds. Defaults and limits: docs/azure/functions-host.md."""

    message_encoding: Literal["base64", "none"] = "base64"
    max_polling_interval: float = 60.0
    visibility_timeout: float = 0.0
    batch_size: int = 16
    new_batch_threshold: int = 8
    max_dequeue_count: int = 5


@dataclass(frozen=True, slots=True)
class HostSettings:
    """What host.json sets for HTTP, queues and the time-out of a function (wall-clock seconds)."""

    route_prefix: str = "api"
    function_timeout: float = 1800.0
    queues: QueueSettings = QueueSettings()


def read_host_settings(folder: Path) -> HostSettings:
    """Read `folder`/host.json; a missing file or member means the default.

    Raises `WrongSetting` naming the member that is wrong.
    """
    path = folder / "host.json"
    if not path.exists():
        return HostSettings()
    try:
        document = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise WrongSetting(f"{path} is not JSON: {error}") from error
    extensions = document.get("extensions", {})
    return HostSettings(
        route_prefix=str(extensions.get("http", {}).get("routePrefix", "api")).strip("/"),
        function_timeout=_seconds(document, "functionTimeout", 1800.0),
        queues=_queue_settings(extensions.get("queues", {})),
    )


def _queue_settings(section: Mapping[str, object]) -> QueueSettings:
    encoding = str(section.get("messageEncoding", "base64")).lower()
    if encoding not in ("base64", "none"):
        raise WrongSetting(f"extensions.queues.messageEncoding is {encoding!r}; it can be base64 or none")
    batch_size = _whole(section, "batchSize", 16, 1, 32)
    return QueueSettings(
        message_encoding="none" if encoding == "none" else "base64",
        max_polling_interval=max(0.1, _seconds(section, "maxPollingInterval", 60.0)),
        visibility_timeout=_seconds(section, "visibilityTimeout", 0.0),
        batch_size=batch_size,
        new_batch_threshold=_whole(section, "newBatchThreshold", max(1, batch_size // 2), 0, 1000),
        max_dequeue_count=_whole(section, "maxDequeueCount", 5, 1, 1000),
    )


def _whole(section: Mapping[str, object], name: str, default: int, least: int, most: int) -> int:
    value = section.get(name, default)
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise WrongSetting(f"extensions.queues.{name} is {value!r}; it can be a whole number from {least} to {most}")
    return value


def _seconds(section: Mapping[str, object], name: str, default: float) -> float:
    value = section.get(name)
    if value is None:
        return default
    match = _TIME_SPAN.fullmatch(str(value))
    if match is None:
        raise WrongSetting(f"{name} is {value!r}; a time is written hh:mm:ss")
    days, hours, minutes, seconds = match.groups()
    return int(days or 0) * 86400 + int(hours) * 3600 + int(minutes) * 60 + float(seconds)
