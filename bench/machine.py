"""What a figure was measured on."""

import platform
import subprocess
import sys
from pathlib import Path

import torch
import torchvision

HERE = Path(__file__).resolve().parent


def asked_of_git(*words: str) -> str:
    """What git says; nothing where there is no git, or no repository."""
    try:
        return subprocess.run(["git", *words], cwd=HERE, capture_output=True, text=True).stdout.strip()
    except FileNotFoundError:
        return ""


def machine() -> dict[str, str | int | None]:
    """Hardware, versions, threads and commit, as they are kept with every result."""
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text().splitlines() if cpuinfo.exists() else []
    models = [line.split(":")[1].strip() for line in lines if line.startswith("model name")]
    commit = asked_of_git("rev-parse", "--short", "HEAD")
    changed = asked_of_git("status", "--porcelain", "../mnist_s6", "*.py")
    return {
        "processor": models[0] if models else platform.processor() or platform.machine(),
        "vectors": torch.backends.cpu.get_cpu_capability(),  # the widest that PyTorch uses: AVX2, AVX512, …
        "cores": len(models) or None,
        "graphics card": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "system": platform.system(),
        "python": sys.version.split()[0],
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "commit": (commit + " and changes" * bool(changed)) or None,
    }


def describe(facts: dict[str, str | int | None]) -> str:
    """The same in one line."""
    vectors = f" with {facts['vectors']}" if facts.get("vectors") else ""  # older results don't say it
    return (
        f"{facts['processor']}{vectors}, {facts['cores'] or '?'} cores, {facts['threads']} threads, "
        f"{facts['graphics card'] + ', ' if facts.get('graphics card') else ''}{facts['system']}, "
        f"Python {facts['python']}, torch {facts['torch']}, torchvision {facts['torchvision']}"
    )
