"""What was bought together, counted in a SQLite database of its own."""

import itertools
import sqlite3
import threading

# Each entry brings the schema one version further; the database's user_version says how far it is.
MIGRATIONS = [
    """
    CREATE TABLE orders (id TEXT PRIMARY KEY) WITHOUT ROWID;
    CREATE TABLE products (id TEXT PRIMARY KEY, orders INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX products_by_orders ON products (orders DESC);
    CREATE TABLE pairs (
        product TEXT NOT NULL,
        other   TEXT NOT NULL,
        orders  INTEGER NOT NULL,
        PRIMARY KEY (product, other)
    ) WITHOUT ROWID;
    """,
    """
    DROP TABLE orders;
    CREATE TABLE inbox (delivery TEXT PRIMARY KEY, at TEXT NOT NULL DEFAULT (datetime('now'))) WITHOUT ROWID;
    CREATE INDEX inbox_at ON inbox (at);
    """,
]


class Store:
    """Counts purchases. Safe for use by many threads."""

    def __init__(self, path):
        self._lock = threading.Lock()
        # Transactions are begun by hand: sqlite3's own begin too late for a script of several statements.
        self._db = sqlite3.connect(path, timeout=5, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        self._migrate()
        self._db.execute("DELETE FROM inbox WHERE at < datetime('now', '-30 days')")  # nothing comes again so late

    def _migrate(self):
        done = self._db.execute("PRAGMA user_version").fetchone()[0]
        for version, script in enumerate(MIGRATIONS[done:], done + 1):
            self._db.executescript(f"BEGIN IMMEDIATE; {script} PRAGMA user_version = {version}; COMMIT;")

    def add(self, delivery, product_ids):
        """Counts an order once, however often it is delivered. Answers whether it was new."""
        products = sorted(set(product_ids))
        with self._lock:
            self._db.execute("BEGIN IMMEDIATE")
            try:
                new = self._db.execute("INSERT OR IGNORE INTO inbox (delivery) VALUES (?)", (delivery,)).rowcount == 1
                if new:
                    self._count(products)
                self._db.execute("COMMIT")
            except BaseException:
                self._db.execute("ROLLBACK")
                raise
        return new

    def _count(self, products):
        self._db.executemany(
            "INSERT INTO products VALUES (?, 1) ON CONFLICT (id) DO UPDATE SET orders = orders + 1",
            [(product,) for product in products],
        )
        self._db.executemany(
            "INSERT INTO pairs VALUES (?, ?, 1) ON CONFLICT (product, other) DO UPDATE SET orders = orders + 1",
            itertools.permutations(products, 2),
        )

    def recommend(self, product, limit):
        """Answers up to limit pairs (product, score), best first.

        What was bought together with product scores the number of those orders. What is left is filled up with what
        sells best anyway, whose scores are below 1.
        """
        with self._lock:
            together = self._db.execute(
                "SELECT other, orders FROM pairs WHERE product = ? ORDER BY orders DESC, other LIMIT ?",
                (product, limit),
            ).fetchall()
            popular = self._db.execute(
                """
                SELECT id, orders FROM products
                WHERE id <> ? AND id NOT IN (SELECT other FROM pairs WHERE product = ?)
                ORDER BY orders DESC, id LIMIT ?
                """,
                (product, product, limit - len(together)),
            ).fetchall()
        return together + [(other, round(orders / (orders + 1), 3)) for other, orders in popular]

    def close(self):
        with self._lock:
            self._db.close()
