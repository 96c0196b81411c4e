"""A tracking server's REST API (https://mlflow.org/docs/latest/rest-api.html), some requests at a time.

Building an answer is the server's work; what MLflow's client adds to it (protobuf, entities) is as much again. Here
JSON is read as it is.
"""

from typing import Any

from teleprompt.errors import TelepromptError

REQUESTS_AT_A_TIME = 3
ONE_EACH = {"Connection": "close"}
"""A connection stays with one of the server's workers, two maybe with the same; a new one goes to a free worker."""


class UnknownEndpointError(TelepromptError):
    """The server is older than the endpoint, or is not MLflow's."""

    def __init__(self, endpoint: str) -> None:
        super().__init__(
            f"The tracking server has no {endpoint}; correct the tracking URI, or use a newer MLflow there."
        )


class RestApi:
    """Asks one tracking server, with the credentials that MLflow's client would use."""

    def __init__(self, tracking_uri: str) -> None:
        from mlflow.utils.credentials import get_default_host_creds

        self._credentials = get_default_host_creds(tracking_uri)

    def ask(self, method: str, endpoint: str, **request: Any) -> Any:
        """The answer, as JSON; `request` is what `requests` takes.

        Raises:
            UnknownEndpointError: the server has no such endpoint.
            MlflowException: what MLflow's client would raise.
        """
        import orjson
        from mlflow.utils.rest_utils import http_request, verify_rest_response

        answer = http_request(self._credentials, endpoint, method, extra_headers=ONE_EACH, **request)
        if answer.status_code in {404, 405}:  # an older one takes the last word for the id of a trace
            raise UnknownEndpointError(endpoint)
        if answer.status_code != 200:
            verify_rest_response(answer, endpoint)
        try:
            return orjson.loads(answer.content)
        except ValueError:  # half of a surrogate pair, or no JSON at all
            return answer.json()
