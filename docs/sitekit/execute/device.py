"""The device that an example runs on: whether it is there, its name, and the memory that was taken."""

from __future__ import annotations

import contextlib
import platform
import re
import sys
from pathlib import Path


class CannotRun(Exception):
    """The example can't run here, or is not one; the message says why."""


def check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    found = torch.accelerator.current_accelerator()
    if found is None or found.type != device or not torch.accelerator.is_available():
        raise CannotRun(f"this machine has no {device} device that torch {torch.__version__} can use")


def device_name(device: str) -> str:
    if device != "cpu":
        import torch

        name = getattr(getattr(torch, device), "get_device_name", None)
        return str(name(0)) if name else device
    with contextlib.suppress(OSError):
        match = re.search(r"model name\s*: (.+)", Path("/proc/cpuinfo").read_text(encoding="utf-8"))
        if match:
            return " ".join(match[1].split())
    return platform.processor() or platform.machine()


def toolkit(device: str) -> dict[str, str]:
    if device == "cpu":
        return {}
    import torch

    version = getattr(torch.version, device, None)
    return {device: version} if isinstance(version, str) else {}


def peak_mib() -> float:
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    return 0.0


def device_peak_mib(device: str) -> float | None:
    if device == "cpu":
        return None
    import torch

    peak = getattr(getattr(torch, device), "max_memory_allocated", None)
    return peak() / 2**20 if peak else None
