"""Any LiteLLM model: a real HTTP client against a local server that speaks OpenAI's protocol."""

import dspy

from teleprompt.lm.build import build_lm
from tests.lm.model_server import KEY, model_server


def test_a_program_runs_on_a_model_behind_an_api_base() -> None:
    with model_server() as server:
        config = server.config(temperature=0.25, max_tokens=50)
        with dspy.context(lm=build_lm(config)):
            assert dspy.Predict("question -> answer")(question="2+2?").answer
        (body,) = server.bodies
        assert (body["model"], body["temperature"]) == ("my-model", 0.25)
        assert server.keys == [f"Bearer {KEY}"]
