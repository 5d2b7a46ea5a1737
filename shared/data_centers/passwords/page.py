"""The page of one-time links: without outside parts, and nothing is read before its button is pressed, because mail scanners open links."""

from pathlib import Path

from shared.web.answers import HttpAnswer

_PAGE = Path(__file__).with_name("page.html")
_HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}


def secret_page() -> HttpAnswer:
    """Return the page."""
    return HttpAnswer(200, _PAGE.read_text(encoding="utf-8"), _HEADERS)
