"""What changes in a prompt between two versions, for people who read it before their users do."""

import difflib
import json
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Literal

from teleprompt.program.fields import Json
from teleprompt.program.prompt import PredictorPrompt, Prompt
from teleprompt.records import Record


class Piece(Record):
    """Some words, and what becomes of them."""

    change: Literal["kept", "added", "removed"]
    text: str


class PredictorDiff(Record):
    """What changes in one predictor."""

    name: str
    instructions: tuple[Piece, ...]
    fields: tuple[Piece, ...]
    """A field a piece."""
    added: tuple[dict[str, Json], ...]
    removed: tuple[dict[str, Json], ...]
    kept: int
    """Demonstrations that are in both."""
    is_reordered: bool = False
    """Whether these come in another order."""
    nearest: tuple[int | None, int | None] = (None, None)
    """How many demonstrations a call shows before and after, those closest to its inputs; None: all."""

    @property
    def is_changed(self) -> bool:
        """Whether anything is."""
        words = (*self.instructions, *self.fields)
        demos = self.added or self.removed or self.is_reordered or self.nearest[0] != self.nearest[1]
        return bool(demos) or any(piece.change != "kept" for piece in words)

    @property
    def choice(self) -> str | None:
        """Which demonstrations a call shows, in words, where that changes."""
        before, after = self.nearest
        if before == after:
            return None
        return "each call shows all" if after is None else f"each call shows the {after} closest to its inputs"


class PromptDiff(Record):
    """What changes in a program's prompt."""

    predictors: tuple[PredictorDiff, ...]
    characters: tuple[int, int]
    """Length before and after, but for what the adapter adds."""
    demos: tuple[int, int]

    @property
    def changed(self) -> tuple[PredictorDiff, ...]:
        """The predictors that change."""
        return tuple(predictor for predictor in self.predictors if predictor.is_changed)


def diff_prompts(before: Prompt, after: Prompt) -> PromptDiff:
    """From one prompt to the other, predictor by predictor."""
    old, new = ({predictor.name: predictor for predictor in prompt.predictors} for prompt in (before, after))
    return PromptDiff(
        predictors=tuple(_diff(name, old.get(name), new.get(name)) for name in {**old, **new}),
        characters=(before.characters, after.characters),
        demos=(before.demos, after.demos),
    )


def _diff(name: str, old: PredictorPrompt | None, new: PredictorPrompt | None) -> PredictorDiff:
    blank = PredictorPrompt(name=name, instructions="", fields=(), demos=())
    old, new = old or blank, new or blank
    before, after = ([json.dumps(demo, sort_keys=True) for demo in each.demos] for each in (old, new))
    both = Counter(before) & Counter(after)
    (stayed, removed), (staying, added) = (_parted(texts, both) for texts in (before, after))
    return PredictorDiff(
        name=name,
        instructions=tuple(_pieces(_words(old.instructions), _words(new.instructions))),
        fields=tuple(_pieces(old.fields, new.fields, joined=False)),
        added=tuple(map(json.loads, added)),
        removed=tuple(map(json.loads, removed)),
        kept=len(staying),
        is_reordered=stayed != staying,
        nearest=(old.nearest, new.nearest),
    )


def _parted(texts: Sequence[str], both: Counter[str]) -> tuple[list[str], list[str]]:
    """Those that `both` has, and those beyond it, each in their order."""
    left, shared, beyond = both.copy(), list[str](), list[str]()
    for text in texts:
        (shared if left[text] > 0 else beyond).append(text)
        left[text] -= 1
    return shared, beyond


def _words(text: str) -> list[str]:
    """Words with the blanks behind them; a line's end is a word of its own, so that a diff keeps lines apart."""
    return re.findall(r"\n|[^\S\n]+|\S+[^\S\n]*", text)


def _pieces(old: Sequence[str], new: Sequence[str], *, joined: bool = True) -> Iterator[Piece]:
    def pieces(change: Literal["kept", "added", "removed"], words: Sequence[str]) -> Iterator[Piece]:
        for text in ["".join(words)] if joined and words else words:
            yield Piece(change=change, text=text)

    for tag, a, b, c, d in difflib.SequenceMatcher(a=list(old), b=list(new), autojunk=False).get_opcodes():
        if tag == "equal":
            yield from pieces("kept", old[a:b])
        else:
            yield from pieces("removed", old[a:b])
            yield from pieces("added", new[c:d])


def diff_in_text(diff: PromptDiff) -> Iterator[str]:
    """A line at a time: `-` what goes, `+` what comes, indented what stays."""
    if not diff.changed:
        yield "The prompts are the same."
    for predictor in diff.changed:
        yield f"{predictor.name}"
        for title, pieces in (("instructions", predictor.instructions), ("fields", predictor.fields)):
            if any(piece.change != "kept" for piece in pieces):
                yield f"  {title}"
                yield from _marked(pieces)
        yield from _demos(predictor)
    (before, after), (fewer, more) = diff.characters, diff.demos
    yield f"{before} -> {after} characters, {fewer} -> {more} demonstrations"


def diff_in_markdown(diff: PromptDiff) -> str:
    """What changes, as a block of text that no Markdown of an instruction can leave; without demonstrations' texts."""
    lines = []
    for predictor in diff.changed:
        choice = f", {predictor.choice}" if predictor.choice else ""
        lines.append(f"{predictor.name}: +{len(predictor.added)} -{len(predictor.removed)} demonstrations{choice}")
        for pieces in (predictor.instructions, predictor.fields):
            lines += _marked(pieces) if any(piece.change != "kept" for piece in pieces) else []
    (before, after), (fewer, more) = diff.characters, diff.demos
    lines.append(f"{before} -> {after} characters, {fewer} -> {more} demonstrations")
    return "".join(f"    {line}\n" for line in lines)  # indented code: it ends with its lines, whatever they hold


def _marked(pieces: Sequence[Piece]) -> Iterator[str]:
    signs = {"kept": " ", "added": "+", "removed": "-"}
    for piece in pieces:
        for line in piece.text.splitlines() or [""]:
            yield f"  {signs[piece.change]} {line.rstrip()}"


def _demos(predictor: PredictorDiff) -> Iterator[str]:
    for sign, what, demos in (("-", "removed", predictor.removed), ("+", "added", predictor.added)):
        if demos:
            yield f"  demonstrations {what}"
        for number, demo in enumerate(demos, start=1):
            for at, (name, value) in enumerate(fields_of(demo)):
                yield f"  {sign} {f'{number}.' if at == 0 else '  '} {name}: {value}"
    if predictor.kept and (predictor.added or predictor.removed or predictor.is_reordered):
        yield f"    {predictor.kept} stay{', in another order' if predictor.is_reordered else ''}"
    if predictor.choice:
        yield f"  {predictor.choice}"


def fields_of(demo: dict[str, Json]) -> list[tuple[str, str]]:
    """A demonstration's fields as texts; that it was bootstrapped is none of them."""
    return [
        (name, value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))
        for name, value in demo.items()
        if name != "augmented"
    ]
