"""Events for the process that started this one: JSON Lines in a file of their own, since libraries print what they like."""

import json
import sys
from pathlib import Path


class Refusal(Exception):
    """Something that people can mend: what is wrong, and what to do about it."""

    def __init__(self, message: str, advice: str | None = None):
        super().__init__(message)
        self.advice = advice


class Events:
    """Appends one line an event; a line is whole when its newline is there."""

    def __init__(self, path: str | Path):
        self.file = open(path, "a", encoding="utf-8", buffering=1)  # noqa: SIM115

    def say(self, event: str, **facts) -> None:
        self.file.write(json.dumps({"event": event, **facts}) + "\n")


def run_with_events(path: str | Path, work) -> None:
    """Calls `work(events)`; what people can mend becomes an event of its own and exit status 3, all else a traceback."""
    events = Events(path)
    try:
        work(events)
    except Refusal as refusal:
        events.say("refused", message=str(refusal), **({"advice": refusal.advice} if refusal.advice else {}))
        print(f"refused: {refusal}", file=sys.stderr, flush=True)
        sys.exit(3)
