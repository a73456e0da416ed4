-- +goose Up
CREATE TABLE documents (
    kind  TEXT NOT NULL,
    key   TEXT NOT NULL,
    value BLOB NOT NULL,
    sum   INTEGER NOT NULL, -- CRC-32C of kind, key and value: SQLite has no page checksums
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;

-- +goose Down
DROP TABLE documents;
