"""Modules of several predictors, and DSPy's own modules."""

from tests.shapes.shape import Shape, module, number, of, predict, signature, word

LOOK_UP = '''
NOTES = ["oak", "pine", "elm", "ash"]

def look_up(query: str) -> str:
    """Look it up."""
    n = int(re.search(r"\\d+", query)[0])
    return NOTES[n % 4]
'''
LEVELS = ("low", "high")

COMPOSED = (
    Shape(
        "rag", "RAG: `forward` retrieves",
        LOOK_UP + module(
            'self.respond = dspy.ChainOfThought("context: list[str], question -> response")',
            """
            def forward(self, question):
                return self.respond(context=[look_up(question)], question=question)
            """,
        ),
        says=lambda n, right: {"response": word(n, right)},
        outputs="response: str",
        calls_made=60,
    ),
    Shape(
        "rag_with_context", "RAG that returns its context, too",
        LOOK_UP + module(
            'self.respond = dspy.ChainOfThought("context: list[str], question -> response")',
            """
            def forward(self, question, k=2):
                context = [look_up(question)] * k
                out = self.respond(context=context, question=question)
                return dspy.Prediction(context=context, answer=out.response)
            """,
        ),
        says=lambda n, right: {"response": word(n, right)},
        inputs="question: str, k?: Any", collected="question: str, k?: Any -> answer: str",
    ),
    Shape(
        "multi_hop", "multi-hop search",
        LOOK_UP + module(
            """
            self.hops = 2
            self.generate_query = dspy.ChainOfThought("claim, notes -> query")
            self.append_notes = dspy.ChainOfThought("claim, notes, context -> new_notes: list[str], titles: list[str]")
            """,
            """
            def forward(self, claim: str) -> dspy.Prediction:
                notes, titles = [], []
                for _ in range(self.hops):
                    query = self.generate_query(claim=claim, notes=notes).query
                    found = self.append_notes(claim=claim, notes=notes, context=look_up(query))
                    notes.extend(found.new_notes)
                    titles.extend(found.titles)
                return dspy.Prediction(notes=notes, titles=list(dict.fromkeys(titles)))
            """,
        ),
        says=lambda n, right: {"query": f"case-{n}", "new_notes": ["seen"], "titles": [word(n, right)]},
        asks=lambda _n, text: {"claim": text},
        inputs="claim: str", outputs="titles: Any",
    ),
    Shape(
        "react", "`dspy.ReAct` with a tool",
        LOOK_UP + signature("request: str", "result: str") + "\nbuild = lambda: dspy.ReAct(Task, [look_up], 3)",
        says=lambda n, right: {"result": word(n, right)},
        asks=lambda _n, text: {"request": text},
        inputs="request: str", outputs="result: str",
        calls_made=60,
    ),
    Shape(
        "fan_out", "three predictors, one `Prediction`",
        module(
            """
            self.urgency = dspy.Predict('message -> urgency: Literal["low", "high"]')
            self.mood = dspy.ChainOfThought("message -> mood")
            self.tags = dspy.Predict("message -> tags: list[str]")
            """,
            """
            def forward(self, message):
                return dspy.Prediction(
                    urgency=self.urgency(message=message).urgency,
                    sentiment=self.mood(message=message).mood,
                    categories=self.tags(message=message).tags,
                )
            """,
        ),
        says=lambda n, right: {"urgency": of(LEVELS, n, right), "mood": word(n, right), "tags": [word(n + 1, right)]},
        asks=lambda _n, text: {"message": text},
        inputs="message: str",
        outputs="urgency: Literal['low', 'high'], sentiment: str, categories: list[str]",
    ),
    Shape(
        "returns_dict", "`forward` returns a dictionary",
        module(
            'self.ask = dspy.Predict("question -> answer")',
            """
            def forward(self, question):
                out = self.ask(question=question)
                return {"answer": out.answer, "length": len(out.answer)}
            """,
        ),
        outputs="answer: str, length: Any",
        says=lambda n, right: {"answer": word(n) if right else "none"},
    ),
    Shape(
        "returns_model", "`forward` returns a pydantic model",
        "class Verdict(BaseModel):\n    label: str\n    score: int\n" + module(
            'self.ask = dspy.Predict("question -> label, score: int")',
            """
            def forward(self, question: str) -> Verdict:
                out = self.ask(question=question)
                return Verdict(label=out.label, score=out.score)
            """,
        ),
        says=lambda n, right: {"label": word(n, right), "score": number(n, right)},
        outputs="label: str, score: int",
    ),
    Shape(
        "returns_text", "`forward` returns a text",
        module(
            'self.ask = dspy.Predict("question -> answer")',
            """
            def forward(self, question: str) -> str:
                return self.ask(question=question).answer
            """,
        ),
        outputs="output: str",
    ),
    Shape(
        "renamed", "renamed, defaulted and further arguments",
        module(
            'self.summarise = dspy.Predict("document, language -> summary")',
            """
            def forward(self, text: str, lang: str = "English", **kwargs):
                return self.summarise(document=text, language=lang)
            """,
        ),
        says=lambda n, right: {"summary": word(n, right)},
        asks=lambda n, text: {"text": text, "lang": "German"} if n % 2 else {"text": text},
        inputs="text: str, lang?: str", outputs="summary: str",
    ),
    Shape(
        "optional_input", "an optional input that half of the calls leave out",
        module(
            'self.ask = dspy.Predict("question, locale: Optional[str] -> answer")',
            """
            def forward(self, question, locale: Optional[str] = None):
                return self.ask(question=question, locale=locale)
            """,
        ),
        asks=lambda n, text: {"question": text, "locale": ("de", "123", None)[n % 3]} if n % 2 else {"question": text},
        inputs="question: str, locale?: Union[str, NoneType]",
    ),
    Shape(
        "flag", "a bool that `forward` checks",
        module(
            'self.ask = dspy.Predict("question, strict: bool -> answer")',
            """
            def forward(self, question, strict=False):
                if not isinstance(strict, bool):
                    raise TypeError(type(strict).__name__)
                return self.ask(question=question, strict=strict)
            """,
        ),
        asks=lambda n, text: {"question": text, "strict": n % 2 == 0},
        inputs="question: str, strict?: bool",
    ),
    Shape(
        "kwargs_only", "`forward(**kwargs)` that hands all on",
        module(
            'self.ask = dspy.ChainOfThought("question -> answer")',
            """
            def forward(self, **kwargs):
                return self.ask(**kwargs)
            """,
        ),
    ),
    Shape(
        "kwargs_of_nobody", "`forward(**kwargs)` whose names only calls know",
        module(
            'self.ask = dspy.Predict("text -> answer")',
            """
            def forward(self, **kwargs):
                out = self.ask(text=" ".join(kwargs.values()))
                return dspy.Prediction(**out)
            """,
        ),
        asks=lambda _n, text: {"subject": "parcel", "body": text},
        inputs="", outputs="", collected="body: Any, subject: Any -> answer: str",
    ),
    Shape(
        "async_only", "only `aforward`",
        module(
            'self.reply = dspy.Predict("message -> reply")',
            """
            async def aforward(self, message):
                return await self.reply.acall(message=message)
            """,
        ),
        says=lambda n, right: {"reply": word(n, right)},
        asks=lambda _n, text: {"message": text},
        inputs="message: str", outputs="reply: str",
    ),
    Shape(
        "best_of_n", "`BestOfN` in a module",
        module(
            """
            self.ask = dspy.Predict("question -> answer")
            self.best = dspy.BestOfN(self.ask, N=2, reward_fn=lambda args, out: 1.0, threshold=1.0)
            """,
            """
            def forward(self, question):
                return self.best(question=question)
            """,
        ),
    ),
    Shape(
        "refine", "`dspy.Refine` around a module",
        """
        def short(args, prediction):
            return float(len(prediction.answer.split()) <= 3)

        def build():
            return dspy.Refine(dspy.ChainOfThought("question -> answer"), N=2, reward_fn=short, threshold=1.0)
        """,
    ),
    Shape(
        "majority", "the majority of several completions",
        module(
            'self.ask = dspy.ChainOfThought("question -> answer", n=3)',
            """
            def forward(self, question):
                return dspy.majority(self.ask(question=question).completions, field="answer")
            """,
        ),
        outputs="", collected="question: str -> answer: str",
    ),
    Shape(
        "multi_chain", "`MultiChainComparison`",
        module(
            """
            self.ask = dspy.ChainOfThought("question -> answer", n=2)
            self.compare = dspy.MultiChainComparison("question -> answer", M=2)
            """,
            """
            def forward(self, question):
                out = self.ask(question=question)
                told = zip(out.completions.reasoning, out.completions.answer)
                attempts = [dict(reasoning=reasoning, answer=answer) for reasoning, answer in told]
                return self.compare(attempts, question=question)
            """,
        ),
        says=lambda n, right: {"answer": word(n, right), "reasoning": "so", "rationale": "so"},
    ),
    Shape(
        "parallel", "`dspy.Parallel` inside",
        module(
            """
            self.left = dspy.Predict("text -> left")
            self.right = dspy.Predict("text -> right")
            """,
            """
            def forward(self, text):
                run = dspy.Parallel(num_threads=2, disable_progress_bar=True)
                one, other = run([(self.left, {"text": text}), (self.right, {"text": text})])
                return dspy.Prediction(left=one.left, right=other.right)
            """,
        ),
        says=lambda n, right: {"left": word(n, right), "right": word(n + 1, right)},
        asks=lambda _n, text: {"text": text},
        inputs="text: str", outputs="left: str, right: str",
    ),
    Shape(
        "nested_modules", "modules in modules, with constructor arguments",
        """
        class Draft(dspy.Module):
            def __init__(self, signature, n):
                super().__init__()
                self.steps = [dspy.ChainOfThought(signature) for _ in range(n)]

            def forward(self, topic):
                for step in self.steps:
                    out = step(topic=topic)
                return out

        class Writer(dspy.Module):
            def __init__(self, n=2):
                super().__init__()
                self.draft = Draft("topic -> draft", n)
                self.polish = dspy.Predict("topic, draft -> article")

            def forward(self, topic):
                return self.polish(topic=topic, draft=self.draft(topic=topic).draft)

        build = Writer
        """,
        says=lambda n, right: {"draft": "draft", "article": word(n, right)},
        asks=lambda _n, text: {"topic": text},
        inputs="topic: str", outputs="article: str",
    ),
    Shape(
        "frozen_stage", "a frozen stage, and the answering predictor first",
        module(
            """
            self.answer = dspy.Predict("question, notes -> answer")
            self.look = dspy.ChainOfThought("question -> notes")
            self.look._compiled = True
            """,
            """
            def forward(self, question):
                notes = self.look(question=question).notes
                return self.answer(question=question, notes=notes)
            """,
        ),
        says=lambda n, right: {"answer": word(n, right), "notes": "noted"},
    ),
    Shape(
        "json_adapter", "a JSON adapter inside",
        module(
            """self.route = dspy.Predict("request -> team: Literal['sales', 'support'], score: int")""",
            """
            def forward(self, request):
                with dspy.context(adapter=dspy.JSONAdapter()):
                    return self.route(request=request)
            """,
        ),
        says=lambda n, right: {"team": of(("sales", "support"), n, right), "score": number(n, right)},
        asks=lambda _n, text: {"request": text},
        inputs="request: str", outputs="team: Literal['sales', 'support'], score: int",
    ),
    Shape(
        "xml_adapter", "an XML adapter inside",
        module(
            'self.ask = dspy.Predict("question -> answer")',
            """
            def forward(self, question):
                with dspy.context(adapter=dspy.XMLAdapter()):
                    return self.ask(question=question)
            """,
        ),
    ),
    Shape(
        "tool_calls", "tools that the module holds, `ToolCalls` out",
        LOOK_UP + signature("question: str; tools: list[dspy.Tool]", "outputs: dspy.ToolCalls") + module(
            """
            self.tools = [dspy.Tool(look_up)]
            self.pick = dspy.Predict(Task)
            """,
            """
            def forward(self, question):
                return self.pick(question=question, tools=self.tools)
            """,
        ),
        says=lambda n, right: {"outputs": {"tool_calls": [{"name": word(n, right), "args": {"q": word(n, right)}}]}},
        outputs="outputs: ToolCalls",
    ),
    Shape(
        "retry", "a check that asks once more",
        module(
            'self.ask = dspy.Predict("question, hint -> answer")',
            """
            def forward(self, question, hint=""):
                out = self.ask(question=question, hint=hint or "none")
                if len(out.answer.split()) > 5:
                    out = self.ask(question=question, hint="shorter")
                return out
            """,
        ),
        inputs="question: str, hint?: str",
    ),
    Shape(
        "late_predictor", "a predictor made inside `forward`, beside one that is not",
        module(
            'self.ask = dspy.Predict("question -> answer")',
            """
            def forward(self, question):
                kind = dspy.Predict("question -> kind")(question=question).kind
                return self.ask(question=f"{kind}: {question}")
            """,
        ),
        says=lambda n, right: {"answer": word(n, right), "kind": "plain"},
    ),
    Shape(
        "declared_outputs", "outputs that the program file declares",
        module(
            'self.ask = dspy.Predict("question -> answer, notes")',
            """
            def forward(self, question):
                return make(self.ask(question=question))
            """,
        ) + "\n\ndef make(out):\n    return dspy.Prediction(label=out.answer, notes=out.notes)\n",
        says=lambda n, right: {"answer": word(n, right), "notes": f"noted {n}"},
        outputs="label: str",
        yaml="outputs: {label: str}",
    ),
    Shape(
        "stage_by_itself", "one predictor that answers two stages",
        module(
            'self.step = dspy.ChainOfThought("text, task -> result")',
            """
            def forward(self, text):
                plan = self.step(text=text, task="plan").result
                return self.step(text=text, task=plan)
            """,
        ),
        says=lambda n, right: {"result": word(n, right), "reasoning": "so"},
        asks=lambda _n, text: {"text": text},
        inputs="text: str", outputs="result: str",
    ),
)  # fmt: skip

