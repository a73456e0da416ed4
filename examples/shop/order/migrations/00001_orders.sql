-- +goose Up
CREATE TABLE orders (
    id              TEXT PRIMARY KEY,
    user_id         TEXT NOT NULL,
    email           TEXT NOT NULL,
    idempotency_key TEXT,             -- null once the key may be used for another order
    fingerprint     TEXT NOT NULL,    -- of what was asked for with the key
    status          TEXT NOT NULL CHECK (status IN ('pending', 'undoing', 'confirmed', 'rejected', 'failed')),
    problem         TEXT,             -- JSON; why it did not go through
    total_cents     INTEGER NOT NULL,
    currency        TEXT NOT NULL,
    shipment        TEXT,             -- JSON
    created_at      INTEGER NOT NULL, -- Unix milliseconds
    UNIQUE (user_id, idempotency_key)
) STRICT;
CREATE INDEX orders_of_user ON orders (user_id, created_at);
CREATE INDEX orders_open ON orders (status) WHERE status IN ('pending', 'undoing');

CREATE TABLE order_items (
    order_id    TEXT NOT NULL REFERENCES orders (id),
    product_id  TEXT NOT NULL,
    name        TEXT NOT NULL,
    quantity    INTEGER NOT NULL CHECK (quantity > 0),
    price_cents INTEGER NOT NULL,
    PRIMARY KEY (order_id, product_id)
) STRICT;

-- The journal of what other services were asked to do. A row is written before the call, so a step that is here may have been
-- done, and one that is not has not.
CREATE TABLE order_steps (
    order_id TEXT NOT NULL REFERENCES orders (id),
    step     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('begun', 'refused', 'undone')),
    PRIMARY KEY (order_id, step)
) STRICT;

-- +goose Down
DROP TABLE order_steps;
DROP TABLE order_items;
DROP TABLE orders;
