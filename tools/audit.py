"""Ask for known vulnerabilities of all packages in this environment: `.venv/bin/python tools/audit.py`, with a network.

pip-audit does it, from a throw-away folder, and says itself what it found, and what it could not ask about: that has not
been found safe. The exit status is 1 if there is a vulnerability that an update mends.
"""

import os
import subprocess
import sys
import sysconfig
import tempfile

FIXES = "Fix Versions"  # the last column of its table of vulnerabilities
PATIENCE = 400  # seconds, for installing and for asking
INSTALL = ["-m", "pip", "install", "--disable-pip-version-check", "-q", "pip-audit", "--target"]
ASK = ["-m", "pip_audit", "--skip-editable", "--progress-spinner", "off", "--path", sysconfig.get_path("purelib")]


def ask() -> tuple[int, str]:
    """The exit status of pip-audit, and what it says."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, *INSTALL, folder], check=True, timeout=PATIENCE)
        env = os.environ | {"PYTHONPATH": folder}
        done = subprocess.run([sys.executable, *ASK], env=env, capture_output=True, text=True, timeout=PATIENCE)
    return done.returncode, done.stdout + done.stderr


def mendable(said: str) -> bool:
    """Whether a row of pip-audit's table of vulnerabilities names a version that mends it."""
    _, heading, rows = said.partition(FIXES)
    start = len(said[: said.index(heading)].splitlines()[-1]) if heading else 0  # the column's
    return any(row[start:].strip(" -") for row in rows.partition("Name")[0].splitlines()[1:])


def main() -> int:
    """Ask, and say what was not answered."""
    try:
        status, said = ask()
    except (OSError, subprocess.SubprocessError) as error:
        status, said = 1, f"pip-audit did not run: {error}"
    print(said)
    found = FIXES in said  # its table of vulnerabilities; it ends with 1 when it can't ask, too
    if status and not found:
        print("== WARNING: NO package was checked for known vulnerabilities, see above")
    elif unknown := said.count("could not be audited"):
        print(f"== WARNING: {unknown} packages could NOT be checked for known vulnerabilities, see above")
    return 1 if found and mendable(said) else 0


if __name__ == "__main__":
    sys.exit(main())
