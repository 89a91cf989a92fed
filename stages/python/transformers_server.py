"""Serves one model with `transformers serve`, whose options it takes, behind a check of the API key.

The key comes in by the environment (QUERYLOOM_SERVER_KEY), never by the command line, where other users could read it.
The process ends on TERM or INT, and by itself when the process that started it is gone.
"""

import os
import signal
import sys
import threading
import time


def end_with_parent(parent):
    """Leaves when the process that started this one has died: its id then is no longer our parent's."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(0)


class KeyCheck:
    """Answers 401 to requests without the key; health is told to anybody."""

    def __init__(self, app, key):
        self.app = app
        self.expected = f"Bearer {key}".encode()

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and scope["path"] != "/health":
            if dict(scope["headers"]).get(b"authorization") != self.expected:
                await send({"type": "http.response.start", "status": 401, "headers": [(b"content-length", b"0")]})
                await send({"type": "http.response.body", "body": b""})
                return
        await self.app(scope, receive, send)


def guard(module, key):
    build = module.build_server

    def build_guarded(*arguments, **named):
        app = build(*arguments, **named)
        app.add_middleware(KeyCheck, key=key)
        return app

    module.build_server = build_guarded


def main():
    parent = os.getppid()
    key = os.environ.pop("QUERYLOOM_SERVER_KEY")
    threading.Thread(target=end_with_parent, args=(parent,), daemon=True).start()

    import uvicorn
    from transformers.cli import transformers as cli
    from transformers.cli.serving import server

    guard(server, key)
    # One line for each request would fill the log.
    configure = uvicorn.Config.__init__
    uvicorn.Config.__init__ = lambda *arguments, **named: configure(*arguments, **{**named, "access_log": False})
    # Leaving at once is safe, nothing here is written to disk; the server's own end waits for open connections.
    uvicorn.Server.capture_signals = lambda *_: __import__("contextlib").nullcontext()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: os._exit(0))
    sys.argv[0:1] = ["transformers", "serve"]
    cli.main()


if __name__ == "__main__":
    sys.exit(main())
