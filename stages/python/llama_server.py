"""Serves one GGUF model with llama.cpp's own HTTP server (package xllamacpp) on the loopback interface.

The API key comes in by the environment (LLAMA_API_KEY), never by the command line, where other users could read it.
The process ends on TERM or INT, and by itself when the process that started it is gone.
"""

import argparse
import os
import signal
import sys
import threading
import time

CACHE_TYPES = ("f32", "f16", "bf16", "q8_0", "q5_1", "q5_0", "q4_1", "q4_0", "iq4_nl")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", required=True)
    parser.add_argument("--alias", help="name that answers carry")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--parallel", type=int, default=1)
    parser.add_argument("--ctx-size", type=int, default=2048, help="tokens of all slots together")
    parser.add_argument("--threads", type=int, default=-1)
    parser.add_argument("--batch-size", type=int)
    parser.add_argument("--ubatch-size", type=int)
    parser.add_argument("--gpu-layers", type=int)
    parser.add_argument("--cache-type-k", choices=CACHE_TYPES)
    parser.add_argument("--cache-type-v", choices=CACHE_TYPES)
    parser.add_argument("--flash-attn", choices=("on", "off", "auto"))
    parser.add_argument("--chat-template")
    return parser.parse_args()


def parameters(arguments):
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = arguments.model
    if arguments.alias is not None:
        params.model_alias = {arguments.alias}
    params.hostnames = [arguments.host]
    params.port = arguments.port
    params.api_keys = [os.environ["LLAMA_API_KEY"]]
    params.n_parallel = arguments.parallel
    params.n_ctx = arguments.ctx_size
    params.cpuparams.n_threads = arguments.threads
    params.cpuparams_batch.n_threads = arguments.threads
    # Prompts saved in memory slow a long run down: each request is compared with all of them, and they only grow.
    params.cache_ram_mib = 0
    params.ui = False
    # Warnings and errors; at the default each request writes several lines.
    params.verbosity = 2
    # Waiting threads sleep: on a machine that does other work too, threads that poll take turns from those that compute.
    params.cpuparams.poll = 0
    params.cpuparams_batch.poll = 0
    # Adjusting sizes to the free memory would make answers depend on the machine's load.
    params.fit_params = False
    if arguments.batch_size is not None:
        params.n_batch = arguments.batch_size
    if arguments.ubatch_size is not None:
        params.n_ubatch = arguments.ubatch_size
    if arguments.gpu_layers is not None:
        params.n_gpu_layers = arguments.gpu_layers
    for name in ("cache_type_k", "cache_type_v"):
        value = getattr(arguments, name)
        if value is not None:
            setattr(params, name, getattr(xllamacpp.ggml_type, f"GGML_TYPE_{value.upper()}"))
    if arguments.flash_attn is not None:
        kind = {"on": "ENABLED", "off": "DISABLED", "auto": "AUTO"}[arguments.flash_attn]
        params.flash_attn_type = getattr(xllamacpp.llama_flash_attn_type, f"LLAMA_FLASH_ATTN_TYPE_{kind}")
    if arguments.chat_template is not None:
        params.chat_template = arguments.chat_template
    return params


def end_with_parent(parent):
    """Leaves when the process that started this one has died: its id then is no longer our parent's."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


def main():
    parent = os.getppid()
    arguments = parse_arguments()
    # Leaving at once is safe, nothing here is written to disk; the server's own end can wait for open connections.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()

    import xllamacpp

    print(f"llama_server: xllamacpp {xllamacpp.__version__}, {arguments.parallel} slots, loading", flush=True)
    try:
        server = xllamacpp.Server(parameters(arguments))
    except RuntimeError as error:
        print(f"llama_server: {error}", flush=True)
        # The server's own threads may be waiting for one another.
        os._exit(1)
    print(f"llama_server: ready at {server.listening_address}", flush=True)
    while True:
        signal.pause() if hasattr(signal, "pause") else time.sleep(3600)


if __name__ == "__main__":
    sys.exit(main())
