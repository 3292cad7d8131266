"""Text that came from a bus, as a page may hold it. Pure.

Promises: whatever the text, it stays text: markup, quotes and signs that turn the direction of writing round
lose their meaning, and control characters, which HTML has no words for, are shown as `?`.
"""

import html

from telemetry.errors import printable


def escaped(text: object) -> str:
    """Return the text for an element's content or an attribute in double quotes."""
    return html.escape(printable(str(text)))
