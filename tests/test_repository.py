"""What the repository promises about itself: its commands, its limits, its pins, its links."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import TypeGuard

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name

from tests.built import for_every
from tests.venvs import script_header

ROOT = Path(__file__).resolve().parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
GUIDES = sorted(ROOT.glob("*.md")) + sorted((ROOT / "docs").glob("*.md"))
EXAMPLES = sorted((ROOT / "gallery").glob("*/*.py"))
CODE_BLOCK = re.compile(r"^( *)(`{3,}|~{3,})(?P<info>[^\n]*)\n(?P<code>.*?)^\1\2", re.DOTALL | re.MULTILINE)
SHELL = re.compile(r"\b(sh|bash|shell|console)\b")


def name_of(path: Path) -> str:
    """Return a path as a test's id: from the root, with slashes."""
    return path.relative_to(ROOT).as_posix()


def tracked_files() -> list[Path]:
    """Return every file that is, or without .gitignore's leave would be, in the repository."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [path for name in listed.split("\0") if name and (path := ROOT / name).is_file()]


def sessions() -> set[str]:
    """Return the names of the nox sessions."""
    tree = ast.parse((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    functions = (node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef))
    calls = (ast.literal_eval(node.args[0]) for node in ast.walk(tree) if _is_call(node, "command"))
    return {node.name for node in functions if "nox.session" in map(_decorator, node.decorator_list)} | {
        *calls
    }


def _is_call(node: ast.AST, name: str) -> TypeGuard[ast.Call]:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == name


def _decorator(node: ast.expr) -> str:
    return ast.unparse(node).partition("(")[0]


def commands(path: Path) -> list[str]:
    """Return the command lines in a page's shell blocks, prompts and comments cut off, `a && b` as two."""
    blocks = CODE_BLOCK.finditer(path.read_text(encoding="utf-8"))
    shell = [match["code"] for match in blocks if SHELL.search(match["info"])]
    lines = [re.sub(r"^\$ |(^|\s)#.*", "", line) for code in shell for line in code.splitlines()]
    return [part.strip() for line in lines for part in line.split("&&") if part.strip()]


def requirements(group: str) -> list[Requirement]:
    """Return the requirements of one dependency group, or of the package and its build."""
    listed = {
        "project": PYPROJECT["project"]["dependencies"],
        "build-system": PYPROJECT["build-system"]["requires"],
    } | PYPROJECT["dependency-groups"]
    return [Requirement(line) for line in listed[group]]


@pytest.mark.parametrize("path", GUIDES, ids=name_of)
def test_every_nox_command_in_a_guide_names_a_session(path: Path) -> None:
    for command in commands(path):
        words = command.split()
        words = words[next((i for i, word in enumerate(words) if "=" not in word), len(words)) :]
        if words[:1] == ["nox"] and "-s" in words:
            after = words[words.index("-s") + 1 :]
            arguments = after.index("--") if "--" in after else len(after)
            named = {word for word in after[:arguments] if not word.startswith("-")}
            assert named, command
            assert named <= sessions(), command


def test_the_readmes_give_the_same_commands_and_link_to_each_other() -> None:
    english, chinese = ROOT / "README.md", ROOT / "README.zh.md"
    assert commands(english) == commands(chinese)
    levels = [
        re.findall(r"(?m)^#+(?= )", CODE_BLOCK.sub("", path.read_text("utf-8")))
        for path in (english, chinese)
    ]
    assert levels[0] == levels[1]
    assert "(README.zh.md)" in english.read_text(encoding="utf-8")
    assert "(README.md)" in chinese.read_text(encoding="utf-8")


def test_ci_runs_the_readmes_commands() -> None:
    script = ROOT / ".ci" / "run"
    assert os.access(script, os.X_OK)
    in_readme = [command for command in commands(ROOT / "README.md") if command.startswith("nox -s")]
    text = script.read_text(encoding="utf-8")
    assert "-m pip install nox" in text
    for session in ("lint", "docs", "tests"):
        assert f"nox -s {session}" in in_readme
        assert re.search(rf"(?m)^nox -s {session}$", text)


@pytest.mark.parametrize("path", sorted(ROOT.glob("*.md")), ids=name_of)
def test_relative_links_of_a_guide_lead_to_files(path: Path) -> None:
    text = CODE_BLOCK.sub("", path.read_text(encoding="utf-8"))
    for target in re.findall(r"\]\(([^)#\s]+)", text):
        assert "://" in target or (path.parent / target).exists(), target


@pytest.mark.parametrize("name", ["noxfile.py", "docs/conf.py"])
def test_a_configuration_file_stays_short(name: str) -> None:
    assert len((ROOT / name).read_text(encoding="utf-8").splitlines()) <= 150


def test_the_sphinx_configuration_holds_values_only() -> None:
    tree = ast.parse((ROOT / "docs" / "conf.py").read_text(encoding="utf-8"))
    logic = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.Lambda)
    assert [node.lineno for node in ast.walk(tree) if isinstance(node, logic)] == []


def test_no_file_names_a_package_registry_or_a_folder_of_one_machine() -> None:
    registry = re.compile(
        r"https?://(?![\w.-]+\.example\b)[\w.-]*(?:pypi|pythonhosted|npmjs|registry|mirror)|^deb https?://"
    )
    machine = re.compile(r"(?<![\w.~])/(?:work|root|home|opt)/")
    pasted = ROOT / "tests" / "search_real_queries.toml"  # the folders of the readers who asked
    found = []
    for path in tracked_files():
        try:
            text = path.read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue
        for number, line in enumerate(text.splitlines(), 1):
            if registry.search(line) or (machine.search(line) and path != pasted):
                found.append(f"{name_of(path)}:{number}: {line.strip()}")
    assert found == []


def test_there_are_examples() -> None:
    assert EXAMPLES


@for_every("path", EXAMPLES)
def test_an_example_declares_what_it_needs(path: Path) -> None:
    header = script_header(path.read_text(encoding="utf-8"))
    assert SpecifierSet(header["requires-python"]) == SpecifierSet(PYPROJECT["project"]["requires-python"])
    for line in header["dependencies"]:
        requirement = Requirement(line)
        assert not requirement.url
        assert canonicalize_name(requirement.name) != "torchnotes", "it is not published: the zip carries it"


def test_the_noxfile_can_be_run_as_a_script() -> None:
    header = script_header((ROOT / "noxfile.py").read_text(encoding="utf-8"))
    assert [Requirement(line).name for line in header["dependencies"]] == ["nox"]


@pytest.fixture(scope="module")
def pins() -> dict[str, Requirement]:
    """Return the lines of constraints.txt by normalized name."""
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    parsed = [Requirement(line) for line in lines if not line.startswith("#")]
    return {canonicalize_name(requirement.name): requirement for requirement in parsed}


def test_constraints_are_exact_and_fit_every_platform(pins: dict[str, Requirement]) -> None:
    for name, requirement in pins.items():
        assert re.fullmatch(r"==[\w.]+", str(requirement.specifier)), requirement
        assert not name.startswith(("nvidia", "cuda", "triton"))


@pytest.mark.parametrize("group", ["project", "build-system", "docs", "tests", "lint"])
def test_every_requirement_has_a_pin_in_its_range(group: str, pins: dict[str, Requirement]) -> None:
    for requirement in requirements(group):
        pin = pins[canonicalize_name(requirement.name)]
        (exact,) = pin.specifier
        assert requirement.specifier.contains(exact.version, prereleases=True), (requirement, pin)
