"""Names in code lead to their documentation: PyTorch's by the inventory, the helper package's on its own page."""

from __future__ import annotations

import functools
import subprocess
import sys
import zlib
from collections import Counter
from pathlib import Path
from textwrap import dedent

import pytest
from sitekit.site.package_api import package_rst

from tests import built
from tests.built import EXAMPLES, LANGUAGES, NOTEBOOKS, PROJECT, WRITTEN

BASE = "https://docs.pytorch.org/docs/stable/"
FILE = PROJECT.docs / "torch.inv"
ADDRESSES = {
    "torch.nn.Linear": "generated/torch.nn.Linear.html#torch.nn.Linear",
    "torch.nn.Module.parameters": "generated/torch.nn.Module.html#torch.nn.Module.parameters",
    "torch.nn.Parameter": "generated/torch.nn.parameter.Parameter.html#torch.nn.parameter.Parameter",
    "torch.nn.Flatten": "generated/torch.nn.modules.flatten.Flatten.html#torch.nn.modules.flatten.Flatten",
    "torch.nn.functional.relu": "generated/torch.nn.functional.relu.html#torch.nn.functional.relu",
    "torch.nn.init.xavier_uniform_": "nn.init.html#torch.nn.init.xavier_uniform_",
    "torch.nn.utils.clip_grad_norm_": "generated/torch.nn.utils.clip_grad_norm_.html#torch.nn.utils.clip_grad_norm_",
    "torch.optim.SGD": "generated/torch.optim.SGD.html#torch.optim.SGD",
    "torch.optim.Optimizer.zero_grad": "generated/torch.optim.Optimizer.zero_grad.html#torch.optim.Optimizer.zero_grad",
    "torch.optim.lr_scheduler.StepLR": "generated/torch.optim.lr_scheduler.StepLR.html#torch.optim.lr_scheduler.StepLR",
    "torch.utils.data.DataLoader": "data.html#torch.utils.data.DataLoader",
    "torch.testing.assert_close": "testing.html#torch.testing.assert_close",
    "torch.tensor": "generated/torch.tensor.html#torch.tensor",
    "torch.relu": "generated/torch.nn.functional.relu.html#torch.nn.functional.relu",
    "torch.no_grad": "generated/torch.no_grad.html#torch.no_grad",
    "torch.linalg.vector_norm": "generated/torch.linalg.vector_norm.html#torch.linalg.vector_norm",
    "torch.accelerator.is_available": "generated/torch.accelerator.is_available.html#torch.accelerator.is_available",
    "torch.float32": "tensor_attributes.html#torch.dtype",
    "torch.device": "tensor_attributes.html#torch.device",
    "torch.Tensor": "tensors.html#torch.Tensor",
    "torch.Tensor.T": "tensors.html#torch.Tensor.T",
    "torch.Tensor.view": "generated/torch.Tensor.view.html#torch.Tensor.view",
    "torch.Tensor.grad": "generated/torch.Tensor.grad.html#torch.Tensor.grad",
}
NO_PAGE = [
    "torch.import_ir_module",
    "torch.Tensor.ipu",
    "torch.nn.Container",
    "torch.nn.init.constant",
    "torch.t_copy",
]
LINKED = {
    "networks/linear_layer": {"torch.nn.Linear": "torch.nn.Linear"},
    "networks/optimizer_step": {
        "torch.optim.SGD": "torch.optim.SGD",
        "optimizer.step": "torch.optim.SGD.step",
    },
    "basics/norms": {"x.abs": "torch.Tensor.abs", "torch.linalg.vector_norm": "torch.linalg.vector_norm"},
    "basics/dataset_dataloader": {"FakeDataset": "torchnotes.datasets.FakeDataset"},
    "exercises/networks": {"nn.Linear": "torch.nn.Linear"},
}
"""What stands in the code of some pages, with the full name that it says."""

in_every_language = pytest.mark.parametrize("language", LANGUAGES)
pytestmark = [pytest.mark.usefixtures("site_root"), built.parsed_once]


@functools.cache
def inventory(content: bytes) -> dict[str, str]:
    """Names and their addresses, as Sphinx reads them."""
    head, _, packed = content.partition(b"zlib.\n")
    assert head.startswith(b"# Sphinx inventory version 2\n# Project: PyTorch\n")
    lines = (line.split(" ") for line in zlib.decompress(packed).decode().splitlines())
    return {name: address.replace("$", name) for name, _kind, _priority, address, _title in lines}


def known() -> dict[str, str]:
    return inventory(FILE.read_bytes())


@pytest.mark.parametrize("name", ADDRESSES)
def test_an_address_follows_the_rules_of_pytorchs_documentation(name: str) -> None:
    assert known()[name] == ADDRESSES[name]


@pytest.mark.parametrize("name", NO_PAGE)
def test_what_has_no_page_is_left_out(name: str) -> None:
    assert name not in known()


def test_the_inventory_is_that_of_the_torch_it_names(tmp_path: Path) -> None:
    import torch

    version = ".".join(torch.__version__.split(".")[:2])
    assert f"# Version: {version}\n".encode() in FILE.read_bytes(), (
        "torch has changed: run `nox -s inventory`"
    )
    made = tmp_path / "torch.inv"
    subprocess.run([sys.executable, PROJECT.docs / "torch_inventory.py", made], check=True)
    assert inventory(made.read_bytes()) == known()


