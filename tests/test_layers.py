"""Imports point downwards. The table below is the architecture, from top to bottom.

A module may import modules of its own package and of packages on lower lines; packages on one line, divided by a bar,
may not import each other. Imports inside functions and for type checkers count too, except those for type checkers in
seqshell/__init__.py, which imports every public name.
"""

import ast
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import seqshell

LAYERS = """
    __main__
    notebook
    cli
    __init__ | terminal | testing | bulk
    shell
    training
    inspect
    session | downloads
    models
    exporting
    layers | decoding | host | state | pictures
    kernels | patterns | foreign
    core
"""

# Libraries that only some modules may import, inside functions or not: the prefixes of these modules.
HOMES = {
    "prompt_toolkit": ("seqshell.terminal",),
    "pluggy": ("seqshell.host", "seqshell.core.hookspecs"),
    "argparse": ("seqshell.cli",),
    "urllib.request": ("seqshell.downloads",),
    "http": ("seqshell.downloads",),
    "socket": (),
    "IPython": ("seqshell.notebook.magics",),
    "ray": ("seqshell.bulk.ray_data",),
    "torch.distributed": ("seqshell.training.distributed",),
}

# Modules that may import torch outside functions; they are imported only when a torch module is needed.
TORCH = (
    "seqshell.training",
    "seqshell.layers.modules",
    "seqshell.layers.packed_weights",
    "seqshell.layers.padded_rows",
    "seqshell.layers.readout_loss",
    "seqshell.layers.recurrence",
    "seqshell.layers.reset_before",
    "seqshell.layers.single_steps",
    "seqshell.models.module_checks",
    "seqshell.models.torch_decoder",
    "seqshell.models.unfilled",
    "seqshell.models.decoder_comparison",
    "seqshell.testing.module_rules",
    "seqshell.testing.precision_rules",
    "seqshell.testing.training_rules",
)

# Libraries that are not imported before the first prompt or a script's first token.
LATE = {"torch", "numba", "rich", "importlib.metadata", "matplotlib", "sacrebleu"}

ROOT = Path(__file__).parents[1]


def modules(root):
    """Every module in a source root: name -> syntax tree."""
    found = {}
    for path in sorted((ROOT / root).rglob("*.py")):
        parts = path.relative_to(ROOT / root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        found[name] = ast.parse(path.read_text("utf-8"), str(path))
    return found


HOST, PLUGINS = modules("repl"), modules("plugins")


def for_type_checkers(node):
    return isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"


def imports(tree, *, inside_functions=True, type_checking=True):
    """The dotted names that a module imports, a from-import as "module.name"."""
    waiting = list(tree.body)
    while waiting:
        node = waiting.pop()
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "imports are absolute"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda) and not inside_functions:
            continue
        elif for_type_checkers(node) and not type_checking:
            waiting += node.orelse
        else:
            waiting += ast.iter_child_nodes(node)


def home(name):
    """The module of seqshell that defines an imported name, also a public one; empty if there is none."""
    first, _, rest = name.partition(".")
    if first == "seqshell" and rest in seqshell._HOME and name not in HOST:
        return seqshell._HOME[rest]
    while name and name not in HOST:
        name = name.rpartition(".")[0]
    return name


def place(module):
    """(line, column) of a module's package in the table."""
    package = module.split(".")[1] if "." in module else "__init__"
    for line, groups in enumerate(LAYERS.strip().splitlines()):
        for group, name in enumerate(groups.split("|")):
            if name.strip() == package:
                return line, group
    pytest.fail(f"{module} is not in the table at the top of this file")


def below(prefixes, module):
    return any(module == prefix or module.startswith(prefix + ".") for prefix in prefixes)


@pytest.mark.parametrize("module", sorted(HOST))
def test_imports_point_downwards(module):
    line, group = place(module)
    for name in imports(HOST[module], type_checking=module != "seqshell"):
        target = home(name)
        if target:
            other_line, other_group = place(target)
            assert other_line > line or (other_line, other_group) == (line, group), f"{module} may not import {target}"


@pytest.mark.parametrize("module", sorted(PLUGINS))
def test_plugins_import_only_public_names_core_and_layers(module):
    for name in imports(PLUGINS[module]):
        first = name.partition(".")[0]
        if first == "seqshell":
            is_public = name == "seqshell" or name.removeprefix("seqshell.") in dir(seqshell)
            assert is_public or below(
                ("seqshell.core", "seqshell.exporting", "seqshell.layers", "seqshell.patterns"), home(name)
            ), f"{module} may not import {name}"
        elif first.startswith("seqshell_"):
            assert first == module.partition(".")[0], f"{module} imports another plugin: {name}"


