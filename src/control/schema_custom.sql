-- SPDX-License-Identifier: Apache-2.0
-- The second migration: custom configurations, and which instance is bound to which. An instance
-- has at most one; one that goes takes its binding along; a configuration in use cannot go.
CREATE TABLE custom_configuration (
	number INTEGER PRIMARY KEY AUTOINCREMENT CHECK (number > 0),
	id TEXT NOT NULL UNIQUE CHECK (length(id) = 11 AND id GLOB 'pz-*'),
	name TEXT NOT NULL CHECK (length(name) BETWEEN 1 AND 80),
	content TEXT NOT NULL,
	created_at INTEGER NOT NULL,
	updated_at INTEGER NOT NULL
) STRICT;

CREATE TABLE custom_binding (
	instance INTEGER PRIMARY KEY REFERENCES instance (number) ON DELETE CASCADE,
	custom INTEGER NOT NULL REFERENCES custom_configuration (number) ON DELETE RESTRICT
) STRICT;
CREATE INDEX custom_binding_custom ON custom_binding (custom);
