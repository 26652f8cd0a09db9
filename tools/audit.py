"""Ask for known vulnerabilities of all packages in this environment: `.venv/bin/python tools/audit.py`, with a network.

pip-audit does the asking, from a throw-away environment. The exit status is 1 if there is a vulnerability that an
update mends. What could not be checked is named: it has not been found safe.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from importlib.metadata import distributions
from pathlib import Path

OWN = "mnist_s6"
PATIENCE = 400  # seconds, for installing and for asking


def pinned(packages: Iterable[tuple[str, str]]) -> list[str]:
    """Requirements of exactly these names and versions, without builds as in 2.14.1+cu130, which advisories don't know."""
    return sorted({f"{name}=={version.split('+')[0]}" for name, version in packages if name.replace("-", "_") != OWN})


def judge(packages: list[str], report: str) -> tuple[list[str], int]:
    """What a JSON report of pip-audit says about the packages, in lines to print, and the exit status."""
    try:
        found = json.loads(report)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return [f"WARNING: NO package was checked for known vulnerabilities ({len(packages)} are installed): pip-audit gave no report."], 0
    answered = [package for package in found if "vulns" in package]
    lines, status = [], 0
    for package in answered:
        for flaw in package["vulns"]:
            names = ", ".join([flaw["id"], *flaw.get("aliases", [])])
            if flaw["fix_versions"]:
                status = 1
                lines.append(f"{package['name']} {package['version']}: {names}. Update it to {' or '.join(flaw['fix_versions'])}")
            else:
                lines.append(f"WARNING: {package['name']} {package['version']}: {names}. No release mends it yet")
    known = {package["name"].lower().replace("_", "-") for package in answered}
    unknown = [package for package in packages if package.split("==")[0].lower().replace("_", "-") not in known]
    if unknown and not answered:
        lines.append(f"WARNING: NO package was checked for known vulnerabilities ({len(packages)} are installed): the advisory service knew none of them.")
    elif unknown:
        lines.append(f"WARNING: {len(unknown)} of {len(packages)} packages could NOT be checked: {', '.join(unknown)}")
    flaws = sum(len(package["vulns"]) for package in answered)
    lines.append(f"{len(packages) - len(unknown)} of {len(packages)} packages checked, {flaws} known vulnerabilities")
    return lines, status


def ask(packages: list[str]) -> str:
    """pip-audit's report in JSON, or what there is of it."""
    with tempfile.TemporaryDirectory() as folder:
        python = Path(folder) / "venv" / ("Scripts" if os.name == "nt" else "bin") / "python"
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text("\n".join(packages))
        try:
            subprocess.run([sys.executable, "-m", "venv", Path(folder) / "venv"], check=True, timeout=PATIENCE)
            subprocess.run([python, "-m", "pip", "install", "--disable-pip-version-check", "-q", "pip-audit"], check=True, timeout=PATIENCE)
            command = [python, "-m", "pip_audit", "--requirement", wanted, "--no-deps", "--disable-pip", "--format", "json", "--progress-spinner", "off"]
            done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE)  # ends with 1 if it found any
        except (OSError, subprocess.SubprocessError) as error:
            print(f"pip-audit did not run: {error}")
            return ""
    if not done.stdout:
        print("\n".join(done.stderr.splitlines()[-3:]))
    return done.stdout


def main() -> int:
    """Check, and say what was found."""
    packages = pinned((found.name, found.version) for found in distributions())
    lines, status = judge(packages, ask(packages))
    print(*(f"== {line}" for line in lines), sep="\n")
    return status


if __name__ == "__main__":
    sys.exit(main())
