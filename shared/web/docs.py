"""The page `/docs`: the OpenAPI description for people, self-contained, so that it works without the internet."""

import base64
import hashlib
import re
from functools import lru_cache
from pathlib import Path

from shared.web.answers import HttpAnswer

_INLINE = re.compile(r"<(script|style)>(.*?)</\1>", re.DOTALL)


@lru_cache(maxsize=1)
def docs_page() -> HttpAnswer:
    """Return the page, which reads `openapi.json` beside it; its policy lets run and style only what it holds itself."""
    html = Path(__file__).with_name("docs.html").read_text("utf-8")
    sources = {tag: _hash(content) for tag, content in _INLINE.findall(html)}
    policy = (
        f"default-src 'none'; script-src {sources['script']}; style-src {sources['style']}; connect-src 'self'; "
        "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    )
    return HttpAnswer(200, html, {"Content-Type": "text/html; charset=utf-8", "Content-Security-Policy": policy})


def _hash(content: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}'"
