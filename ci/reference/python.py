# SPDX-License-Identifier: MIT
"""Pages of the Python package: one for what `import icegen` shows, and one for each folder."""

import ast
from pathlib import Path

from reference.text import ROOT, markdown, note

PACKAGE = ROOT / "python/icegen"
ELSEWHERE = ("command",)  # has a page of its own: the command line


def pages() -> dict[str, str]:
    """Path of each page below docs/api, and its text."""
    folders = [path.parent.name for path in sorted(PACKAGE.glob("*/__init__.py")) if path.parent.name not in ELSEWHERE]
    texts = {f"python/{folder}.md": page(f"icegen.{folder}", modules(PACKAGE / folder)) for folder in folders}
    overview = page("Python", [PACKAGE / "__init__.py"])
    overview += "## Folders\n\n"
    for folder in folders:
        summary = docstring(PACKAGE / folder / "__init__.py").splitlines()[0]
        overview += f"- [`icegen.{folder}`](python/{folder}.md): {summary}\n"
    overview += "\nThe modules that all folders use:\n\n"
    overview += "".join(module(path) for path in sorted(PACKAGE.glob("*.py")) if not path.name.startswith("__"))
    return {"python.md": overview} | texts


def modules(folder: Path) -> list[Path]:
    """The files of a folder, the package itself first."""
    return sorted(folder.rglob("*.py"), key=lambda path: (path.name != "__init__.py" or path.parent != folder, path))


def page(title: str, files: list[Path]) -> str:
    """A page of the public functions and classes of some modules."""
    return f"# {title}\n\n{note('the docstrings of python/icegen')}" + "".join(map(module, files))


def module(path: Path) -> str:
    """The section of one module; empty if it has neither text nor public names."""
    tree = ast.parse(path.read_text())
    name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__")
    parts = [f"## {name}\n\n{markdown(ast.get_docstring(tree) or '')}\n\n"]
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            parts.append(f"### `{node.name}`\n\n{shown(name, node.name, node)}{text(node)}")
        elif isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
            parts.append(class_section(name, node))
    return "".join(parts)


def class_section(module_name: str, node: ast.ClassDef) -> str:
    """A class, its fields and its public methods."""
    constructor = next((n for n in node.body if getattr(n, "name", "") == "__init__"), None)
    call = shown(module_name, node.name, constructor) if constructor else f"```python\nclass {node.name}\n```\n\n"
    parts = [f"### class `{node.name}`\n\n{call}{text(node)}"]
    methods = [n for n in node.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]
    for method in methods:
        words = markdown(ast.get_docstring(method) or "").replace("\n", "\n  ").replace("\n  \n", "\n\n")
        parts.append(f"- `{method.name}{signature(method)}`" + (f": {words}" if words else "") + "\n")
    return "".join(parts) + ("\n" if methods else "")


def shown(module_name: str, name: str, node: ast.FunctionDef) -> str:
    """A call as one writes it, each argument on its own line where one line is too short."""
    call = f"{module_name}.{name}{signature(node)}"
    if len(call) > 88:
        arguments = [ast.unparse(a) for a in split_arguments(node.args)]
        inner = "".join(f"    {argument},\n" for argument in arguments)
        result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
        call = f"{module_name}.{name}(\n{inner}){result}"
    return f"```python\n{call}\n```\n\n"


def split_arguments(arguments: ast.arguments) -> list[ast.arguments]:
    """Arguments one by one, each with its default, without self."""
    whole = ast.unparse(arguments)
    tree = ast.parse(f"def f({whole}): ...").body[0]
    assert isinstance(tree, ast.FunctionDef)
    positional = tree.args.posonlyargs + tree.args.args
    defaults = [None] * (len(positional) - len(tree.args.defaults)) + list(tree.args.defaults)
    empty = {"posonlyargs": [], "args": [], "kwonlyargs": [], "kw_defaults": [], "defaults": []}
    found = [
        ast.arguments(**empty | {"args": [a], "defaults": [] if default is None else [default]})
        for a, default in zip(positional, defaults, strict=True)
        if a.arg != "self"
    ]
    if tree.args.vararg:
        found.append(ast.arguments(**empty, vararg=tree.args.vararg))
    for a, default in zip(tree.args.kwonlyargs, tree.args.kw_defaults, strict=True):
        found.append(ast.arguments(**empty | {"args": [a], "defaults": [] if default is None else [default]}))
    if tree.args.kwarg:
        found.append(ast.arguments(**empty, kwarg=tree.args.kwarg))
    return found


def signature(node: ast.FunctionDef) -> str:
    """Arguments and result as in the source, on one line, without self."""
    if any(getattr(d, "id", "") in ("property", "cached_property") for d in node.decorator_list):
        return ""
    arguments = ast.unparse(node.args).removeprefix("self, ").removeprefix("self")
    result = f" -> {ast.unparse(node.returns)}" if node.returns is not None else ""
    return f"({arguments}){result}"


def text(node: ast.FunctionDef | ast.ClassDef) -> str:
    """The docstring of a function or a class."""
    words = markdown(ast.get_docstring(node) or "")
    return f"{words}\n\n" if words else ""


def docstring(path: Path) -> str:
    """The docstring of a module."""
    return ast.get_docstring(ast.parse(path.read_text())) or ""
