"""Two runs of `mlflow.genai.evaluate`, in a process of their own: it leaves its experiment and its threads behind."""

import mlflow
from mlflow.genai import scorer

DATA = [{"inputs": {"question": f"q{i}"}, "expectations": {"answer": str(i)}} for i in range(12)]


@scorer
def right(outputs: str, expectations: dict[str, str]) -> bool:
    return outputs == expectations["answer"]


@scorer
def graded(outputs: str) -> str:
    return "yes" if outputs else "no"


def half(question: str) -> str:
    """Answers half of the questions right, and fails at one."""
    if question == "q1":
        raise ValueError("no answer")
    return question[1:] if int(question[1:]) % 2 else ""


def all_of_them(question: str) -> str:
    return question[1:]


if __name__ == "__main__":
    mlflow.set_experiment("evaluations")
    for program in (half, all_of_them):
        print("run", mlflow.genai.evaluate(data=DATA, predict_fn=program, scorers=[right, graded]).run_id)
