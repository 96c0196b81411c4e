"""Ways to ask a language model that are not DSPy's."""

CLIENTS = frozenset({
    "openai", "litellm", "anthropic", "instructor", "langchain", "langchain_openai", "langchain_anthropic",
    "llama_index", "pydantic_ai", "guidance", "outlines", "haystack", "smolagents", "agents", "autogen",
})  # fmt: skip
"""Packages by which a program may ask a model without DSPy."""

VARIABLES = ("OPENAI_", "ANTHROPIC_")
"""What a program that asks one by HTTP alone reads from the environment begins so."""