@pytest.mark.parametrize("module", sorted(HOST | PLUGINS))
def test_seqshell_imports_no_plugin_by_name_and_each_library_only_in_its_package(module):
    for name in imports((HOST | PLUGINS)[module]):
        for library in HOMES:
            if below((library,), name):
                assert below(HOMES[library], module), f"{library} may not be imported in {module}"
        assert module in PLUGINS or not name.startswith("seqshell_"), f"{module} may not import {name}"


@pytest.mark.parametrize("module", sorted(HOST))
def test_torch_is_imported_inside_functions_except_in_modules_that_need_it(module):
    found = {name.partition(".")[0] for name in imports(HOST[module], inside_functions=False, type_checking=False)}
    assert "torch" not in found or below(TORCH, module)


@pytest.mark.parametrize("module", sorted(name for name in PLUGINS if "." not in name))
def test_importing_a_plugin_imports_neither_torch_nor_numpy(module):
    """A plugin's __init__ is imported at every start; its other modules when they are first used."""
    found = {name.partition(".")[0] for name in imports(PLUGINS[module], inside_functions=False, type_checking=False)}
    assert not found & (LATE | {"numpy", "safetensors"})


@pytest.mark.parametrize(
    "module",
    [
        "core.hookspecs",
        "host.builtin",
        "models.opening",
        "shell.shell",
        "shell.startup",
        "shell.completion",
        "cli.script",
        "terminal",
        "cli",
    ],
)
def test_no_slow_library_is_imported_before_the_first_prompt(module):
    """In a new interpreter; for host.builtin, with every built-in plugin registered."""
    code = (
        f"import sys, seqshell.{module}\n"
        "if sys.argv[1] == 'host.builtin': sys.modules['seqshell.host.builtin'].load_registry()\n"
        "print(*sys.modules)"
    )
    environ = {"SEQSHELL_HOME": "/dev/null/none", "SEQSHELL_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, check=True, env=environ)
    assert not set(done.stdout.split()) & (LATE | {"numpy", "safetensors", "tokenizers"})


def test_every_package_is_in_the_table():
    packages = {name.split(".")[1] for name in HOST if "." in name} | {"__init__"}
    assert packages == set(LAYERS.replace("|", " ").split())


def test_the_table_in_the_documentation_is_the_same():
    text = (ROOT / "docs" / "architecture.md").read_text("utf-8")
    (table,) = re.findall(r"<!-- layers -->\n```\n(.*?)```", text, re.DOTALL)

    assert table.split("\n") == textwrap.dedent(LAYERS).lstrip().split("\n")


def test_every_module_is_in_a_package():
    assert sorted(path.name for path in (ROOT / "repl" / "seqshell").glob("*.py")) == ["__init__.py", "__main__.py"]


def test_there_are_no_import_cycles():
    """Not inside a package and not for types either."""
    needed = {
        name: {home(each) for each in imports(tree)} - {name, ""} for name, tree in HOST.items() if name != "seqshell"
    }
    while outside := {
        name
        for name in needed
        if not needed[name] & needed.keys() or not any(name in other for other in needed.values())
    }:
        needed = {name: others - outside for name, others in needed.items() if name not in outside}
    assert not needed, f"in import cycles: {', '.join(sorted(needed))}"


def test_no_module_has_a_name_that_says_nothing():
    assert not [
        name
        for name in HOST | PLUGINS
        if name.rpartition(".")[2] in ("utils", "util", "helpers", "helper", "common", "misc")
    ]


def test_no_module_has_more_than_320_lines():
    paths = [path for folder in ("repl", "plugins", "docs", "tests") for path in (ROOT / folder).rglob("*.py")]
    lines = {str(path.relative_to(ROOT)): path.read_text("utf-8").count("\n") for path in paths}
    assert not {name: number for name, number in lines.items() if number > 320}


def test_no_module_imports_from_tests():
    """What several test modules need is in a module beside them, so that a test can be changed or moved alone."""
    pattern = re.compile(r"^(?:from|import) tests\.(?:\w+\.)*test_", re.MULTILINE)
    paths = [path for path in (ROOT / "tests").rglob("*.py") if pattern.search(path.read_text("utf-8"))]
    assert not [str(path.relative_to(ROOT)) for path in paths]
