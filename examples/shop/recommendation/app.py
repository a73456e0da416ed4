"""The recommendation service: "bought together", learnt from the event order.confirmed.

GET  /api/recommendations?product=ID[&limit=1..20]
POST /events/order-confirmed {"order": {"items": [{"product_id"}]}}
GET  /healthz

Needs Python 3.9 or later and nothing else. Listens on $HOST:$PORT and keeps its database at $DATABASE_PATH.
"""

import datetime
import http
import json
import os
import signal
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from store import Store

LARGEST_BODY = 1 << 20
MOST_PRODUCTS = 200
DRAIN_SECONDS = 10


class Problem(Exception):
    """An RFC 9457 problem to answer with."""

    def __init__(self, status, code, detail):
        super().__init__(detail)
        self.status, self.code, self.detail = status, code, detail


def log(message, level="INFO", **values):
    record = {"time": datetime.datetime.now(datetime.timezone.utc).isoformat(), "level": level, "msg": message}
    sys.stdout.write(json.dumps({**record, "service": "recommendation", **values}) + "\n")
    sys.stdout.flush()


class Server(ThreadingHTTPServer):
    """Serves a store, a thread for each connection, and knows how many requests it has begun."""

    request_queue_size = 128
    daemon_threads = True  # threads that only wait on an idle connection must not hold up the end

    def __init__(self, address, store):
        super().__init__(address, Handler)
        self.store = store
        self.stopping = False
        self._running = 0
        self._changed = threading.Condition()

    def begin(self, change):
        with self._changed:
            self._running += change
            self._changed.notify_all()

    def handle_error(self, request, client_address):
        error = sys.exc_info()[1]
        if not isinstance(error, ConnectionError):  # a client that went away is its own affair
            log("connection failed", level="ERROR", error=repr(error))

    def drain(self):
        """Accepts nothing new and waits for what is running. Call it from another thread than serve_forever's."""
        self.stopping = True
        self.shutdown()
        self.server_close()
        with self._changed:
            self._changed.wait_for(lambda: self._running == 0, DRAIN_SECONDS)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 120  # for an idle connection: longer than the pools of those who call
    wbufsize = -1  # head and body leave together; two small writes would wait for each other's acknowledgement
    disable_nagle_algorithm = True

    def do_GET(self):
        self._handle({"/healthz": self._health, "/api/recommendations": self._recommend})

    def do_POST(self):
        self._handle({"/events/order-confirmed": self._confirmed})

    def _handle(self, routes):
        start = time.monotonic()
        self.server.begin(+1)
        try:
            url = urllib.parse.urlsplit(self.path)
            status, body = self._outcome(routes.get(url.path), urllib.parse.parse_qs(url.query))
            self._write(status, body)
            if url.path != "/healthz":
                ids = {"request_id": self.headers.get("X-Request-Id"), "trace_id": self.headers.get("traceparent", "")[3:35]}
                log("request", method=self.command, path=url.path, status=status,
                    ms=round((time.monotonic() - start) * 1000, 3), **{name: value for name, value in ids.items() if value})
        finally:
            self.server.begin(-1)

    def _outcome(self, route, query):
        try:
            body = self._read()  # even where it is not used: the next request on this connection begins behind it
            if route is None:
                raise Problem(404, "not-found", f"There is no {self.command} at this path.")
            return route(query, body)
        except Problem as problem:
            title = http.HTTPStatus(problem.status).phrase
            return problem.status, {"type": "about:blank", "title": title, "status": problem.status,
                                    "detail": problem.detail, "code": problem.code}
        except ConnectionError:
            raise
        except Exception as error:
            log("failed", level="ERROR", path=self.path, error=repr(error))
            return 500, {"type": "about:blank", "title": "Internal Server Error", "status": 500,
                         "detail": "Something went wrong in recommendation.", "code": "internal"}

    def _read(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            return self._read_chunks()
        length = self.headers.get("Content-Length", "0")
        if not length.isdigit():
            self._refuse(400, "bad-length", "Content-Length is not a number.")
        if int(length) > LARGEST_BODY:
            self._refuse(413, "too-large", "The body is too large.")
        return self.rfile.read(int(length))

    def _read_chunks(self):
        body = b""
        while True:
            try:
                size = int(self.rfile.readline(100).split(b";")[0], 16)
            except ValueError:
                self._refuse(400, "bad-chunk", "The body's chunks are malformed.")
            if not 0 <= size <= LARGEST_BODY - len(body):
                self._refuse(413, "too-large", "The body is too large.")
            body += self.rfile.read(size)
            line = self.rfile.readline(8192)
            if size == 0:
                while line not in (b"\r\n", b"\n", b""):  # trailers
                    line = self.rfile.readline(8192)
                return body

    def _refuse(self, status, code, detail):
        self.close_connection = True  # the rest of the body is still in the way
        raise Problem(status, code, detail)

    def _write(self, status, body):
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json" if status < 400 else "application/problem+json")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection or self.server.stopping:
            self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        self.wfile.flush()

    def log_message(self, *_):
        """http.server's own log lines: _handle writes the record."""

    def _health(self, _query, _body):
        return 200, {"status": "ok"}

    def _recommend(self, query, _body):
        product = query.get("product", [""])[0]
        if not product:
            raise Problem(422, "invalid", "Say which product: ?product=ID.")
        limit = query.get("limit", ["4"])[0]
        if not limit.isdigit() or not 1 <= int(limit) <= 20:
            raise Problem(422, "invalid", "limit is a number from 1 to 20.")
        items = self.server.store.recommend(product, int(limit))
        return 200, {"items": [{"product_id": other, "score": score} for other, score in items]}

    def _confirmed(self, _query, body):
        delivery = self.headers.get("Banyan-Delivery")
        if not delivery:
            raise Problem(422, "invalid", "Banyan-Delivery is missing: this path takes events.")
        try:
            products = [item["product_id"] for item in json.loads(body)["order"]["items"]]
            valid = len(products) <= MOST_PRODUCTS and all(isinstance(product, str) and product for product in products)
        except (ValueError, TypeError, KeyError):
            valid = False
        if not valid:
            raise Problem(422, "invalid", "The data must be {\"order\": {\"items\": [{\"product_id\": text}, …]}}.")
        return 200, {"new": self.server.store.add(delivery, products)}


def main():
    store = Store(os.environ.get("DATABASE_PATH", "recommendation.db"))
    server = Server((os.environ.get("HOST", "127.0.0.1"), int(os.environ.get("PORT", "8080"))), store)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True).start()
    log("listening", address="%s:%d" % server.server_address[:2])
    stop.wait()
    log("stopping")
    server.drain()
    store.close()


if __name__ == "__main__":
    main()
