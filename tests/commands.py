"""Commands that not every system has; the tests that need one are skipped there, with the reason."""

from __future__ import annotations

import shutil

import pytest

needs_setsid = pytest.mark.skipif(shutil.which("setsid") is None, reason="there is no setsid command here")
