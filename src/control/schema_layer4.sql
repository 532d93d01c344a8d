-- SPDX-License-Identifier: Apache-2.0
-- The third migration: what only TCP and UDP listeners have, a row for each of them. Ranges that
-- may grow are the reader's business (model/validate.h). max_conn and max_cps: -1 is no roof.
CREATE TABLE layer4 (
	listener INTEGER PRIMARY KEY REFERENCES listener (number) ON DELETE CASCADE,
	idle_timeout_s INTEGER NOT NULL CHECK (idle_timeout_s > 0),
	max_conn INTEGER NOT NULL CHECK (max_conn = -1 OR max_conn > 0),
	max_cps INTEGER NOT NULL CHECK (max_cps = -1 OR max_cps > 0),
	reschedule_start_s INTEGER NOT NULL CHECK (reschedule_start_s >= 0),
	reschedule_interval_s INTEGER NOT NULL CHECK (reschedule_interval_s >= 0),
	udp_responses INTEGER NOT NULL CHECK (udp_responses >= 0),
	session_epoch INTEGER NOT NULL CHECK (session_epoch BETWEEN 0 AND 65535),
	resets_deregistered INTEGER NOT NULL CHECK (resets_deregistered IN (0, 1)),
	reschedules_zero_weight INTEGER NOT NULL CHECK (reschedules_zero_weight IN (0, 1)),
	reschedules_unhealthy INTEGER NOT NULL CHECK (reschedules_unhealthy IN (0, 1)),
	reschedules_expand INTEGER NOT NULL CHECK (reschedules_expand IN (0, 1)),
	has_proxy_protocol INTEGER NOT NULL CHECK (has_proxy_protocol IN (0, 1))
) STRICT;
