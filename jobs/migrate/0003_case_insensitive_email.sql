-- Two accounts that differ only in the case of the address make this fail, and the version is rolled back:
-- which of them to keep is for a person to decide.
CREATE UNIQUE INDEX accounts_by_email ON accounts (lower(email));

UPDATE accounts SET email = lower(email);
