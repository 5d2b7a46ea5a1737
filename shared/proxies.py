"""The proxy for outbound calls, as the environment names it (docs/security.md, "Network")."""

from collections.abc import MutableMapping


def use_only_proxy(environment: MutableMapping[str, str]) -> None:
    """Let `HTTP_PROXY` serve for https too where it is the only one that is set; clients read the environment by the scheme of a URL."""
    given = {name.lower(): value for name, value in environment.items() if value}
    if "http_proxy" in given and "https_proxy" not in given:
        environment["HTTPS_PROXY"] = given["http_proxy"]
