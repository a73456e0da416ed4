-- +goose Up
CREATE TABLE stock (
    product_id TEXT PRIMARY KEY,
    on_hand    INTEGER NOT NULL CHECK (on_hand >= 0),
    reserved   INTEGER NOT NULL DEFAULT 0 CHECK (reserved BETWEEN 0 AND on_hand) -- by open reservations
) STRICT;

CREATE TABLE reservations (
    id    TEXT PRIMARY KEY,
    state TEXT NOT NULL CHECK (state IN ('open', 'committed', 'cancelled'))
) STRICT;
CREATE INDEX reservations_open ON reservations (state) WHERE state = 'open';

CREATE TABLE reservation_items (
    reservation_id TEXT NOT NULL REFERENCES reservations (id),
    product_id     TEXT NOT NULL REFERENCES stock (product_id),
    quantity       INTEGER NOT NULL CHECK (quantity > 0),
    PRIMARY KEY (reservation_id, product_id)
) STRICT;

-- +goose Down
DROP TABLE reservation_items;
DROP TABLE reservations;
DROP TABLE stock;
