-- +goose Up
ALTER TABLE products ADD COLUMN low_stock INTEGER NOT NULL DEFAULT FALSE; -- as inventory has told

-- +goose Down
ALTER TABLE products DROP COLUMN low_stock;
