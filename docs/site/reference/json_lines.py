"""The page of JSON, from the schemas beside the events."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from docs.site.markdown import code, escaped, page, table
from docs.site.pages import ROOT

EVENTS = ROOT / "repl" / "seqshell" / "core" / "events"
NAME, COMMANDS = "json_lines.schema.json", "commands.schema.json"  # beside the page
SCHEMAS = (EVENTS / NAME, EVENTS / COMMANDS)


def json_lines() -> str:
    """The page: every object of --json with its fields, and the ops or subcommands that give them."""
    schema, commands = (json.loads(path.read_text(encoding="utf-8")) for path in SCHEMAS)
    defs = schema["$defs"]
    lines = [ref["$ref"].rpartition("/")[2] for ref in schema["oneOf"]]
    results = dict(_ops(defs["result"]))
    shared = [name for name in defs if name not in lines and name not in results]
    return page(
        "JSON Lines",
        escaped(schema["description"]),
        f"[The schema]({NAME}) (JSON Schema, 2020-12) is beside this page, and comes with the package as"
        f" `seqshell/core/events/{NAME}`. [Another one]({COMMANDS}) is for [subcommands](#subcommands). Tests compare"
        " both with what is printed.",
        "## Objects",
        *(part for name in lines for part in _described(name, defs[name])),
        "## Fields of results",
        *(part for name, ops in results.items() for part in _described(name, defs[name], ops)),
        "## Parts",
        *(part for name in shared for part in _described(name, defs[name])),
        "## Subcommands",
        "A subcommand prints one object with `--json`; `seqshell score` prints one for each table, and `seqshell bulk`"
        " writes one for each line.",
        *(part for about in commands["$defs"].values() for part in _described(about["title"], about)),
    )


def _ops(result: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    """The fields that results may have, each with its ops; none for those of every command."""
    found: dict[str, list[str]] = {}
    for rule in result["allOf"]:
        for ref in rule.get("then", {}).get("anyOf", ()):
            found.setdefault(ref["$ref"].rpartition("/")[2], []).extend(rule["if"]["properties"]["op"]["enum"])
    yield from sorted(found.items(), key=lambda item: item[0] == "text")


def _described(name: str, schema: Mapping[str, Any], ops: list[str] | None = None) -> list[str]:
    parts = [f"### {name.replace('_', ' ')}", escaped(schema.get("description", ""))]
    if alike := [" or ".join(links) for links in map(_links, ([schema], schema.get("anyOf", ()))) if links]:
        parts.append(f"Has the fields of {' and those of '.join(alike)}.")
    if ops and name != "text":
        parts.append(f"Of {', '.join(map(code, ops))}.")
    required = schema.get("required", ())
    rows = [
        (code(field), escaped(_kind(about)) + ("" if field in required else ", optional"), escaped(_about(about)))
        for field, about in schema.get("properties", {}).items()
    ]
    return [*filter(None, parts), table(("field", "type", "meaning"), rows) if rows else ""]


def _links(schemas: Iterable[Mapping[str, Any]]) -> list[str]:
    """Links to the schemas that these refer to."""
    names = [each["$ref"].rpartition("/")[2] for each in schemas if "$ref" in each]
    return [f"[{name.replace('_', ' ')}](#{name.replace('_', '-')})" for name in names]


def _kind(schema: Mapping[str, Any]) -> str:
    """The type of a value in words."""
    if "const" in schema:
        return json.dumps(schema["const"])
    if "enum" in schema:
        return ", ".join(map(json.dumps, schema["enum"]))
    if "$ref" in schema:
        return str(schema["$ref"]).rpartition("/")[2].replace("_", " ")
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(map(_kind, schema["anyOf"])))
    if schema.get("type") == "array":
        return f"list of {_kind(schema.get('items', {}))}"
    kinds = schema.get("type", "any")
    return " or ".join(kinds) if isinstance(kinds, list) else str(kinds)


def _about(schema: Mapping[str, Any]) -> str:
    """What a field means; of objects, with their fields."""
    inner = schema.get("items", schema)
    fields = f"fields: {', '.join(inner['properties'])}" if "properties" in inner else ""
    return "; ".join(filter(None, (schema.get("description", ""), fields)))
