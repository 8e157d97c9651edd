"""What one more page costs in CI: the CPU seconds of lint, docs and tests, without some pages and with them.

``python -m tests.bench_page`` does everything twice, in copies of the checkout and from nothing, as CI does, and takes
as long as two CIs. It counts the whole machine's seconds, on which nothing else may run: those of an example reach no
other process, because nobody waits for its keeper. Two runs of the same differ by some per cent, on a shared machine
by ten, so several pages are added, the difference is divided, and what is left is no nearer than a few seconds.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parent.parent
CHAPTER, PATTERN = "training", "hooks"
ADDED = dict(zip(("one", "two", "three", "four", "five", "six"), "一二三四五六", strict=True))
"""The pages that are added, each with what tells its title from the others'."""
SECONDS = 2
BURN = f"""
# %%
# 再算一会儿。

import time

end = time.process_time() + {SECONDS}
while time.process_time() < end:
    pass
"""
CATALOGUE_OF_BURN = '\nmsgid "再算一会儿。"\nmsgstr "Go on computing."\n'
STEPS = {
    "lint": ("-m ruff check", "-m ruff format --check", "-m mypy", "-m sitekit lint"),
    "docs": ("-m sitekit build",),
    "tests": ("-m pytest",),
}


def copied(folder: Path) -> Path:
    """A copy of the files that git knows, without what earlier builds made."""
    listed = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout
    for name in filter(None, listed.split("\0")):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, folder / name)
    subprocess.run(["git", "init", "--quiet"], cwd=folder, check=True)
    return folder


def add_page(root: Path, added: str, sign: str) -> None:
    """Add a copy of a page under another name, with other words where words must differ, and some seconds of work."""
    for pattern in (f"gallery/{CHAPTER}/{{}}.py", f"docs/locale/en/LC_MESSAGES/{CHAPTER}/{{}}.po"):
        text = (root / pattern.format(PATTERN)).read_text(encoding="utf-8")
        text = text.replace(f"{CHAPTER}-{PATTERN}", f"{CHAPTER}-{added}")
        for old, new in {
            "用钩子看网络内部": f"再看网络内部{sign}",
            "网络不听话时": f"网络{sign}不听话时",
        }.items():
            assert old in text
            text = text.replace(old, new)
        text = re.sub(r'msgstr "(?=\w)', f'msgstr "{added.capitalize()} more: ', text, count=2)
        text += BURN if pattern.endswith("py") else CATALOGUE_OF_BURN
        (root / pattern.format(added)).write_text(text, encoding="utf-8")
    for golden in (root / "tests" / "golden" / "cpu" / CHAPTER).glob(f"{PATTERN}[-.]*"):
        shutil.copy(golden, golden.with_name(golden.name.replace(PATTERN, added)))
    golden = root / "tests" / "golden" / "cpu" / CHAPTER / f"{added}.json"
    agreed = json.loads(golden.read_text(encoding="utf-8"))
    agreed["cells"].append([])  # what computes some seconds more prints nothing
    golden.write_text(json.dumps(agreed), encoding="utf-8")
    listed = root / "gallery" / "curriculum.toml"
    text = listed.read_text(encoding="utf-8")
    entry = f"[chapters.pages.{PATTERN}]\n"
    assert entry in text
    new = f'[chapters.pages.{added}]\nprerequisites = ["{CHAPTER}/{PATTERN}"]\nminutes = 8\n'
    before, _, after = text.partition(entry)
    end = after.index("\n[")
    listed.write_text(f"{before}{entry}{after[:end]}\n{new}{after[end:]}", encoding="utf-8")


def cpu() -> float:
    """The CPU seconds of this machine."""
    times = psutil.cpu_times()
    return float(times.user + times.system)


def measured(root: Path) -> dict[str, float]:
    """The CPU seconds of each step in a checkout."""
    found, before = {}, cpu()
    for step, commands in STEPS.items():
        for command in commands:
            kept = os.environ | {"PYTHONPATH": f"{root / 'docs'}:{root / 'src'}", "CI": "true"}
            done = subprocess.run(
                [sys.executable, *command.split()], cwd=root, env=kept, stdout=subprocess.PIPE, text=True
            )
            if done.returncode:
                print(f"{command}: {done.returncode}", *done.stdout.splitlines()[-12:], sep="\n  ")
        after = cpu()
        found[step], before = after - before, after
    return found


def main() -> None:
    """Print the table."""
    with tempfile.TemporaryDirectory(prefix="bench-page-") as folder:
        plain, longer = (copied(Path(folder).resolve() / name) for name in ("plain", "longer"))
        for added, sign in ADDED.items():
            add_page(longer, added, sign)
        without, with_it = measured(plain), measured(longer)
    print(f"{'CPU seconds':12}{'without':>10}{f'with {len(ADDED)}':>10}{'a page':>10}")
    for step in (*STEPS, "all"):
        one, other = (sum(part.values()) if step == "all" else part[step] for part in (without, with_it))
        print(f"{step:12}{one:10.1f}{other:10.1f}{(other - one) / len(ADDED):10.2f}")


if __name__ == "__main__":
    main()
