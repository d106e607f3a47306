"""Lines into moto's CloudWatch Logs as they come."""

import sys
import threading
import time

from botocore.exceptions import BotoCoreError, ClientError

LINE_LIMIT = 250_000  # an event may have 256 KiB
BATCH = 1_000
EVERY_S = 0.25


class LogStream:
    """Write bytes with `feed`; whole lines appear in the stream within a quarter of a second."""

    def __init__(self, place, group, stream, path=None, on_line=None):
        self.place, self.group, self.stream = place, group, stream
        self.file = open(path, "ab") if path else None  # noqa: SIM115 (closed in close)
        self.on_line, self.made = on_line, False
        self.partial, self.events = b"", []
        self.lock, self.more, self.closing = threading.Lock(), threading.Event(), False
        self.writer = threading.Thread(target=self._write_on, daemon=True)
        self.writer.start()

    def feed(self, data):
        if self.file:
            self.file.write(data)
            self.file.flush()
        *lines, self.partial = (self.partial + data).split(b"\n")
        if len(self.partial) > LINE_LIMIT:
            lines, self.partial = [*lines, self.partial], b""
        for line in lines:
            self._line(line)

    def _line(self, line):
        text, at = line.decode("utf-8", "replace"), round(time.time() * 1000)
        with self.lock:
            for start in range(0, max(1, len(text)), LINE_LIMIT // 4):
                self.events.append({"timestamp": at, "message": text[start : start + LINE_LIMIT // 4] or " "})
        if self.on_line:
            self.on_line(text)
        self.more.set()

    def close(self):
        """Returns when the last line is in the stream."""
        if self.partial:
            self._line(self.partial)
            self.partial = b""
        self.closing = True
        self.more.set()
        self.writer.join(30)
        if self.file:
            self.file.close()

    def _write_on(self):
        while True:
            self.more.wait()
            self.more.clear()
            while self.events:
                with self.lock:
                    batch, self.events = self.events[:BATCH], self.events[BATCH:]
                try:
                    self._put(batch)
                except (ClientError, BotoCoreError) as error:
                    print("log %s: %s" % (self.stream, error), file=sys.stderr, flush=True)
            if self.closing and not self.events:
                return
            if not self.closing:
                time.sleep(EVERY_S)  # so that a chatty script makes few calls

    def _put(self, batch):
        client = self.place.client("logs")
        if not self.made:
            for make, arguments in (
                (client.create_log_group, {"logGroupName": self.group}),
                (client.create_log_stream, {"logGroupName": self.group, "logStreamName": self.stream}),
            ):
                try:
                    make(**arguments)
                except client.exceptions.ResourceAlreadyExistsException:
                    pass
            self.made = True
        client.put_log_events(logGroupName=self.group, logStreamName=self.stream, logEvents=batch)
