-- +goose Up
CREATE TABLE shipments (
    id       TEXT PRIMARY KEY,
    order_id TEXT NOT NULL,
    user_id  TEXT NOT NULL,
    items    TEXT NOT NULL, -- JSON
    tracking TEXT NOT NULL,
    state    TEXT NOT NULL CHECK (state IN ('preparing', 'cancelled'))
) STRICT;
CREATE INDEX shipments_order ON shipments (order_id);

-- +goose Down
DROP TABLE shipments;
