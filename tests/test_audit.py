"""The check for known vulnerabilities: what comes of each of pip-audit's answers. No network is used."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tools"))

import audit  # noqa: E402

CLEAN = "No known vulnerabilities found\n"
UNKNOWN = """Name  Skip Reason
----- -----------------------------------------------------------------------
idna  Dependency not found on PyPI and could not be audited: idna (3.6)
torch Dependency not found on PyPI and could not be audited: torch (2.14.1)
"""
FLAWED = """Found 1 known vulnerability in 1 package
Name Version ID            Fix Versions
---- ------- ------------- ------------
idna 3.6     PYSEC-2024-60 3.7
"""
UNMENDED = FLAWED.replace("3.7", "")
REFUSED = "ERROR:pip_audit._cli:Could not connect to PyPI's vulnerability feed\n"


@pytest.mark.parametrize(
    ("answer", "status", "warning"),
    [
        ((0, CLEAN), 0, None),
        ((0, CLEAN + UNKNOWN), 0, "WARNING: 2 packages could NOT be checked"),
        ((1, FLAWED), 1, None),
        ((1, FLAWED + UNKNOWN), 1, "WARNING: 2 packages could NOT be checked"),
        ((1, UNMENDED), 0, None),
        ((1, UNMENDED + UNKNOWN), 0, "WARNING: 2 packages could NOT be checked"),
        ((1, REFUSED), 0, "WARNING: NO package was checked"),
        ((1, ""), 0, "WARNING: NO package was checked"),
    ],
    ids=["clean", "some unknown", "flawed", "flawed and unknown", "no mend", "no mend and unknown", "no network", "no answer"],
)
def test_each_answer_gets_its_verdict(
    answer: tuple[int, str],
    status: int,
    warning: str | None,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A vulnerability that an update mends fails the check; what was not checked is never called clean; what pip-audit says is shown."""
    monkeypatch.setattr(audit, "ask", lambda: answer)
    assert audit.main() == status
    shown = capsys.readouterr().out
    assert answer[1] in shown and ("WARNING" in shown) == bool(warning) and (warning or "") in shown


def test_a_pip_audit_that_cannot_be_had_is_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without it nothing is checked, and that is no vulnerability."""
    monkeypatch.setattr(audit, "PATIENCE", 0)  # seconds
    assert audit.main() == 0
    shown = capsys.readouterr().out
    assert "pip-audit did not run" in shown and "NO package was checked" in shown
