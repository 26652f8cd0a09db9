"""The check for known vulnerabilities: what pip-audit answers, and what comes of it. No network is used."""

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import audit  # noqa: E402

PACKAGES = ["idna==3.6", "torch==2.14.1", "typing_extensions==4.9"]


def package(name: str, version: str, *vulns: dict) -> dict:
    """One that was checked, as pip-audit reports it."""
    return {"name": name, "version": version, "vulns": list(vulns)}


def flaw(fix_versions: list[str]) -> dict:
    """A known vulnerability."""
    return {"id": "PYSEC-2024-60", "fix_versions": fix_versions, "aliases": ["CVE-2024-3651"], "description": "..."}


def skipped(name: str) -> dict:
    """One that the service does not know."""
    return {"name": name, "skip_reason": f"Dependency not found on PyPI and could not be audited: {name}"}


def report(*packages: dict) -> str:
    """A whole answer."""
    return json.dumps({"dependencies": packages, "fixes": []})


CLEAN = [package("idna", "3.6"), package("torch", "2.14.1"), package("typing-extensions", "4.9")]
MENDED = [package("idna", "3.6", flaw(["3.7"])), *CLEAN[1:]]
UNMENDED = [package("idna", "3.6", flaw([])), *CLEAN[1:]]


@pytest.mark.parametrize(
    ("answer", "status", "lines"),
    [
        (report(*CLEAN), 0, ["3 of 3 packages checked, 0 known vulnerabilities"]),
        (report(*MENDED), 1, ["idna 3.6: PYSEC-2024-60, CVE-2024-3651. Update it to 3.7", "3 of 3 packages checked, 1 known vulnerabilities"]),
        (report(*UNMENDED), 0, ["WARNING: idna 3.6: PYSEC-2024-60, CVE-2024-3651. No release mends it yet", "3 of 3 packages checked, 1 known"]),
        (report(*CLEAN[:2], skipped("typing-extensions")), 0, ["WARNING: 1 of 3 packages could NOT be checked: typing_extensions==4.9", "2 of 3"]),
        (report(MENDED[0], *map(skipped, ("torch", "typing-extensions"))), 1, ["Update it to 3.7", "WARNING: 2 of 3", "1 of 3 packages checked, 1"]),
        (report(*map(skipped, ("idna", "torch", "typing-extensions"))), 0, ["WARNING: NO package was checked", "0 of 3 packages checked"]),
        (report(), 0, ["WARNING: NO package was checked", "0 of 3"]),
        ("", 0, ["WARNING: NO package was checked for known vulnerabilities (3 are installed): pip-audit gave no report"]),
        ("<html>", 0, ["WARNING: NO package was checked"]),
        ("[]", 0, ["WARNING: NO package was checked"]),
    ],
    ids=["clean", "an update mends it", "nothing mends it", "one unknown", "one to update, others unknown", "all unknown", "empty", "no answer", "a web page", "a list"],
)
def test_each_answer_gets_its_verdict(answer: str, status: int, lines: list[str]) -> None:
    """An update that is there fails the check; what was not checked is never called clean."""
    found, found_status = audit.judge(PACKAGES, answer)
    assert found_status == status and len(found) == len(lines)
    for whole, part in zip(found, lines):
        assert part in whole


def test_what_is_asked_for() -> None:
    """Every package but our own, by the version that advisories know."""
    packages = [("torch", "2.14.1+cu130"), ("mnist_s6", "0.1.0"), ("mnist-s6", "0.1.0"), ("idna", "3.6"), ("idna", "3.6")]
    assert audit.pinned(packages) == ["idna==3.6", "torch==2.14.1"]


def test_it_ends_with_the_verdict(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """The exit status is the verdict's, also when pip-audit can't be had."""
    monkeypatch.setattr(audit, "ask", lambda _: report(*MENDED))
    assert audit.main() == 1 and "== idna 3.6" in capsys.readouterr().out
    monkeypatch.undo()
    monkeypatch.setattr(audit, "PATIENCE", 0)  # seconds
    assert audit.main() == 0
    printed = capsys.readouterr().out
    assert "pip-audit did not run" in printed and "NO package was checked" in printed
