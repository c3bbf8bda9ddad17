"""A server on this machine that has some files, and misbehaves as a test says."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Server:
    """The files by path, and what to do. requests: what was asked, with the fields.

    answers: for a path, a function that writes an answer of its own. breaks: the bytes after which each connection
    breaks, one after the other.
    """

    def __init__(self):
        self.files, self.answers, self.fields, self.breaks = {}, {}, {}, []
        self.requests = []
        self.ranges = self.says_size = True

    def handle(self, request):
        self.requests.append((request.path, dict(request.headers)))
        path = request.path.partition("?")[0]
        if path in self.answers:
            self.answers[path](request)
            return
        if path not in self.files:
            request.send_error(404)
            return
        self.send(request, self.files[path])

    def send(self, request, data):
        """Answer with a file, or the part of it that was asked for."""
        begin, end = 0, len(data)
        asked = request.headers.get("Range")
        current = request.headers.get("If-Range") in (None, self.fields.get("ETag"), self.fields.get("Last-Modified"))
        partial = self.ranges and asked is not None and current
        if partial:
            first, _, last = asked.removeprefix("bytes=").partition("-")
            begin, end = int(first), min(len(data), int(last or len(data)) + 1)
            if begin >= len(data):
                request.send_error(416)
                return
        request.send_response(206 if partial else 200)
        if partial:
            request.send_header("Content-Range", f"bytes {begin}-{end - 1}/{len(data)}")
        if self.says_size:
            request.send_header("Content-Length", str(end - begin))
        for name, value in self.fields.items():
            request.send_header(name, value)
        request.end_headers()
        is_start = asked is not None and not asked.endswith("-")
        most = self.breaks.pop(0) if self.breaks and not is_start else end - begin
        request.wfile.write(data[begin : begin + most][: end - begin])

    def redirect(self, path, target, code=302, **fields):
        """Answer a path with a redirect."""

        def answer(request):
            request.send_response(code)
            for name, value in {"Location": target, "Content-Length": "0", **fields}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()

        self.answers[path] = answer

    def refuse(self, path, code, **fields):
        """Answer a path with an error."""

        def answer(request):
            request.send_response(code)
            for name, value in {"Content-Length": "0", **fields}.items():
                request.send_header(name.replace("_", "-"), value)
            request.end_headers()

        self.answers[path] = answer

    def add_repository(self, name, data):
        """Be Hugging Face with one repository, whose model is stored elsewhere: say its size, hash and revision."""
        self.files[f"/api/models/{name}/revision/main"] = b'{"siblings": [{"rfilename": "model.safetensors"}]}'
        self.files[f"/cdn/{name}"] = data
        fields = {"X_Linked_Etag": f'"{hashlib.sha256(data).hexdigest()}"', "X_Linked_Size": str(len(data))}
        path = f"/{name}/resolve/main/model.safetensors"
        self.redirect(path, f"/cdn/{name}", **fields, X_Repo_Commit="c0ffee")


@contextmanager
def serving() -> Iterator[Server]:
    """A server in a thread; `url` is its address."""
    known = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            known.handle(self)

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        http.daemon_threads = True
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        known.url = f"http://127.0.0.1:{http.server_port}"
        yield known
        http.shutdown()
        thread.join()
