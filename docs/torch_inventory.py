"""Writes the inventory of PyTorch's documentation that links in code are made from.

``python docs/torch_inventory.py docs/torch.inv`` imports the installed torch, lists its public names, and gives
each the address it has by the rules of https://docs.pytorch.org: most functions and classes have a page of their
own below ``generated/``, some modules are one page. A name whose address can't be told for certain is left out:
no link is better than a dead one. The file is committed, so neither torch nor the network is needed to build.
"""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

__all__ = ["entries", "inventory"]


Entry: TypeAlias = tuple[str, str, str]
"""A name, what kind of thing it is, and its address below the documentation's root."""

HEADER = "# Sphinx inventory version 2\n# Project: PyTorch\n# Version: {}\n"
ZLIB = "# The remainder of this file is compressed using zlib.\n"

OWN_PAGES = (
    *(
        "accelerator",
        "autograd.functional",
        "cuda",
        "fft",
        "func",
        "linalg",
        "nn",
        "nn.functional",
        "nn.utils",
    ),
    *("nn.utils.rnn", "optim", "optim.lr_scheduler"),
)
"""Modules, without ``torch.``, whose names have a page each."""
ONE_PAGE = {"nn.init": "nn.init.html", "testing": "testing.html", "utils.data": "data.html"}
"""Modules that are one page with a section for each name."""
SOME = {
    *("torch.autograd.backward", "torch.autograd.grad", "torch.Generator"),
    *("torch.no_grad", "torch.enable_grad", "torch.inference_mode", "torch.set_grad_enabled"),
}
"""Names with a page each, in modules where not all have one."""
MOVED = {
    **{f"torch.nn.{name}": f"torch.nn.parameter.{name}" for name in ("Parameter", "Buffer")},
    **{f"torch.nn.{name}": f"torch.nn.modules.flatten.{name}" for name in ("Flatten", "Unflatten")},
    **{
        f"torch.{name}": f"torch.autograd.grad_mode.{name}" for name in ("inference_mode", "set_grad_enabled")
    },
}
"""Names that are documented under another."""
ELSEWHERE = {
    "torch.Size": "size.html#$",
    "torch.Tensor": "tensors.html#$",
    **{f"torch.Tensor.{name}": "tensors.html#$" for name in ("T", "H", "mT", "mH")},
    "torch.Tensor.dtype": "tensor_attributes.html#torch.dtype",
    "torch.Tensor.grad_fn": "autograd.html#autograd-graph",
    "torch.autocast": "amp.html#$",
    "torch.autograd.Function": "autograd.html#$",
    "torch.autograd.detect_anomaly": "autograd.html#$",
    **{
        f"torch.autograd.graph.{name}": "autograd.html#$"
        for name in ("get_gradient_edge", "saved_tensors_hooks")
    },
    "torch.optim.Optimizer": "optim.html#$",
    "torch.utils.checkpoint.checkpoint": "checkpoint.html#$",
    **{
        f"torch.{name}": "tensor_attributes.html#$" for name in ("device", "dtype", "layout", "memory_format")
    },
}
"""The addresses of what no rule covers; ``$`` is the name."""

NOT_DOCUMENTED = {
    "torch": """
        alias_copy conv_tbc empty_permuted fork hash_tensor hspmm import_ir_module import_ir_module_from_buffer
        init_num_threads is_inference merge_type_from_type_comment native_channel_shuffle nonzero_static parse_ir
        parse_schema parse_type_comment quantize_per_tensor_dynamic segment_reduce smm sparse_compressed_tensor
        sspaddmm thread_safe_generator to_dlpack typename unify_type_list unsafe_chunk unsafe_split wait while_loop
    """,
    "torch.Tensor": """
        as_strided_ deg2rad_ exp2_ grad_dtype heaviside_ ipu is_coalesced is_cpu is_ipu is_mps is_sparse_csr is_xla
        is_xpu new_empty_strided rad2deg_ swapaxes_ swapdims_ to_padded_tensor
    """,
    "torch.func": "debug_unwrap rearrange",
    "torch.nn": "Container CrossMapLRN2d NLLLoss2d RNNCellBase LinearCrossEntropyLoss",
    "torch.nn.functional": """
        assert_int_or_pair boolean_dispatch channel_shuffle conv_tbc grouped_mm handle_torch_function has_torch_function
        has_torch_function_unary has_torch_function_variadic linear_cross_entropy multi_head_attention_forward
        native_channel_shuffle scaled_grouped_mm scaled_mm
    """,
    "torch.nn.init": """
        constant dirac eye kaiming_normal kaiming_uniform normal orthogonal sparse uniform xavier_normal xavier_uniform
    """,
    "torch.nn.utils": "clip_grad_norm",
}
"""Public names with a docstring that have no page."""
INTERNAL = re.compile(r"_with_indices$|DataPipe")
DOCUMENTED_TWICE = {"sigmoid", "softmax", "tanh"}
"""Of the functions that torch and torch.nn.functional share, those that both have pages for."""


