"""docs/reference/api.md: every route of the REST API, from its own OpenAPI description."""

import os
from collections.abc import Iterator
from contextlib import redirect_stdout
from http import HTTPStatus
from sys import stderr
from tempfile import TemporaryDirectory
from typing import Any, get_args

from dev.reference.fields import Fields, Schema, choices, one_line, table

INTRODUCTION = """\
# REST API

Made by `make reference` from the API's own OpenAPI description, which a running Airflow serves at
`/teleprompt/api/v1/openapi.json`. [API and pages](../api.md) shows how to log in and use it. Paths below start at
`/teleprompt/api/v1`, and every one asks for Airflow's login.
"""

SHARED = """\
Every route may also answer with one of these, as a [Problem](#problem) (RFC 9457):
"""

OBJECTS = """\
## Objects

What bodies and answers hold. In an answer, what is *needed* is always there.
"""

WITHOUT_PERMISSION = "log in; of programs, only those whose DAG one may read are shown"


def main() -> None:
    """Print the page."""
    with TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = home  # Airflow writes its configuration there as it is imported
        with redirect_stdout(stderr):
            parts = [part.strip("\n") for part in _page()]
    print("\n\n".join(parts))


def _page() -> Iterator[str]:
    from teleprompt_airflow.api.app import create_api

    api = create_api()
    document = api.openapi()
    definitions = document["components"]["schemas"]
    objects = sorted(name for name, definition in definitions.items() if definition.get("properties"))
    fields = Fields(definitions, {name: name for name in objects})
    permissions = {(route.path_format, method): _permission(route) for route in api.routes for method in route.methods}
    yield INTRODUCTION
    yield SHARED
    shared = _shared_answers(document)
    yield table(("status", ""), [(status, HTTPStatus(int(status)).phrase) for status in sorted(shared)])
    for tag in dict.fromkeys(tag for _, _, operation in _operations(document) for tag in operation["tags"]):
        yield f"## Routes: {tag}"
        for path, method, operation in _operations(document):
            if tag in operation["tags"]:
                yield from _operation(path, method, operation, permissions[path, method], fields, shared)
    yield OBJECTS
    for name in objects:
        yield f"### {name}\n\n{one_line(definitions[name])}\n\n{fields.table(definitions[name])}"


def _operations(document: Schema) -> Iterator[tuple[str, str, Any]]:
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            yield path, method.upper(), operation


def _shared_answers(document: Schema) -> set[str]:
    return set.intersection(*(set(operation["responses"]) for _, _, operation in _operations(document))) - {"200"}


def _operation(
    path: str, method: str, operation: Any, permission: str, fields: Fields, shared: set[str]
) -> Iterator[str]:
    yield f"### {method} {path}"
    yield f"{operation['description']}\n\nPermission: {permission}."
    parameters = [
        (
            f"`{parameter['name']}`",
            parameter["in"],
            fields.type_of(parameter["schema"]),
            "needed" if parameter.get("required") else f"`{parameter['schema'].get('default')}`".replace("`None`", ""),
            parameter.get("description", ""),
        )
        for parameter in operation.get("parameters", ())
    ]
    if parameters:
        yield table(("parameter", "in", "type", "default", "meaning"), parameters)
    if "requestBody" in operation:
        yield f"Body: {_content(operation['requestBody'], fields)}."
    answers = [(status, answer) for status, answer in operation["responses"].items() if status not in shared]
    yield table(("answer", ""), [(status, _answer(answer, fields)) for status, answer in sorted(answers)])


def _answer(answer: Schema, fields: Fields) -> str:
    linked = any(fields.section_of(choice) for content in answer.get("content", {}).values()
                 for choice in choices(content.get("schema", {})))  # fmt: skip
    return _content(answer, fields) if linked else str(answer["description"])


def _content(body: Schema, fields: Fields) -> str:
    return " or ".join(
        fields.type_of(content.get("schema", {})) + ("" if kind == "application/json" else f" (`{kind}`)")
        for kind, content in body["content"].items()
    )


def _permission(route: Any) -> str:
    """What one has to be allowed, as far as the route says it before it runs."""
    from teleprompt_airflow.api import access

    words = {
        access.ReadProgram: "read the program's DAG",
        access.ReadRuns: "read the runs of the program's DAG",
        access.StartRuns: "start runs of the program's DAG",
        access.ChangeRuns: "change runs of the program's DAG",
        access.ChangeProgram: "change the program's DAG",
    }
    by_call = {get_args(annotated)[1].dependency: text for annotated, text in words.items()}
    calls = [dependency.call for dependency in route.dependant.dependencies]
    return next((by_call[call] for call in calls if call in by_call), WITHOUT_PERMISSION)


if __name__ == "__main__":
    main()
