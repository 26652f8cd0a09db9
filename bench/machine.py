"""What a figure was measured on."""

import platform
import sys
from pathlib import Path

import torch
import torchvision


def describe_machine() -> str:
    """Processor, cores, threads and versions in one line."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in cpuinfo.read_text().splitlines() if line.startswith("model name")] if cpuinfo.exists() else []
    processor = models[0] if models else platform.processor() or platform.machine()
    return (f"{processor}, {len(models) or '?'} cores, {torch.get_num_threads()} threads, {platform.system()}, "
            f"Python {sys.version.split()[0]}, torch {torch.__version__}, torchvision {torchvision.__version__}")
