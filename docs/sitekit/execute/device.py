"""The device that an example runs on: whether it is there, its name, and the memory that was taken."""

import contextlib
import platform
import re
import sys
from pathlib import Path
from typing import Any


class CannotRun(Exception):
    """The example can't run here, or is not one; the message says why."""


def check_device(device: str) -> None:
    if device == "cpu":
        return
    import torch

    found = torch.accelerator.current_accelerator()
    if found is None or found.type != device or not torch.accelerator.is_available():
        raise CannotRun(f"this machine has no {device} device that torch {torch.__version__} can use")


def facts(device: str) -> dict[str, Any]:
    """What a record says of the device and of the memory that was taken; only its own process knows that."""
    found: dict[str, Any] = {"device_name": platform.processor() or platform.machine(), "versions": {}}
    with contextlib.suppress(ImportError):
        import resource

        unit = 1 if sys.platform == "darwin" else 1024
        found["peak_mib"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 2**20
    if device == "cpu":
        with contextlib.suppress(OSError):
            text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
            if match := re.search(r"model name\s*: (.+)", text):
                found["device_name"] = " ".join(match[1].split())
        return found
    import torch

    backend, version = getattr(torch, device), getattr(torch.version, device, None)
    if isinstance(version, str):
        found["versions"] = {device: version}
    found["device_name"] = str(backend.get_device_name(0)) if hasattr(backend, "get_device_name") else device
    if hasattr(backend, "max_memory_allocated"):
        found["device_peak_mib"] = backend.max_memory_allocated() / 2**20
    return found
