-- SPDX-License-Identifier: Apache-2.0
-- The fifth migration: what is stopped, who may come, further domains of a rule, redirections, and
-- target groups.
ALTER TABLE instance ADD COLUMN
	is_stopped INTEGER NOT NULL DEFAULT 0 CHECK (is_stopped IN (0, 1));
ALTER TABLE listener ADD COLUMN
	is_stopped INTEGER NOT NULL DEFAULT 0 CHECK (is_stopped IN (0, 1));
-- 1: servers of its own; 2: those of a target group.
ALTER TABLE listener ADD COLUMN
	target_type INTEGER NOT NULL DEFAULT 1 CHECK (target_type IN (1, 2));
ALTER TABLE rule ADD COLUMN
	target_type INTEGER NOT NULL DEFAULT 1 CHECK (target_type IN (1, 2));

-- list: 1 who may connect, 2 who may not. cidr is in its canonical form, "10.0.0.0/8".
CREATE TABLE access_entry (
	instance INTEGER NOT NULL REFERENCES instance (number) ON DELETE CASCADE,
	list INTEGER NOT NULL CHECK (list IN (1, 2)),
	position INTEGER NOT NULL CHECK (position >= 0),
	cidr TEXT NOT NULL,
	PRIMARY KEY (instance, list, position),
	UNIQUE (instance, list, cidr)
) STRICT, WITHOUT ROWID;

-- The domains of a rule behind its first one, which is rule.domain.
CREATE TABLE rule_domain (
	rule INTEGER NOT NULL REFERENCES rule (number) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	domain TEXT NOT NULL,
	PRIMARY KEY (rule, position),
	UNIQUE (rule, domain)
) STRICT, WITHOUT ROWID;

-- A redirection goes with its source and with its target.
CREATE TABLE redirect (
	rule INTEGER PRIMARY KEY REFERENCES rule (number) ON DELETE CASCADE,
	target INTEGER NOT NULL REFERENCES rule (number) ON DELETE CASCADE,
	code INTEGER NOT NULL CHECK (code IN (301, 302, 307)),
	takes_url INTEGER NOT NULL CHECK (takes_url IN (0, 1)),
	CHECK (rule <> target)
) STRICT;
CREATE INDEX redirect_target ON redirect (target);

-- port: what members without one of their own get; 0 is none.
CREATE TABLE target_group (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	id TEXT NOT NULL UNIQUE CHECK (length(id) = 13 AND id GLOB 'lbtg-*'),
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
	vpc_id TEXT NOT NULL,
	port INTEGER NOT NULL CHECK (port BETWEEN 0 AND 65535),
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE target_group_tag (
	target_group INTEGER NOT NULL REFERENCES target_group (number) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	key TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (target_group, position),
	UNIQUE (target_group, key)
) STRICT, WITHOUT ROWID;

CREATE TABLE target_group_member (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	target_group INTEGER NOT NULL REFERENCES target_group (number) ON DELETE CASCADE,
	ip TEXT NOT NULL,
	port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
	weight INTEGER NOT NULL CHECK (weight BETWEEN 0 AND 100),
	created_at INTEGER NOT NULL,
	UNIQUE (target_group, ip, port)
) STRICT;

-- What stands on a group. Its members are rows of `target` for each binding, since health, counts
-- and persistence are a rule's or listener's own. A group in use cannot go.
CREATE TABLE group_binding (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	listener INTEGER UNIQUE REFERENCES listener (number) ON DELETE CASCADE,
	rule INTEGER UNIQUE REFERENCES rule (number) ON DELETE CASCADE,
	target_group INTEGER NOT NULL REFERENCES target_group (number) ON DELETE RESTRICT,
	CHECK ((listener IS NULL) <> (rule IS NULL))
) STRICT;
CREATE INDEX group_binding_group ON group_binding (target_group);
