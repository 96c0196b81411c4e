"""docs/reference/configuration.md: each key of a program file, and each setting of the environment."""

from collections import Counter
from collections.abc import Iterator

from dev.reference.fields import Fields, Schema, anchor, choices, one_line, table
from teleprompt.config.program import ProgramConfig
from teleprompt.config.settings import Settings
from teleprompt.strategies import OptimizationStrategy, strategy_of

INTRODUCTION = """\
# Program files and settings

Made by `make reference` from the types that check them. [Program files](../programs.md) shows a whole
file with its defaults, and says what a run does with it.

## Program files
"""

ENVIRONMENT = """\
## The environment

What is used outside Airflow; in Airflow, [connections](../programs.md#connections) say it. A field of a field is
written with two underscores, a list or a mapping as JSON. Relative paths start at the project.
`TELEPROMPT_PROGRAM__<SECTION>__<KEY>` overrides any key of all program files. `TELEPROMPT_DEBUG=1` shows where an
unexpected error of the command came from.
"""

LANGUAGE_MODEL = """\
### Language models

The same for `TELEPROMPT_PROMPT_LM__` and `TELEPROMPT_JUDGE_LM__`.
"""

SIGNERS = """\
### Signers

One of these three; `TELEPROMPT_COSIGNERS` is a JSON list of further ones, with the same keys in lower case.
"""

MESSAGE_KEYS = """\
### Message keys

One of these three; the same for `TELEPROMPT_PUBLIC_LOG__KEY__`, where it has to be of Ed25519.
"""

PREFIX = "TELEPROMPT_"
HEADINGS = {
    "LMConfig": "Language models",
    "KeystoreSigner": "Signers",
    "CommandSigner": "Signers",
    "UrlSigner": "Signers",
    "PublicLogConfig": "The public log",
    "WitnessConfig": "The public log",
    "PemKey": "Message keys",
    "CommandKey": "Message keys",
    "UrlKey": "Message keys",
    "Web3Config": "The chain's node",
    "DefaultAlerts": "Default alerts",
    "ProgramProcessConfig": "The process of program code",
    "FleetConfig": "A fleet",
    "RetentionConfig": "Retention",
}
"""Of the fields of each field that has some; a new one needs a heading here, and its table below."""


def main() -> None:
    """Print the page."""
    parts = (INTRODUCTION, *_program_file(), ENVIRONMENT, *_environment())
    print("\n\n".join(part.strip("\n") for part in parts))


def _program_file() -> Iterator[str]:
    schema = ProgramConfig.model_json_schema()
    definitions = schema["$defs"]
    paths = dict(_sections("", schema, definitions))
    shared = {path for path, count in Counter(paths.values()).items() if count > 1}
    headings = {name: _heading(path, definitions[name], is_shared=path in shared) for name, path in paths.items()}
    fields = Fields(definitions, headings)
    yield fields.table(schema, skip=["slug"])
    for name, heading in headings.items():
        yield f"### {heading}\n\n{one_line(definitions[name])}\n\n{fields.table(definitions[name])}"
    yield "### Options of the strategies\n\nWhat `optimization.options` may hold, by `optimization.strategy`."
    for strategy in OptimizationStrategy:
        options = strategy_of(strategy).options.model_json_schema()
        yield f"#### {strategy.value}\n\n{one_line(options)}\n\n{Fields({}, {}).table(options)}"


def _sections(path: str, schema: Schema, definitions: Schema) -> Iterator[tuple[str, str]]:
    """Every definition with keys, and the first path that leads to it."""
    for key, field in schema.get("properties", {}).items():
        below = f"{path}.{key}" if path else key
        for choice in choices(field):
            name = str(choice.get("$ref", "")).rpartition("/")[2]
            if definitions.get(name, {}).get("properties"):
                yield name, below
                yield from _sections(below, definitions[name], definitions)


def _heading(path: str, definition: Schema, *, is_shared: bool) -> str:
    """A path; where several kinds of things may lie there, the kind too, or the first key that tells it."""
    kinds = [field["const"] for field in definition["properties"].values() if "const" in field]
    if is_shared and not kinds:
        kinds = ["with", definition["required"][0]]
    return " ".join([path, *kinds])


def _environment() -> Iterator[str]:
    schema = Settings.model_json_schema(by_alias=False)
    definitions = schema["$defs"]
    headings = {name: HEADINGS[name] for name in definitions}
    rows = []
    for name, field in schema["properties"].items():
        found = {headings[str(choice["$ref"]).rpartition("/")[2]] for choice in choices(field) if "$ref" in choice}
        places = ", ".join(f"[{heading}](#{anchor(heading)})" for heading in sorted(found))
        default = "" if places or field.get("default") is None else f"`{field['default']}`"
        below = "__…" if places and field.get("type") != "array" else ""
        rows.append((f"`{PREFIX}{name.upper()}{below}`", default, places, field.get("description", "")))
    yield table(("variable", "default", "its fields", "meaning"), rows)
    yield LANGUAGE_MODEL
    yield _variables("lm", definitions["LMConfig"])
    yield SIGNERS
    for name in ("KeystoreSigner", "CommandSigner", "UrlSigner"):
        yield f"{one_line(definitions[name])}\n\n{_variables('signer', definitions[name])}"
    yield MESSAGE_KEYS
    for name in ("PemKey", "CommandKey", "UrlKey"):
        yield f"{one_line(definitions[name])}\n\n{_variables('envelope_key', definitions[name])}"
    log, witness = definitions["PublicLogConfig"], definitions["WitnessConfig"]
    yield f"### The public log\n\n{one_line(log)}\n\n{_variables('public_log', log, Fields(definitions, headings))}"
    yield f"Each of its witnesses: {one_line(witness)}\n\n{Fields({}, {}).table(witness)}"
    node = definitions["Web3Config"]
    yield f"### The chain's node\n\n{one_line(node)}\n\n{_variables('web3', node)}"
    fleet = definitions["FleetConfig"]
    yield f"### A fleet\n\n{one_line(fleet)}\n\n{_variables('fleet', fleet)}"
    told = definitions["DefaultAlerts"]
    yield f"### Default alerts\n\n{one_line(told)}\n\n{_variables('default_alerts', told)}"
    process = definitions["ProgramProcessConfig"]
    yield f"### The process of program code\n\n{one_line(process)}\n\n{_variables('program_process', process)}"
    retention = definitions["RetentionConfig"]
    yield f"### Retention\n\n{one_line(retention)}\n\n{_variables('retention', retention)}"


def _variables(field: str, definition: Schema, fields: Fields | None = None) -> str:
    named = {key.upper(): value for key, value in definition["properties"].items()}
    required = [key.upper() for key in definition.get("required", ())]
    schema = {**definition, "properties": named, "required": required}
    return (fields or Fields({}, {})).table(schema, prefix=f"{PREFIX}{field.upper()}__")


if __name__ == "__main__":
    main()