def _is_function(value: Any) -> bool:
    return "function" in type(value).__name__ or inspect.ismethoddescriptor(value)


def _kind(value: Any) -> str:
    return "class" if isinstance(value, type) else "function" if _is_function(value) else "attribute"


def _public(owner: Any, name: str) -> Iterator[tuple[str, Any]]:
    """The public attributes of a module or class that have a docstring."""
    left_out = set(NOT_DOCUMENTED.get(name, "").split())
    for attribute in sorted(vars(owner)):
        value = inspect.getattr_static(owner, attribute)
        if not attribute.startswith("_") and attribute not in left_out and getattr(value, "__doc__", None):
            yield attribute, value


def _own_page(name: str) -> str:
    name = MOVED.get(name, name)
    return f"generated/{name}.html#{name}"


def _methods(owner: type, name: str) -> Iterator[str]:
    """The methods that a class itself defines; an inherited one is found under its own class."""
    for attribute, value in _public(owner, name):
        if inspect.isfunction(value):
            yield f"{name}.{attribute}"


def _functions() -> Iterator[Entry]:
    """The functions of the module torch itself; those it shares with torch.nn.functional have their page there."""
    import torch
    import torch.nn.functional as shared

    for attribute, value in sorted(vars(torch).items()):
        name = f"torch.{attribute}"
        if isinstance(value, torch.dtype):
            yield name, "attribute", "tensor_attributes.html#torch.dtype"
        elif not _is_function(value) or attribute in NOT_DOCUMENTED["torch"].split() or attribute[0] == "_":
            continue
        elif hasattr(shared, attribute) and attribute not in DOCUMENTED_TWICE:
            yield name, "function", _own_page(f"torch.nn.functional.{attribute}")
        elif value.__doc__ and not re.search(r"(?<!index)(?<!narrow)_copy$", attribute):
            yield name, "function", _own_page(name)


def _module(name: str, page: str | None) -> Iterator[Entry]:
    """Functions and classes of a module, and methods of classes that have a page each."""
    module = importlib.import_module(name)
    exported = getattr(module, "__all__", None)
    for attribute, value in _public(module, name):
        full, kind = f"{name}.{attribute}", _kind(value)
        home = getattr(value, "__module__", None) or name
        is_own = home.startswith(name) or (kind == "function" and home.startswith("torch._C"))
        if kind == "attribute" or full in ELSEWHERE or not is_own:
            continue
        if (exported is not None and attribute not in exported) or INTERNAL.search(full):
            continue
        if name == "torch.cuda" and (home != name or kind == "class"):
            continue  # they are moving to modules of their own
        if home == "torch.accelerator.memory":
            yield full, kind, _own_page(f"{home}.{attribute}")
            continue
        yield full, kind, f"{page}#{full}" if page else _own_page(full)
        if isinstance(value, type) and not page:
            for method in _methods(value, full):
                yield method, "method", f"{_own_page(full)}.{method.rpartition('.')[2]}"


def entries() -> Iterator[Entry]:
    """Everything that can be linked."""
    import torch

    yield from _functions()
    for owner in torch.Tensor.__mro__[:-1]:
        for attribute, value in _public(owner, "torch.Tensor"):
            name = f"torch.Tensor.{attribute}"
            if name not in ELSEWHERE:
                yield name, "method" if _is_function(value) else "attribute", _own_page(name)
    for module in OWN_PAGES:
        yield from _module(f"torch.{module}", None)
    for module, page in ONE_PAGE.items():
        yield from _module(f"torch.{module}", page)
    for name in _methods(torch.optim.Optimizer, "torch.optim.Optimizer"):
        yield name, "method", _own_page(name)
    for name in sorted(SOME):
        yield name, _kind(pkgutil.resolve_name(name)), _own_page(name)
    for name, address in ELSEWHERE.items():
        yield name, _kind(pkgutil.resolve_name(name)), address.replace("$", name)


def inventory() -> bytes:
    """The inventory as Sphinx reads it."""
    import torch

    version = ".".join(torch.__version__.split(".")[:2])
    known: dict[str, tuple[str, str]] = {}
    for name, kind, address in entries():
        known.setdefault(name, (kind, address))
    lines = []
    for name, (kind, address) in sorted(known.items()):
        short = address[: -len(name)] + "$" if address.endswith(name) else address
        lines.append(f"{name} py:{kind} 1 {short} -\n")
    return (HEADER.format(version) + ZLIB).encode() + zlib.compress("".join(lines).encode(), 9)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(inventory())