def test_every_name_in_the_inventory_is_there_in_torch() -> None:
    import torch

    missing = []
    for name in known():
        found: object = torch
        for part in name.split(".")[1:]:
            found = getattr(found, part, None)
        if found is None and name not in {"torch.Tensor.grad", "torch.Tensor.grad_fn"}:
            missing.append(name)
    assert not missing


@in_every_language
@built.for_every("page", [*EXAMPLES, *NOTEBOOKS])
def test_every_link_to_pytorch_stands_in_the_inventory(page: str, language: str) -> None:
    addresses = {BASE + address for address in known().values()}
    links = built.article(language, page).select(f'.highlight a[href^="{BASE}"]')
    assert not [link["href"] for link in links if link["href"] not in addresses]
    for link in links:
        assert link["title"] in known()
    assert links or page not in EXAMPLES


@built.for_every("page", WRITTEN)
def test_a_link_in_prose_leads_to_a_page_of_pytorchs_documentation(page: str) -> None:
    """Of names that have a page of their own; guides are not in the inventory."""
    pages = {address.partition("#")[0] for address in known().values()}
    pages.add("generated/torch.autograd.gradcheck.gradcheck.html")  # named by the module that defines it
    links = [str(link["href"]) for link in built.article("en", page).select(f'p a[href^="{BASE}generated/"]')]
    assert not [link for link in links if link.removeprefix(BASE).partition("#")[0] not in pages]


@in_every_language
@built.for_every("page", LINKED)
def test_names_in_code_are_linked_and_say_their_full_name(page: str, language: str) -> None:
    links = {link.get_text(): link for link in built.article(language, page).select(".highlight a")}
    for written, full in LINKED[page].items():
        assert links[written]["title"] == full
        assert str(links[written]["href"]).endswith(f"#{full}")


@in_every_language
@built.for_every("page", EXAMPLES)
def test_variables_are_no_links(page: str, language: str) -> None:
    for link in built.article(language, page).select(".highlight a"):
        assert link.get_text().rpartition(".")[2] == str(link["title"]).rpartition(".")[2]
        assert link.get_text() != "device"


def test_both_languages_link_the_same_names() -> None:
    def links(language: str) -> Counter[str]:
        return Counter(
            str(link["href"])
            for page in EXAMPLES
            for link in built.article(language, page).select(".highlight a")
        )

    assert links("zh") == links("en")


# -- the helper package


@in_every_language
def test_the_helper_packages_names_are_on_its_page(language: str) -> None:
    article = built.article(language, "api")
    anchors = {str(item["id"]) for item in article.select("dt[id]")}
    assert {
        f"torchnotes.datasets.{name}" for name in ("FakeDataset", "Digits.load", "FakeDataset.__len__")
    } <= anchors
    assert article.select_one('.package-api[lang="en"]')
    signature = built.text(article.select('dt[id="torchnotes.datasets.FakeDataset"]')[0])
    assert "x: numpy.typing.NDArray[Any] | Tensor" in signature
    assert article.select(f'dt a[href="{BASE}tensors.html#torch.Tensor"]')
    assert "shape (n, ...), any dtype" in built.text(article)
    assert not article.select(".system-message, cite")


@in_every_language
def test_the_page_is_in_the_sidebar(language: str) -> None:
    assert built.html(language, "index").select_one('.sidebar-tree a[href="api.html"]')


def test_a_package_is_read_and_not_imported(tmp_path: Path) -> None:
    package = tmp_path / "tools"
    package.mkdir()
    (package / "__init__.py").write_text('"""Tools."""\n', encoding="utf-8")
    (package / "_private.py").write_text("raise SystemExit\n", encoding="utf-8")
    source = '''
        """Things to use."""
        import typing as t
        from far.away import Thing
        raise SystemExit("read, not imported")
        Many: t.TypeAlias = list[Thing]
        __all__ = ["late", "Box"]

        class Box(Thing):
            """Holds `things`."""
            def __init__(self, things: Many, *, size: int = 3) -> None:
                """Not shown."""
            def open(self) -> Many:
                """Open it."""
            def _hidden(self):
                """Hidden."""
            def bare(self): ...

        def late(a, /, *rest: int, **more: str) -> bool:
            """Come late.

            Parameters
            ----------
            a
                Anything, shape `(n,)`.
            """

        def inner():
            """Not public."""
    '''
    (package / "things.py").write_text(dedent(source), encoding="utf-8")
    text = package_rst(package)
    assert ".. py:module:: tools.things" in text
    assert ".. py:class:: Box(things: list[far.away.Thing], *, size: int=3)\n" in text
    assert "Base: :py:class:`far.away.Thing`" in text
    assert "Holds ``things``." in text
    assert ".. py:method:: open() -> list[far.away.Thing]\n" in text
    assert ".. py:function:: late(a, /, *rest: int, **more: str) -> bool\n" in text
    assert ":param a: Anything, shape ``(n,)``." in text
    assert text.index("late(") < text.index("Box(")
    for left_out in ("Not shown", "_hidden", "bare", "Not public", "_private"):
        assert left_out not in text
