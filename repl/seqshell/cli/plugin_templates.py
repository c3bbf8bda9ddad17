"""The files of a new plugin, from the templates: a folder for each kind of offer, for each task, and for all.

`about.md` is a kind's section of the README, `files.md` its rows of the table of files, `hook.py` its hook; the other
files are copied. {{NAME}} stands for a value, and `package` and `recipe` in a path for the plugin's names.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from seqshell.core.tasks import Task

TEMPLATES = Path(__file__).parent / "templates"
ENDING = ".txt"  # of every template, so that no tool mistakes it for a module of seqshell
PREFIX = "seqshell"  # of the names of the module and the distribution

TITLES = {
    "architecture": "an architecture",
    "importer": "an importer",
    "hook": "a hook",
}
PARTS = ("about.md", "files.md", "hook.py")


@dataclass(frozen=True)
class Example:
    """What the templates need for a task: the architecture's summary, the data's ending, and defaults of the recipe."""

    summary: str
    data: str
    tokenizer: str = "word"
    strategy: str = "sample"


EXAMPLES = {
    Task.GENERATE: Example("minimal gated unit (Zhou et al. 2016): one forget gate", "txt", "char"),
    Task.TRANSLATE: Example("encoder-decoder of GRUs (Cho et al. 2014)", "tsv", strategy="greedy"),
    Task.CLASSIFY: Example("GRU with maximum pooling", "tsv"),
    Task.FORECAST: Example("GRU over values", "csv"),
    Task.TAG: Example("GRU with a tag for each token", "conll"),
}


@dataclass(frozen=True)
class NewPlugin:
    """A plugin to write. kinds: what it offers, of KINDS. task: of its architecture and its recipe."""

    name: str
    kinds: Sequence[str]
    task: Task = Task.GENERATE
    module: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "module", f"{PREFIX}_{self.name.replace('-', '_')}")

    @property
    def class_name(self) -> str:
        """What the names of its classes begin with: My for the strategy my-strategy, whose class is MyStrategy."""
        parts = re.split("[-_]", self.name)
        parts = parts[:-1] if len(parts) > 1 and parts[-1].lower() in self.kinds else parts
        return "".join(part[0].upper() + part[1:] for part in parts)

    @property
    def has_recipe(self) -> bool:
        """Whether it has a recipe: an importer alone has a model to import."""
        return any(kind != "importer" for kind in self.kinds)

    @property
    def title(self) -> str:
        """What it offers: "a sampler and a command"."""
        titles = [TITLES.get(kind, f"a {kind}") for kind in self.kinds]
        return " and ".join(filter(None, (", ".join(titles[:-1]), titles[-1])))

    @property
    def trial(self) -> list[str]:
        """The commands that try it."""
        lines = [f"seqshell train {self.name}.toml", f"seqshell -m {self.name}"] if self.has_recipe else []
        if "command" in self.kinds:
            example = {Task.GENERATE: "This is"}.get(self.task)
            lines[-1] += f" -c '{example}' -c '/{self.name}'" if example else ""
        if "importer" in self.kinds:
            lines += [f"seqshell import {self.name}-example.json", f"seqshell -m {self.name}-example"]
        return lines

    def files(self) -> dict[str, str]:
        """The files of the distribution: path inside its folder, and text."""
        folders = [folder for kind in self.kinds for folder in self._folders(kind)]
        recipe = [TEMPLATES / f"recipe_{self.task}"] if self.has_recipe else []
        values = self._values(folders)
        return {
            self._path(template, root): _filled(template.read_text(encoding="utf-8"), values)
            for root in (TEMPLATES / "every", *recipe, *folders)
            for template in sorted(root.rglob(f"*{ENDING}"))
            if template.name.removesuffix(ENDING) not in PARTS
        }

    def _folders(self, kind: str) -> Iterator[Path]:
        yield TEMPLATES / kind
        if kind == "architecture":
            yield TEMPLATES / f"{kind}_{self.task}"

    def _values(self, folders: Sequence[Path]) -> dict[str, str]:
        """What stands for each {{NAME}}; in this order, for a part may contain further names."""
        offered = dict.fromkeys(self.kinds, self.name)
        example = EXAMPLES[self.task]
        if "sampler" in offered:
            offered["sampler"] = f"{self.name} temperature=0.6"
        return {
            "about": _joined(folders, "about.md", "\n\n"),
            "files": "\n".join(filter(None, (_joined(folders, "files.md", "\n"), self._recipe_rows()))),
            "hooks": _joined(folders, "hook.py", "\n\n\n"),
            "imports": self._imports(),
            "trial": self._trial_section(),
            "architecture": "gru",
            "sampler": "min_p=0.05 temperature=0.6",
            "strategy": "sample" if "sampler" in offered else example.strategy,
            "tokenizer": example.tokenizer,
            **offered,
            "kinds": self.title,
            "summary": example.summary,
            "TASK": self.task.name,
            "module": self.module,
            "distribution": f"{PREFIX}-{self.name}",
            "Class": self.class_name,
            "name": self.name,
        }

    def _imports(self) -> str:
        offers = ["from collections.abc import Iterator"] if set(self.kinds) != {"hook"} else []
        hooks = ["from typing import Any"] if "hook" in self.kinds else []
        return "\n".join([*offers, *hooks, "", "import seqshell"])

    def _recipe_rows(self) -> str:
        if not self.has_recipe:
            return ""
        data = f"{self.name}.{EXAMPLES[self.task].data}"
        return f"| `{self.name}.toml`, `{data}` | a recipe, and the data that it trains on |"

    def _trial_section(self) -> str:
        if not self.has_recipe:
            return ""
        commands = "\n".join(self.trial)
        return f"## Try it\n\n`{self.name}.toml` trains a small model in seconds:\n\n```sh\n{commands}\n```\n\n"

    def _path(self, template: Path, root: Path) -> str:
        """Where the file of a template belongs."""
        *folders, file = template.relative_to(root).as_posix().removesuffix(ENDING).split("/")
        file = re.sub(r"^recipe\b", self.name, file)
        return "/".join([*(self.module if folder == "package" else folder for folder in folders), file])


def _joined(folders: Sequence[Path], part: str, between: str) -> str:
    paths = [folder / f"{part}{ENDING}" for folder in folders]
    return between.join(path.read_text(encoding="utf-8").strip("\n") for path in paths if path.exists())


def _filled(text: str, values: dict[str, str]) -> str:
    for name, value in values.items():
        text = text.replace(f"{{{{{name}}}}}", value)
    return text
