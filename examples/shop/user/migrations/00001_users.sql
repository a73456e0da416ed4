-- +goose Up
CREATE TABLE users (
    id            TEXT PRIMARY KEY,
    email         TEXT NOT NULL UNIQUE, -- lower case
    name          TEXT NOT NULL,
    password_hash TEXT NOT NULL,        -- argon2id, in the PHC string format
    created_at    INTEGER NOT NULL      -- Unix milliseconds
) STRICT;

-- The key that signs tokens. There is one; a table lets a later version keep an old one for verifying.
CREATE TABLE signing_keys (
    id   TEXT PRIMARY KEY, -- the kid
    seed BLOB NOT NULL     -- Ed25519, 32 bytes
) STRICT;

-- +goose Down
DROP TABLE signing_keys;
DROP TABLE users;
