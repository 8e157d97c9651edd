"""The names in an example's code, with the public objects they stand for: what links in code are made from."""

import ast
import re
import sys
import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any


def names_in(blocks: Sequence[Any], variables: dict[str, Any], node: Any) -> dict[str, list[str]]:
    """The names in the code, each with the public objects it may stand for, likeliest first.

    An object is written ``module:name``, a class ``class module:name``.
    """
    from sphinx_gallery.backreferences import identify_names

    codes = [block for block in blocks if block.type == "code"]
    guesses: dict[str, list[str]] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        guesses |= _methods(codes, variables)
        for name, objects in identify_names(codes, "(?!)", variables, node).items():
            for item in objects:
                mark = "class " if item["is_class"] else ""
                for module in (item["module_short"], item["module"]):
                    guesses.setdefault(name, []).append(f"{mark}{module}:{item['name']}")
    public = {
        name: [guess for guess in dict.fromkeys(found) if not re.search(r"(^|[ .:])(_|builtins:)", guess)]
        for name, found in guesses.items()
    }
    return {name: found for name, found in sorted(public.items()) if found}


def _methods(blocks: Sequence[Any], variables: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """Methods and attributes of objects, which Sphinx-Gallery finds only where Python defines them.

    Of ``x.view`` each class of `x` that has it is a guess, in the order of inheritance.
    """
    tree = ast.parse("\n".join(block.content for block in blocks))
    names = {
        (node.value.id, node.attr)
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name)
    }
    for variable, attribute in sorted(names):
        owner = type(variables.get(variable))
        if variable not in variables or owner.__module__ in {"builtins", "__main__"}:
            continue
        objects = []
        for base in owner.__mro__:
            parts = base.__module__.split(".") if hasattr(base, attribute) else []
            for depth in range(len(parts), 0, -1):
                module = ".".join(parts[:depth])
                if getattr(sys.modules.get(module), base.__name__, None) is base:
                    objects.append(f"{module}:{base.__qualname__}.{attribute}")
        if objects:
            yield f"{variable}.{attribute}", objects
