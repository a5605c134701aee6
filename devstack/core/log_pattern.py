"""The regular expression that a `log` probe looks for in a service's output."""

from __future__ import annotations

import re
import warnings


def log_pattern(text: str) -> re.Pattern[bytes]:
    """Return `text` compiled for the bytes of whole lines. ValueError says why it is no expression."""
    with warnings.catch_warnings():
        # `[[]INFO]` means what it always has; that Python may see a set in it one day is no user's concern.
        warnings.simplefilter("ignore", FutureWarning)
        try:
            return re.compile(text.encode(), re.MULTILINE)
        except (re.error, OverflowError) as error:
            raise ValueError(str(error)) from None
        except RecursionError:
            raise ValueError("it nests its groups too deep") from None
