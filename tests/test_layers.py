"""Imports point downwards. The table is the architecture: read it from the top.

A module may import modules of its own package and of packages on lower lines; packages on one line, divided by a bar, may not import each
other. Imports inside functions count, and so do those for type checkers only, except in seqshell/__init__.py, which names every public name.
"""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import seqshell

LAYERS = """
    __main__
    cli
    __init__ | terminal | testing
    shell
    training
    session
    models
    layers | decoding | host
    core
"""

# Libraries that one package owns: a prefix of modules may import them, inside functions or not.
HOMES = {
    "prompt_toolkit": ("seqshell.terminal",),
    "pluggy": ("seqshell.host", "seqshell.core.hookspecs"),
    "argparse": ("seqshell.cli",),
}

# Where torch may be imported outside a function: modules that are imported only when a torch module is needed.
TORCH = (
    "seqshell.training",
    "seqshell.layers.modules",
    "seqshell.models.torch_decoder",
    "seqshell.testing.module_rules",
)

# What the first prompt and a script's first token do without.
LATE = {"torch", "numba", "rich", "importlib.metadata", "matplotlib", "sacrebleu"}

ROOT = Path(__file__).parents[1]


def modules(root):
    """Every module below a source root: its name and its syntax tree."""
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
    """The module of ours that an imported name lives in; a public name of seqshell is at home where seqshell/__init__.py says."""
    first, _, rest = name.partition(".")
    if first == "seqshell" and rest in seqshell._HOME and name not in HOST:
        return seqshell._HOME[rest]
    while name and name not in HOST:
        name = name.rpartition(".")[0]
    return name


def place(module):
    """(line, group) of a module's package in the table, counted from the top and from the left."""
    package = module.split(".")[1] if "." in module else "__init__"
    for line, groups in enumerate(LAYERS.strip().splitlines()):
        for group, name in enumerate(groups.split("|")):
            if name.strip() == package:
                return line, group
    pytest.fail(f"{module} has no place in the table at the top of this test")


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
def test_plugins_import_the_contracts_and_the_public_layers_and_no_other_part_of_the_host(module):
    for name in imports(PLUGINS[module]):
        first = name.partition(".")[0]
        if first == "seqshell":
            is_public = name == "seqshell" or name.removeprefix("seqshell.") in seqshell.__all__
            assert is_public or below(("seqshell.core", "seqshell.layers"), home(name)), (
                f"{module} may not import {name}"
            )
        elif first.startswith("seqshell_"):
            assert first == module.partition(".")[0], f"{module} imports another plugin: {name}"


@pytest.mark.parametrize("module", sorted(HOST | PLUGINS))
def test_the_host_imports_no_plugin_by_name_and_libraries_stay_at_home(module):
    for name in imports((HOST | PLUGINS)[module]):
        library = name.partition(".")[0]
        if library in HOMES:
            assert below(HOMES[library], module), f"{library} may not be imported in {module}"
        assert module in PLUGINS or not library.startswith("seqshell_"), f"{module} may not import {name}"


@pytest.mark.parametrize("module", sorted(HOST))
def test_torch_is_imported_inside_functions_but_where_everything_needs_it(module):
    found = {name.partition(".")[0] for name in imports(HOST[module], inside_functions=False, type_checking=False)}
    assert "torch" not in found or below(TORCH, module)


@pytest.mark.parametrize("module", sorted(name for name in PLUGINS if "." not in name))
def test_a_plugin_costs_the_start_neither_torch_nor_numpy(module):
    """What a plugin's own __init__ imports is paid at every start; its other modules are lazy targets."""
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
def test_the_way_to_the_first_prompt_imports_none_of_the_slow_libraries(module):
    """In a fresh interpreter; for the host with every built-in plugin registered."""
    code = (
        f"import sys, seqshell.{module}\n"
        "if sys.argv[1] == 'host.builtin': sys.modules['seqshell.host.builtin'].load_registry()\n"
        "print(*sys.modules)"
    )
    environ = {"SEQSHELL_HOME": "/dev/null/none", "SEQSHELL_PLUGINS": ""}
    done = subprocess.run([sys.executable, "-c", code, module], capture_output=True, text=True, check=True, env=environ)
    assert not set(done.stdout.split()) & (LATE | {"numpy", "safetensors", "tokenizers"})


def test_every_package_has_its_place_in_the_table():
    packages = {name.split(".")[1] for name in HOST if "." in name} | {"__init__"}
    assert packages == set(LAYERS.replace("|", " ").split())


def test_no_module_lies_loose_beside_the_packages():
    assert sorted(path.name for path in (ROOT / "repl" / "seqshell").glob("*.py")) == ["__init__.py", "__main__.py"]


def test_no_modules_import_each_other_in_a_circle():
    """Inside a package too, and for types too: each module can be understood after the ones that it imports."""
    needed = {
        name: {home(each) for each in imports(tree)} - {name, ""} for name, tree in HOST.items() if name != "seqshell"
    }
    while outside := {
        name
        for name in needed
        if not needed[name] & needed.keys() or not any(name in other for other in needed.values())
    }:
        needed = {name: others - outside for name, others in needed.items() if name not in outside}
    assert not needed, f"these import each other: {', '.join(sorted(needed))}"


def test_modules_are_called_after_what_is_in_them():
    assert not [
        name
        for name in HOST | PLUGINS
        if name.rpartition(".")[2] in ("utils", "util", "helpers", "helper", "common", "misc")
    ]
