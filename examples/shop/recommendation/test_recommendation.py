"""Run: python3 -m unittest discover -s recommendation"""

import contextlib
import http.client
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import unittest

import app
import store
from store import Store

HERE = os.path.dirname(os.path.abspath(__file__))


class StoreTest(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = os.path.join(directory.name, "test.db")
        self.store = Store(self.path)
        self.addCleanup(lambda: self.store.close())

    def test_bought_together_comes_first_then_popular(self):
        for order, products in {"1": ["tea", "pot"], "2": ["tea", "pot"], "3": ["tea", "cup"], "4": ["lamp"], "5": ["lamp"], "6": ["rug"]}.items():
            self.store.add(order, products)
        self.assertEqual(self.store.recommend("tea", 5), [("pot", 2), ("cup", 1), ("lamp", 0.667), ("rug", 0.5)])
        self.assertEqual(self.store.recommend("tea", 1), [("pot", 2)])

    def test_an_unknown_product_gets_popular_ones(self):
        self.store.add("1", ["tea", "pot"])
        self.store.add("2", ["tea"])
        self.assertEqual([product for product, _ in self.store.recommend("new", 4)], ["tea", "pot"])

    def test_nothing_bought_yet(self):
        self.assertEqual(self.store.recommend("tea", 4), [])

    def test_an_order_counts_once_and_a_product_once_in_it(self):
        self.assertTrue(self.store.add("1", ["tea", "tea", "pot"]))
        self.assertFalse(self.store.add("1", ["tea", "pot"]))
        self.assertEqual(self.store.recommend("tea", 4), [("pot", 1)])

    def test_counts_of_the_first_version_are_kept(self):
        path = os.path.join(os.path.dirname(self.path), "old.db")
        with contextlib.closing(sqlite3.connect(path)) as old:
            old.executescript(f"{store.MIGRATIONS[0]} PRAGMA user_version = 1;")
            old.executescript("INSERT INTO pairs VALUES ('tea', 'pot', 7);")
        again = Store(path)
        self.addCleanup(again.close)
        again.add("1", ["tea", "pot"])
        self.assertEqual(again.recommend("tea", 4), [("pot", 8)])

    def test_counts_outlive_the_process(self):
        self.store.add("1", ["tea", "pot"])
        self.store.close()
        self.store = Store(self.path)
        self.assertEqual(self.store.recommend("pot", 4), [("tea", 1)])


class ServerTest(unittest.TestCase):
    def setUp(self):
        app.log = lambda *_, **__: None
        memory = Store(":memory:")
        self.server = app.Server(("127.0.0.1", 0), memory)
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        self.connection = http.client.HTTPConnection(*self.server.server_address, timeout=5)
        self.addCleanup(memory.close)
        self.addCleanup(thread.join)
        self.addCleanup(self.server.drain)
        self.addCleanup(self.connection.close)

    def call(self, method, path, body=None, **options):
        self.connection.request(method, path, body if body is None or options else json.dumps(body), **options)
        response = self.connection.getresponse()
        return response.status, json.loads(response.read()), response

    def deliver(self, delivery, *products):
        data = {"order": {"id": "ord_1", "items": [{"product_id": product, "quantity": 1} for product in products]}}
        return self.call("POST", "/events/order-confirmed", json.dumps(data), headers={"Banyan-Delivery": delivery})

    def test_an_event_counts_once_however_often_it_is_delivered(self):
        for _ in range(3):
            self.assertEqual(self.deliver("d1", "a", "b")[0], 200)
        self.assertEqual(self.deliver("d2", "a", "b")[0], 200)
        self.assertEqual(self.call("GET", "/api/recommendations?product=a")[1]["items"], [{"product_id": "b", "score": 2}])

    def test_an_event_that_is_refused_may_come_again(self):
        self.assertEqual(self.deliver("d1", "a", "")[0], 422)
        self.assertEqual(self.deliver("d1", "a", "b")[0], 200)
        self.assertEqual(len(self.call("GET", "/api/recommendations?product=a")[1]["items"]), 1)

    def test_one_connection_serves_every_kind_of_answer(self):
        self.assertEqual(self.call("GET", "/healthz")[0], 200)
        used = self.connection.sock
        self.assertEqual(self.deliver("d1", "a", "b")[0], 200)
        self.assertEqual(self.call("POST", "/nowhere", {"a": 1})[0], 404)
        self.assertEqual(self.call("POST", "/events/order-confirmed", {"order": 1})[0], 422)
        status, answer, _ = self.call("GET", "/api/recommendations?product=a")
        self.assertEqual((status, answer), (200, {"items": [{"product_id": "b", "score": 1}]}))
        self.assertIs(self.connection.sock, used)

    def test_chunked_body(self):
        body = [b'{"order": {"items": [{"product_id": "a"},', b' {"product_id": "b"}]}}']
        headers = {"Transfer-Encoding": "chunked", "Banyan-Delivery": "d1"}
        self.assertEqual(self.call("POST", "/events/order-confirmed", iter(body), encode_chunked=True, headers=headers)[0], 200)
        self.assertEqual(len(self.call("GET", "/api/recommendations?product=a")[1]["items"]), 1)

    def test_problems(self):
        for path in ("/api/recommendations", "/api/recommendations?product=a&limit=0", "/api/recommendations?product=a&limit=x"):
            status, answer, response = self.call("GET", path)
            self.assertEqual((status, answer["code"]), (422, "invalid"))
            self.assertEqual(response.headers["Content-Type"], "application/problem+json")

    def test_a_body_that_is_too_large_ends_the_connection(self):
        status, answer, response = self.call("POST", "/events/order-confirmed", None, headers={"Content-Length": str(app.LARGEST_BODY + 1)})
        self.assertEqual((status, answer["code"], response.headers["Connection"]), (413, "too-large", "close"))


class ProcessTest(unittest.TestCase):
    def test_stops_with_0_when_told_to_though_a_connection_is_open(self):
        with tempfile.TemporaryDirectory() as directory:
            environment = {**os.environ, "PORT": "0", "DATABASE_PATH": os.path.join(directory, "r.db")}
            with subprocess.Popen([sys.executable, os.path.join(HERE, "app.py")], env=environment, stdout=subprocess.PIPE, text=True) as process:
                host, port = json.loads(process.stdout.readline())["address"].split(":")
                with socket.create_connection((host, int(port))) as idle:
                    idle.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
                    self.assertTrue(idle.recv(100).startswith(b"HTTP/1.1 200"))
                    process.send_signal(signal.SIGTERM)
                    self.assertEqual(process.wait(5), 0)
                self.assertEqual(json.loads(process.stdout.readline())["msg"], "stopping")


if __name__ == "__main__":
    unittest.main()
