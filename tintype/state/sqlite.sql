-- Schema version 2. Values are in a separate table, so that recording a use rewrites a small row and not an image.
CREATE TABLE entry (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,
    expires REAL NOT NULL,
    used REAL NOT NULL,
    size INTEGER NOT NULL
);
CREATE INDEX entry_expires ON entry (expires);
CREATE INDEX entry_used ON entry (used, size);

CREATE TABLE tagged (tag TEXT NOT NULL, entry INTEGER NOT NULL, PRIMARY KEY (tag, entry)) WITHOUT ROWID;
CREATE INDEX tagged_entry ON tagged (entry);

-- Tombstones: values that were made from work begun before "at" are not stored; the empty tag means every value.
CREATE TABLE purged (tag TEXT PRIMARY KEY, at REAL NOT NULL) WITHOUT ROWID;
CREATE INDEX purged_at ON purged (at);

CREATE TABLE value (id INTEGER PRIMARY KEY, body BLOB NOT NULL);

CREATE TABLE total (bytes INTEGER NOT NULL);
INSERT INTO total VALUES (0);

CREATE TRIGGER entry_added AFTER INSERT ON entry BEGIN
    UPDATE total SET bytes = bytes + NEW.size;
END;
CREATE TRIGGER entry_removed AFTER DELETE ON entry BEGIN
    UPDATE total SET bytes = bytes - OLD.size;
    DELETE FROM value WHERE id = OLD.id;
    DELETE FROM tagged WHERE entry = OLD.id;
END;
