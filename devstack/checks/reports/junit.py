"""Results as JUnit XML, as GitHub, GitLab and Jenkins read it."""

from __future__ import annotations

import re
from collections.abc import Sequence

from devstack.core.check_result import CheckResult

# What XML 1.0 (section 2.2) has no character for, not even escaped.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit_xml(
    suite_name: str, results: Sequence[CheckResult], *, timestamp: str = "", output: str = ""
) -> str:
    """Return the XML document: one suite, a case for each result.

    `timestamp` is when the suite began, in ISO 8601; `output` becomes the suite's system-out, such as the
    last lines of a service that failed.
    """
    from xml.etree.ElementTree import Element, SubElement, tostring

    totals = _totals(results)
    root = Element("testsuites", {"name": valid_xml(suite_name), **totals})
    suite = SubElement(root, "testsuite", {"name": valid_xml(suite_name), **totals, "skipped": "0"})
    if timestamp:
        suite.set("timestamp", timestamp)
    for result in results:
        attributes = {"classname": result.classname, "name": result.name, "time": f"{result.seconds:.3f}"}
        case = SubElement(suite, "testcase", {key: valid_xml(text) for key, text in attributes.items()})
        detail = valid_xml(result.detail)
        if result.ok:
            SubElement(case, "system-out").text = detail
        else:
            first_line = detail.partition("\n")[0]
            SubElement(case, "failure", {"type": "failed", "message": first_line}).text = detail
    if output:
        SubElement(suite, "system-out").text = valid_xml(output)
    return f'<?xml version="1.0" encoding="utf-8"?>\n{tostring(root, encoding="unicode")}\n'


def valid_xml(text: str) -> str:
    """Return `text` with what XML cannot carry written out, such as an escape code as `\\x1b`."""
    return _NOT_XML.sub(lambda found: found[0].encode("unicode_escape", "surrogatepass").decode(), text)


def _totals(results: Sequence[CheckResult]) -> dict[str, str]:
    return {
        "tests": str(len(results)),
        "failures": str(sum(not result.ok for result in results)),
        "errors": "0",
        "time": f"{sum(result.seconds for result in results):.3f}",
    }