WORSE = (
    Shape(
        "worse_floats", "a candidate that unlearns whole numbers",
        'build = lambda: dspy.ChainOfThought("question -> grade: float")',
        says=lambda n, right: {"grade": n % 5 / 2 + (0 if right else 10), "reasoning": "so"},
        knows=lambda n: n % 5 % 2 == 0 or n % 3 == 0,
        taught=lambda n: ({"grade": n % 5 / 2 if n % 5 % 2 else n % 5 / 2 + 0.5, "reasoning": "so"}, float(n % 5 % 2)),
        outputs="grade: float",
        verdict="reject",
        calls_made=200,
    ),
    Shape(
        "worse_fan", "a candidate that learns one output of three and unlearns two",
        module(
            """
            self.urgency = dspy.Predict('message -> urgency: Literal["low", "high"]')
            self.sentiment = dspy.Predict("message -> sentiment")
            self.categories = dspy.Predict("message -> categories: list[str]")
            """,
            """
            def forward(self, message):
                urgency = self.urgency(message=message).urgency
                sentiment = self.sentiment(message=message).sentiment
                categories = self.categories(message=message).categories
                return dspy.Prediction(urgency=urgency, sentiment=sentiment, categories=categories)
            """,
        ),
        says=lambda n, right: {"urgency": of(LEVELS, n), "sentiment": word(n), "categories": [word(n + 1, right)]},
        wrong_scores=2 / 3,
        taught=lambda n: (
            {"urgency": of(LEVELS, n, False), "sentiment": word(n, False), "categories": [word(n + 1)]}, 1 / 3,
        ),
        asks=lambda _n, text: {"message": text},
        inputs="message: str",
        outputs="urgency: Literal['low', 'high'], sentiment: str, categories: list[str]",
        verdict="reject",
    ),
)  # fmt: skip
"""Version 0.1 promoted them."""

REFUSED = (
    Shape(
        "tool_input", "a live tool as an argument",
        LOOK_UP + predict("question: str; tools: list[dspy.Tool]", "answer: str"),
        refused="`tools` is a live object",
    ),
    Shape(
        "no_predictor", "all predictors made inside `forward`",
        module(
            "self.n = 1",
            """
            def forward(self, question):
                return dspy.Predict("question -> answer")(question=question)
            """,
        ),
        refused="make its predictors in `__init__`",
    ),
    Shape(
        "program_of_thought", "`ProgramOfThought` without Deno",
        'build = lambda: dspy.ProgramOfThought("question -> answer")',
        refused="add `dspy[deno]` to requirements.txt",
    ),
    Shape(
        "sibling", "a module beside the program file",
        "from shapes_shared import Ask\n\nbuild = lambda: dspy.Predict(Ask)\n",
        extra={"shapes_shared.py": "Ask = 'question -> answer'\n"},
    ),
    Shape(
        "twice_one_name", "an input and an output of one name",
        module(
            'self.ask = dspy.Predict("text -> text_out")',
            """
            def forward(self, text):
                return {"text": self.ask(text=text).text_out}
            """,
        ),
        refused="both called `text`",
    ),
)  # fmt: skip
