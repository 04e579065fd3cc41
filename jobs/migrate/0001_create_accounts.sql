CREATE TABLE accounts (
    id         INTEGER PRIMARY KEY,
    email      TEXT NOT NULL UNIQUE,
    full_name  TEXT NOT NULL,
    created_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%SZ', 'now'))
);

CREATE TABLE plans (
    name        TEXT PRIMARY KEY,
    price_cents INTEGER NOT NULL CHECK (price_cents >= 0)
);

INSERT INTO plans (name, price_cents) VALUES ('free', 0), ('team', 4900);
