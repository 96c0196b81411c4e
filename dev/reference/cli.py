"""docs/reference/cli.md: every command with its arguments and options, as Typer documents them."""

import re

import typer
from typer.cli import get_docs_for_click

from teleprompt.cli import app

INTRODUCTION = """\
# The command

Made by `make reference` from the commands themselves. Every command takes `--help`. Exit status: 0 success; 1 a
negative answer, such as an invalid attestation or a failed run; 2 wrong usage or configuration; 3 an inconclusive
verdict. An error is one line on standard error, which says what to do.
"""

COMMAND = "teleprompt"


def main() -> None:
    """Print the page."""
    command = typer.main.get_command(app)
    text = get_docs_for_click(obj=command, ctx=typer.Context(command, info_name=COMMAND), name=COMMAND)
    text = text[text.index("## ") :]
    # The lists of a group's commands repeat the headings below them, cut at 45 characters.
    text = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", text)
    text = re.sub(r"\* `--help`: .*\n", "", text)
    text = re.sub(r"\*\*Options\*\*:\n\n(?!\*)", "", text)
    text = text.replace("```console\n$ ", "```console\n").replace("&#x27;", "'")
    text = re.sub(r"^(#+) `(.*)`$", r"\1 \2", text, flags=re.MULTILINE)
    text = re.sub(r"\n{3,}", "\n\n", text)
    print(f"{INTRODUCTION}\n{text.strip()}")


if __name__ == "__main__":
    main()
