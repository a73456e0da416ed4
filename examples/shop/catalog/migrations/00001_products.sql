-- +goose Up
CREATE TABLE products (
    id          TEXT PRIMARY KEY,
    position    INTEGER NOT NULL, -- where it stands in listings
    name        TEXT NOT NULL,
    description TEXT NOT NULL,
    category    TEXT NOT NULL,
    price_cents INTEGER NOT NULL CHECK (price_cents > 0),
    picture     TEXT NOT NULL     -- the shape that stands for it
) STRICT;
CREATE INDEX products_position ON products (position);

-- +goose Down
DROP TABLE products;
