-- SPDX-License-Identifier: Apache-2.0
-- The fourth migration: what happens to pinned clients of a server of weight 0, and access logs.
-- access_log: '' is off, 'stderr', or a file's name; access_log_format: model/words.h.
ALTER TABLE rule ADD COLUMN
	keeps_draining INTEGER NOT NULL DEFAULT 0 CHECK (keeps_draining IN (0, 1));
ALTER TABLE layer4 ADD COLUMN
	keeps_draining INTEGER NOT NULL DEFAULT 0 CHECK (keeps_draining IN (0, 1));
ALTER TABLE listener ADD COLUMN
	access_log TEXT NOT NULL DEFAULT '' CHECK (length(access_log) <= 64);
ALTER TABLE listener ADD COLUMN
	access_log_format INTEGER NOT NULL DEFAULT 0 CHECK (access_log_format BETWEEN 0 AND 2);
