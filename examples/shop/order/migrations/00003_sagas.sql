-- +goose Up
-- The steps of an order are the platform's to remember: its saga does them.
ALTER TABLE orders ADD COLUMN started INTEGER NOT NULL DEFAULT 0; -- whether it is known that it has its saga
UPDATE orders SET status = 'pending' WHERE status = 'undoing';
DROP TABLE order_steps;

-- +goose Down
CREATE TABLE order_steps (
    order_id TEXT NOT NULL REFERENCES orders (id),
    step     TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('begun', 'refused', 'undone')),
    PRIMARY KEY (order_id, step)
) STRICT;
ALTER TABLE orders DROP COLUMN started;
