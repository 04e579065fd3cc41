CREATE TABLE subscriptions (
    account_id INTEGER NOT NULL REFERENCES accounts ON DELETE CASCADE,
    plan       TEXT NOT NULL REFERENCES plans,
    since      TEXT NOT NULL,
    PRIMARY KEY (account_id, since)
) WITHOUT ROWID;

-- Everybody who is here already is on the free plan since they came; whoever comes later starts there, too.
INSERT INTO subscriptions (account_id, plan, since)
SELECT id, 'free', created_at FROM accounts;

CREATE TRIGGER accounts_start_free AFTER INSERT ON accounts BEGIN
    INSERT INTO subscriptions (account_id, plan, since) VALUES (NEW.id, 'free', NEW.created_at);
END;
