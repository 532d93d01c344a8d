-- SPDX-License-Identifier: Apache-2.0
-- The sixth migration: each server stands in one index of addresses instead of in both. The other
-- one held it under NULL, which told nothing and was the larger part of binding 100,000 servers.
CREATE TABLE target_new (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	listener INTEGER REFERENCES listener (number) ON DELETE CASCADE,
	rule INTEGER REFERENCES rule (number) ON DELETE CASCADE,
	slot INTEGER NOT NULL UNIQUE CHECK (slot >= 0),
	ip TEXT NOT NULL,
	port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
	weight INTEGER NOT NULL CHECK (weight BETWEEN 0 AND 100),
	tag TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	CHECK ((listener IS NULL) <> (rule IS NULL))
) STRICT;
INSERT INTO target_new SELECT number, listener, rule, slot, ip, port, weight, tag, created_at
	FROM target ORDER BY number;
-- A number is never used twice, also when its owner is gone.
DELETE FROM sqlite_sequence WHERE name = 'target_new';
INSERT INTO sqlite_sequence (name, seq) SELECT 'target_new', seq FROM sqlite_sequence
	WHERE name = 'target';
DROP TABLE target;
ALTER TABLE target_new RENAME TO target;
CREATE UNIQUE INDEX target_of_listener ON target (listener, ip, port) WHERE listener IS NOT NULL;
CREATE UNIQUE INDEX target_of_rule ON target (rule, ip, port) WHERE rule IS NOT NULL;
CREATE TRIGGER target_freed AFTER DELETE ON target BEGIN
	INSERT INTO freed_slot VALUES (3, OLD.slot,
		coalesce((SELECT value FROM number WHERE name = 'generation'), 0));
END;
