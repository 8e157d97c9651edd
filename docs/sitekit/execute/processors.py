"""Which pages print or draw something else on other processors, as far as this one can stand in for them.

Every example runs once per *mode*, with records of its own under ``build/processors/``, and is compared with the
golden outputs. A mode is a set of environment variables that make the libraries under PyTorch and NumPy choose the code
that they would choose elsewhere: ATen's vectorised loops, MKL's matrix products, oneDNN's convolutions, OpenBLAS in
NumPy, and the number of threads, which cuts sums into other parts. Each is turned alone, so that what differs names its
cause, and then three sets stand for machines: one with AVX-512 and no AMX, an AMD one with AVX2, the oldest that wheels
support. The full product would be hundreds of modes with the same kinds of rounding. A mode asks a processor only for
less than it has; one that this processor can't run, or that changes nothing here, is named and left out. What a mode
did is what the libraries say of themselves in a trial run, in the same kind of process as the examples.
"""

import io
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from dataclasses import replace

from ..project.errors import SitekitError
from ..project.layout import Project
from .examples import Options
from .golden import States, counted, report
from .nursery import starter
from .place import ONE_THREAD, Job
from .record import Store

THREADS = 2
SECONDS = 600.0
"""Old code and waiting threads are slow; how long a page may take is not what is asked here."""
LIBRARIES = ("ATEN_CPU_CAPABILITY", "MKL_CBWR", "ONEDNN_MAX_CPU_ISA", "OPENBLAS_CORETYPE")
MODES: dict[str, dict[str, str]] = {
    "default": {},
    # A thread that waits would hold a core which the other needs, where the machine is busy.
    "threads": dict.fromkeys(ONE_THREAD, str(THREADS)) | {"OMP_WAIT_POLICY": "PASSIVE"},
    "aten-avx2": {"ATEN_CPU_CAPABILITY": "avx2"},
    "aten-default": {"ATEN_CPU_CAPABILITY": "default"},
    "mkl-avx2": {"MKL_ENABLE_INSTRUCTIONS": "AVX2"},
    "mkl-compatible": {"MKL_CBWR": "COMPATIBLE"},
    "onednn-avx2": {"ONEDNN_MAX_CPU_ISA": "AVX2"},
    "openblas-haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "avx512": dict(zip(LIBRARIES, ("avx512", "AVX512", "AVX512_CORE", "SkylakeX"), strict=True)),
    "zen": dict(zip(LIBRARIES, ("avx2", "AVX2", "AVX2", "Zen"), strict=True)),
    "oldest": dict(zip(LIBRARIES, ("default", "COMPATIBLE", "SSE41", "Prescott"), strict=True)),
}
"""Environment variables by the name of their mode; the first sets none."""

PROBE = '''
"""A docstring, as every example has."""

import ctypes
from contextlib import suppress

with suppress(ImportError):
    import torch

    print("ATen:", torch.backends.cpu.get_cpu_capability())
    print("threads:", torch.get_num_threads())
    with torch.backends.mkl.verbose(torch.backends.mkl.VERBOSE_ON):
        torch.rand(64, 64).exp() @ torch.rand(64, 64)
    with torch.backends.mkldnn.verbose(torch.backends.mkldnn.VERBOSE_ON):
        torch.conv2d(torch.rand(2, 3, 8, 8), torch.rand(4, 3, 3, 3))
with suppress(ImportError):
    import numpy
    import threadpoolctl

    numpy.ones((64, 64)) @ numpy.ones((64, 64))
    for pool in threadpoolctl.threadpool_info():
        if pool["internal_api"] == "openblas":
            print("OpenBLAS:", pool["architecture"])
ctypes.CDLL(None).fflush(None)
'''
SAID = {
    "ATen": r"^ATen: (\w+)",
    "MKL": r"^MKL_VERBOSE oneMKL .*?64 architecture (.+?)(?: with| instructions| enabled| processors|, Lnx|, Win|, OSX)",
    "CNR": r" CNR:(\S+)",
    "oneDNN": r"^onednn_verbose,.*cpu,isa:(.+)",
    "OpenBLAS": r"^OpenBLAS: (\w+)",
    "threads": r"^threads: (\d+)",
}
"""What each library says of the code it chose, in what `PROBE` prints."""


class NotHere(Exception):
    """A mode that can't be run on this processor; the message says why."""


def seen(variables: Mapping[str, str], options: Options) -> dict[str, str]:
    """What the libraries say of themselves in a worker that has `variables`, unless it dies of them."""
    files = {"probe.py": PROBE.encode()}
    job = Job("script", "probe.py", files, memory_mib=options.memory_mib, variables=variables)
    with closing(starter(("numpy", "torch"), variables, fork=options.fork)) as nursery:
        outcome = nursery.run(job)
    if outcome.kind == "signal":
        raise NotHere(outcome.message)
    if outcome.kind != "done":
        raise SitekitError(f"the processor can't be asked: {outcome.message}")
    text = "".join(chunk for cell in outcome.result["cells"] for _, chunk in cell["output"])
    found = {name: re.search(pattern, text, re.MULTILINE) for name, pattern in SAID.items()}
    return {name: match[1] for name, match in found.items() if match}


def run(project: Project, pages: Sequence[str], modes: Sequence[str]) -> dict[str, States]:
    """Run `pages` in each mode that means something here, saying how it goes."""
    options = Options(project)
    found: dict[str, States] = {}
    known: dict[str, str] = {}
    # On a terminal the runner's bar moves; elsewhere a line per page and mode would be too many.
    out = None if sys.stderr.isatty() else io.StringIO()
    for number, name in enumerate(modes, 1):
        at_once = max(1, options.workers // (THREADS if name == "threads" else 1))
        mode = replace(options, variables=MODES[name], jobs=at_once, seconds=SECONDS)
        start = f"[{number}/{len(modes)}] {name}: "
        try:
            facts = ", ".join(f"{what} {value}" for what, value in seen(mode.variables, mode).items())
        except NotHere as error:
            print(f"{start}not on this processor ({error})", flush=True)
            continue
        if other := known.get(facts):
            print(f"{start}the same code as {other} here", flush=True)
            continue
        known[facts] = name
        print(f"{start}{facts}", flush=True)
        began = time.monotonic()
        store = Store(project.root / "build" / "processors" / name)
        found[name] = report(project, store, mode, pages, out)
        moved = [page for page, (state, _) in found[name].items() if state != "same"]
        seconds = time.monotonic() - began
        print(f"    {counted(found[name])}, in {seconds:.0f} s", *moved, sep="\n      ", flush=True)
    return found


def review(project: Project, wanted: Sequence[str], modes: Sequence[str]) -> int:
    """Run the pages `wanted` in `modes`, all by default, and print what differs; 1 if anything does."""
    if unknown := set(modes) - set(MODES):
        raise SitekitError(f"no mode {', '.join(sorted(unknown))}; there are {', '.join(MODES)}")
    found = run(project, wanted, modes or list(MODES))
    pages = list(next(iter(found.values()), {}))
    width = max(map(len, pages), default=0) + 2
    stable = 0
    for page in pages:
        other = {name: states[page] for name, states in found.items() if states[page][0] != "same"}
        stable += not other
        summary = ", ".join(f"{state} in {name}" for name, (state, _) in other.items())
        print(f"{page:{width}}{summary or 'same'}")
        for name, (_, lines) in other.items():
            print(f"  {name}:", *(f"    {line}" for line in lines), sep="\n")
    print(f"{len(found)} modes: {stable} of {len(pages)} pages are the same in all")
    return 0 if found and stable == len(pages) else 1
