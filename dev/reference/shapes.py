"""docs/reference/shapes.md: the shapes of programs that are tested from `validate` to the verdict."""

from tests.shapes.corpus import SHAPES
from tests.shapes.shape import Shape

INTRODUCTION = """\
# Programs that work

Made by `make reference` from `tests/shapes`. A test takes each shape from `programs validate` over calls that MLflow
autologged to a verdict, and asks that the champion's score is, to the millionth, the one that is known of the model,
and that the cure is found. What cannot be measured is refused by `programs validate`, with the remedy.
"""


def main() -> None:
    """Print the page."""
    works = [shape for shape in SHAPES.values() if not shape.refused]
    refused = [shape for shape in SHAPES.values() if shape.refused]
    print(INTRODUCTION)
    print(f"{len(works)} of {len(SHAPES)} shapes work:\n")
    print("| shape | inputs | outputs |\n|---|---|---|")
    for shape in works:
        inputs, outputs = _fields(shape)
        print(f"| {shape.title} | {_cell(inputs)} | {_cell(outputs)} |")
    print(f"\n{len(refused)} are refused, before a call is paid:\n")
    print("| shape | the message says |\n|---|---|")
    for shape in refused:
        print(f"| {shape.title} | {shape.refused} |")


def _fields(shape: Shape) -> tuple[str, str]:
    """What is compared; found by its calls where the code does not say."""
    inputs, _, outputs = (shape.collected or f"{shape.inputs} -> {shape.outputs}").partition(" -> ")
    return inputs, outputs


def _cell(fields: str) -> str:
    text = fields.replace("|", "\\|")
    return f"`{text}`"


if __name__ == "__main__":
    main()
