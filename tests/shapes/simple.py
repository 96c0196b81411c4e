"""One predictor: signatures and types."""

from tests.shapes.shape import Shape, after, number, of, predict, word

MOODS = ("glad", "calm", "very angry")
PNG = "data:image/png;base64,iVBORw0KGgo="

SIMPLE = (
    Shape("string_signature", "`dspy.Predict` of a string", 'build = lambda: dspy.Predict("question -> answer")'),
    Shape(
        "literal", "a `Literal` of several words",
        predict("message: str", 'mood: Literal["glad", "calm", "very angry"]'),
        says=lambda n, right: {"mood": of(MOODS, n, right)},
        asks=lambda _n, text: {"message": text},
        inputs="message: str", outputs="mood: Literal['glad', 'calm', 'very angry']",
    ),
    Shape(
        "float_answer", "`ChainOfThought` with a float",
        'build = lambda: dspy.ChainOfThought("question -> answer: float")',
        says=lambda n, right: {"answer": n % 5 / 2 + (0 if right else 10), "reasoning": "so"},
        outputs="answer: float",
    ),
    Shape(
        "integer_literal", "a `Literal` of numbers, and a bool",
        predict("question: str", "stars: Literal[1, 2, 3]; sure: bool"),
        says=lambda n, right: {"stars": of((1, 2, 3), n, right), "sure": (n % 2 == 0) == right},
        outputs="stars: Literal[1, 2, 3], sure: bool",
    ),
    Shape(
        "big_integer", "integers beyond 2^53", predict("question: str", "answer: int"),
        says=lambda n, right: {"answer": 2**60 + number(n, right)},
        outputs="answer: int",
    ),
    Shape(
        "plain_enum", "an `Enum`",
        after('class Level(Enum):\n    A = "gold"\n    B = "dark silver"', predict("question: str", "level: Level")),
        says=lambda n, right: {"level": of(("gold", "dark silver"), n, right)},
        outputs="level: Level",
    ),
    Shape(
        "string_enum", "a `str` `Enum`",
        after('class Level(str, Enum):\n    A = "gold"\n    B = "silver"', predict("question: str", "level: Level")),
        says=lambda n, right: {"level": of(("gold", "silver"), n, right)},
        outputs="level: Level",
    ),
    Shape(
        "enum_list", "a list of an `Enum`",
        after('Tag = Enum("Tag", dict(A="a", B="b", C="c", D="d"))', predict("question: str", "tags: list[Tag]")),
        says=lambda n, right: {"tags": (["a", "b"] if (n % 2 == 0) == right else ["c", "d"])},
        outputs="tags: list[Tag]",
    ),
    Shape(
        "list_of_texts", "lists in and out", predict("tokens: list[str]", "people: list[str]", "dspy.ChainOfThought"),
        says=lambda n, right: {"people": [word(n, right), "x" * (n % 3 + 1) + str(right)], "reasoning": "so"},
        asks=lambda _n, text: {"tokens": text.split()},
        inputs="tokens: list[str]", outputs="people: list[str]",
    ),
    Shape(
        "list_of_floats", "a list of floats", predict("question: str", "prices: list[float]"),
        says=lambda n, right: {"prices": [float(number(n, right)), number(n, right) + 0.5 + 100 * right]},
        outputs="prices: list[float]",
    ),
    Shape(
        "dates", "a date and a datetime", predict("question: str", "day: date; at: datetime"),
        says=lambda n, right: {
            "day": f"2026-0{1 if right else 2}-0{n % 9 + 1}", "at": f"2026-0{1 if right else 2}-0{n % 9 + 1}T08:00:00",
        },
        outputs="day: date, at: datetime",
    ),
    Shape(
        "decimal", "a `Decimal`", predict("question: str", "price: Decimal"),
        says=lambda n, right: {"price": f"{number(n, right)}.50"},
        outputs="price: Decimal",
    ),
    Shape(
        "dictionary", "a dictionary", predict("question: str", "counts: dict[str, int]"),
        says=lambda n, right: {"counts": {f"k{n % 3}": number(n, right)}},
        outputs="counts: dict[str, int]",
    ),
    Shape(
        "tuple_and_set", "a tuple and a set", predict("question: str", "pair: tuple[str, int]; tags: set[str]"),
        says=lambda n, right: {
            "pair": [word(n, right), number(n, right)], "tags": [word(n + 1, right), f"{word(n, right)}{right}"],
        },
        outputs="pair: tuple[str, int], tags: set[str]",
    ),
    Shape(
        "optional_output", "an `Optional` output", predict("question: str", "note: Optional[str]"),
        says=lambda n, right: {"note": None if (n % 2 == 0) == right else word(n)},
        outputs="note?: Union[str, NoneType]",
    ),
    Shape(
        "union_output", "a union of a number and a text", predict("question: str", "value: int | str"),
        says=lambda n, right: {"value": number(n) if (n % 2 == 0) == right else word(n)},
        outputs="value: Union[int, str]",
    ),
    Shape(
        "pydantic", "a nested pydantic model",
        after(
            """
            class Item(BaseModel):
                sku: str
                amount: int
                price: float

            class Order(BaseModel):
                buyer: str
                items: list[Item]
                due: Optional[datetime] = None
            """,
            predict("mail: str", "order: Order"),
        ),
        says=lambda n, right: {
            "order": {
                "buyer": word(n, right),
                "items": [{"sku": word(n + 1, right), "amount": number(n, right), "price": float(number(n, right))}],
                "due": None if not right else f"2026-01-0{n % 9 + 1}T08:00:00",
            }
        },
        asks=lambda _n, text: {"mail": text},
        inputs="mail: str", outputs="order: Order",
        calls_made=60,
    ),
    Shape(
        "model_list", "a list of models with an `Enum`",
        after(
            """
            class Kind(Enum):
                BUG = "bug"
                WISH = "feature wish"

            class Issue(BaseModel):
                title: str
                kind: Kind
            """,
            predict("text: str", "issues: list[Issue]", "dspy.ChainOfThought"),
        ),
        says=lambda n, right: {
            "issues": [{"title": word(n, right), "kind": of(("bug", "feature wish"), n, right)}], "reasoning": "so",
        },
        asks=lambda _n, text: {"text": text},
        inputs="text: str", outputs="issues: list[Issue]",
    ),
    Shape(
        "dataclass", "a data class",
        "@dataclasses.dataclass\nclass Point:\n    x: int\n    name: str\n" + predict("question: str", "point: Point"),
        says=lambda n, right: {"point": {"x": number(n, right), "name": word(n, right)}},
        outputs="point: Point",
    ),
    Shape(
        "only_reasoning", "an only output called `reasoning`", 'build = lambda: dspy.Predict("claim -> reasoning")',
        says=lambda n, right: {"reasoning": word(n, right)},
        asks=lambda _n, text: {"claim": text},
        inputs="claim: str", outputs="reasoning: str",
    ),
    Shape(
        "run_time_signature", "a signature made at run time",
        """
        LABELS = ("invoice", "contract", "letter")

        def build():
            fields = {"text": (str, dspy.InputField()), "label": (Literal[LABELS], dspy.OutputField())}
            return dspy.ChainOfThought(dspy.make_signature(fields, "Sort the paper."))
        """,
        says=lambda n, right: {"label": of(("invoice", "contract", "letter"), n, right), "reasoning": "so"},
        asks=lambda _n, text: {"text": text},
        inputs="text: str", outputs="label: Literal['invoice', 'contract', 'letter']",
    ),
    Shape(
        "history", "`dspy.History`", predict("question: str; history: dspy.History", "answer: str"),
        calls="""
        def arguments(n, text):
            turns = [{"question": f"earlier {i}", "answer": "yes"} for i in range(n % 3)]
            return {"question": text, "history": dspy.History(messages=turns)}
        """,
        inputs="question: str, history: History",
        calls_made=60,
    ),
    Shape(
        "image", "`dspy.Image` in", predict("picture: dspy.Image; hint: str", 'label: Literal["cat", "dog"]'),
        says=lambda n, right: {"label": of(("cat", "dog"), n, right)},
        calls=f"""
        def arguments(n, text):
            return {{"picture": dspy.Image(url="{PNG}"), "hint": text}}
        """,
        inputs="picture: Image, hint: str", outputs="label: Literal['cat', 'dog']",
    ),
    Shape(
        "code", "`dspy.Code` out", predict("question: str", "program: dspy.Code"),
        says=lambda n, right: {"program": f"```python\n{word(n, right)}()\n```"},
        outputs="program: Code",
    ),
    Shape(
        "pydantic_input", "a model, a bool and a date in",
        after(
            """
            class Customer(BaseModel):
                name: str
                since: date
            """,
            predict("customer: Customer; urgent: bool; day: date; text: str", "answer: str"),
        ),
        calls="""
        def arguments(n, text):
            customer = Customer(name=f"Ann {n}", since=date(2020, 1, 2))
            return {"customer": customer, "urgent": n % 2 == 0, "day": date(2026, 1, 1 + n % 28), "text": text}
        """,
        inputs="customer: Customer, urgent: bool, day: date, text: str",
        calls_made=60,
    ),
    Shape(
        "tolerance", "floats within a `tolerance`", predict("question: str", "price: float"),
        says=lambda n, right: {"price": n % 7 + (0.01 if right and n % 2 else 0.0) + (0 if right else 1)},
        outputs="price: float",
        yaml="outputs: {price: {tolerance: 0.05}}",
    ),
    Shape(
        "chinese", "texts without spaces", predict("question: str", "answer: str"),
        says=lambda n, right: {"answer": ("东京是首都", "大阪很大")[n % 2] if right else "错误了"},
    ),
)  # fmt: skip
