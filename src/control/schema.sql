-- SPDX-License-Identifier: Apache-2.0
-- The first migration of DIR/setia.db. A later change of the schema is a new migration file behind
-- this one, never an edit here. Times are wall seconds unless a column's name ends otherwise.

-- Small numbers kept by name: "generation" is the last snapshot number given out.
CREATE TABLE number (
	name TEXT PRIMARY KEY NOT NULL CHECK (length(name) BETWEEN 1 AND 64),
	value INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE instance (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	id TEXT NOT NULL UNIQUE CHECK (length(id) = 11 AND id GLOB 'lb-*'),
	name TEXT NOT NULL UNIQUE CHECK (length(name) BETWEEN 1 AND 80),
	network INTEGER NOT NULL CHECK (network IN (1, 2)),
	vip TEXT NOT NULL,
	is_delete_protected INTEGER NOT NULL CHECK (is_delete_protected IN (0, 1)),
	passes_to_target INTEGER NOT NULL CHECK (passes_to_target IN (0, 1)),
	project_id INTEGER NOT NULL,
	vpc_id TEXT NOT NULL,
	subnet_id TEXT NOT NULL,
	bandwidth_out INTEGER NOT NULL CHECK (bandwidth_out BETWEEN 0 AND 4294967295),
	created_at INTEGER NOT NULL
) STRICT;

-- When instances were deleted, for the guard against deleting many of them in a short time.
CREATE TABLE deleted_instance (
	deleted_at INTEGER NOT NULL
) STRICT;
CREATE INDEX deleted_instance_at ON deleted_instance (deleted_at);

CREATE TABLE tag (
	instance INTEGER NOT NULL REFERENCES instance (number) ON DELETE CASCADE,
	position INTEGER NOT NULL CHECK (position >= 0),
	key TEXT NOT NULL,
	value TEXT NOT NULL,
	PRIMARY KEY (instance, position),
	UNIQUE (instance, key)
) STRICT, WITHOUT ROWID;

-- protocol 4 and 6 are UDP and QUIC, which have a port space of their own.
CREATE TABLE listener (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	id TEXT NOT NULL UNIQUE CHECK (length(id) = 12 AND id GLOB 'lbl-*'),
	instance INTEGER NOT NULL REFERENCES instance (number) ON DELETE CASCADE,
	slot INTEGER NOT NULL UNIQUE CHECK (slot >= 0),
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
	protocol INTEGER NOT NULL CHECK (protocol BETWEEN 1 AND 6),
	port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
	scheduler INTEGER NOT NULL CHECK (scheduler BETWEEN 1 AND 3),
	session_expire_s INTEGER NOT NULL CHECK (session_expire_s = 0 OR session_expire_s BETWEEN 30 AND 3600),
	has_keepalive INTEGER NOT NULL CHECK (has_keepalive IN (0, 1)),
	default_domain TEXT NOT NULL,
	health_check TEXT NOT NULL,
	created_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX listener_port ON listener (instance, port, (protocol IN (4, 6)));

CREATE TABLE rule (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	id TEXT NOT NULL UNIQUE CHECK (length(id) = 12 AND id GLOB 'loc-*'),
	listener INTEGER NOT NULL REFERENCES listener (number) ON DELETE CASCADE,
	slot INTEGER NOT NULL UNIQUE CHECK (slot >= 0),
	domain TEXT NOT NULL,
	url TEXT NOT NULL,
	scheduler INTEGER NOT NULL CHECK (scheduler BETWEEN 1 AND 3),
	forward_type INTEGER NOT NULL CHECK (forward_type BETWEEN 1 AND 4),
	has_http2 INTEGER NOT NULL CHECK (has_http2 IN (0, 1)),
	strips_cookie INTEGER NOT NULL CHECK (strips_cookie IN (0, 1)),
	session_expire_s INTEGER NOT NULL CHECK (session_expire_s = 0 OR session_expire_s BETWEEN 30 AND 3600),
	cookie_name TEXT NOT NULL,
	health_check TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	UNIQUE (listener, domain, url)
) STRICT;

-- Behind a rule (layer 7) or a listener (layer 4). ip is in its canonical form, so that equal
-- addresses are equal texts.
CREATE TABLE target (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	listener INTEGER REFERENCES listener (number) ON DELETE CASCADE,
	rule INTEGER REFERENCES rule (number) ON DELETE CASCADE,
	slot INTEGER NOT NULL UNIQUE CHECK (slot >= 0),
	ip TEXT NOT NULL,
	port INTEGER NOT NULL CHECK (port BETWEEN 1 AND 65535),
	weight INTEGER NOT NULL CHECK (weight BETWEEN 0 AND 100),
	tag TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	CHECK ((listener IS NULL) <> (rule IS NULL)),
	UNIQUE (listener, ip, port),
	UNIQUE (rule, ip, port)
) STRICT;

-- Slots whose owner was deleted: not given out again until a snapshot newer than `generation`, the
-- last one that may have named the old owner, is live. kind: 1 listener, 2 rule, 3 target.
CREATE TABLE freed_slot (
	kind INTEGER NOT NULL CHECK (kind BETWEEN 1 AND 3),
	slot INTEGER NOT NULL CHECK (slot >= 0),
	generation INTEGER NOT NULL,
	PRIMARY KEY (kind, slot)
) STRICT, WITHOUT ROWID;
CREATE TRIGGER listener_freed AFTER DELETE ON listener BEGIN
	INSERT INTO freed_slot VALUES (1, OLD.slot,
		coalesce((SELECT value FROM number WHERE name = 'generation'), 0));
END;
CREATE TRIGGER rule_freed AFTER DELETE ON rule BEGIN
	INSERT INTO freed_slot VALUES (2, OLD.slot,
		coalesce((SELECT value FROM number WHERE name = 'generation'), 0));
END;
CREATE TRIGGER target_freed AFTER DELETE ON target BEGIN
	INSERT INTO freed_slot VALUES (3, OLD.slot,
		coalesce((SELECT value FROM number WHERE name = 'generation'), 0));
END;

-- Keys that seal cookies; the highest position seals. Times are session seconds.
CREATE TABLE cookie_key (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	id INTEGER NOT NULL UNIQUE CHECK (id BETWEEN 1 AND 255),
	secret BLOB NOT NULL CHECK (length(secret) = 32),
	created_s INTEGER NOT NULL,
	retired_s INTEGER NOT NULL CHECK (retired_s >= 0)
) STRICT;

CREATE TABLE api_key (
	position INTEGER PRIMARY KEY AUTOINCREMENT,
	secret_id TEXT NOT NULL UNIQUE CHECK (length(secret_id) BETWEEN 1 AND 63),
	secret_key TEXT NOT NULL CHECK (length(secret_key) BETWEEN 1 AND 63),
	is_enabled INTEGER NOT NULL CHECK (is_enabled IN (0, 1)),
	created_at INTEGER NOT NULL
) STRICT;

CREATE TABLE audit (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	wall_s INTEGER NOT NULL,
	key_id TEXT NOT NULL,
	action TEXT NOT NULL,
	request_id TEXT NOT NULL,
	result TEXT NOT NULL,
	detail TEXT NOT NULL
) STRICT;
CREATE INDEX audit_result ON audit ((result = 'ok'), number);

-- status: 0 done, 1 failed, 2 running. instances and listeners are JSON arrays.
CREATE TABLE task (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	request_id TEXT NOT NULL UNIQUE CHECK (length(request_id) BETWEEN 1 AND 63),
	status INTEGER NOT NULL CHECK (status BETWEEN 0 AND 2),
	created_at INTEGER NOT NULL,
	finished_at INTEGER,
	generation INTEGER NOT NULL CHECK (generation >= 0),
	instances TEXT NOT NULL,
	listeners TEXT NOT NULL,
	message TEXT
) STRICT;
CREATE INDEX task_running ON task (generation) WHERE status = 2;
CREATE INDEX task_finished ON task (finished_at);

CREATE TABLE client_token (
	number INTEGER PRIMARY KEY AUTOINCREMENT,
	key_id TEXT NOT NULL,
	token TEXT NOT NULL,
	body_hash TEXT NOT NULL,
	answer TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	UNIQUE (key_id, token)
) STRICT;
