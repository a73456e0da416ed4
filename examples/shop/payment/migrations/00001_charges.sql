-- +goose Up
CREATE TABLE charges (
    id           TEXT PRIMARY KEY,
    order_id     TEXT NOT NULL,
    user_id      TEXT NOT NULL,
    amount_cents INTEGER NOT NULL,
    currency     TEXT NOT NULL,
    state        TEXT NOT NULL CHECK (state IN ('charged', 'declined', 'refunded', 'cancelled'))
) STRICT;
CREATE INDEX charges_order ON charges (order_id);

-- How the simulated bank behaves; one row.
CREATE TABLE bank (
    id       INTEGER PRIMARY KEY CHECK (id = 1),
    mode     TEXT NOT NULL CHECK (mode IN ('ok', 'decline', 'delay', 'fault')),
    delay_ms INTEGER NOT NULL
) STRICT;
INSERT INTO bank (id, mode, delay_ms) VALUES (1, 'ok', 0);

-- +goose Down
DROP TABLE bank;
DROP TABLE charges;
