/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What only TCP and UDP listeners have: api.md section "Listeners", features.md section 2, SP-48.
 * Plain values, the same in the model and in checks; the snapshot's row has its own form.
 */
#ifndef MODEL_LAYER4_H
#define MODEL_LAYER4_H

#include <stdbool.h>
#include <stdint.h>

#include "model/words.h"

struct layer4 {
	uint32_t idle_timeout_s; /* IdleConnectTimeout: TCP 900 alone, UDP 10..1980 */
	int32_t max_conn, max_cps; /* -1 = no roof, or >= 1; over all workers */
	uint16_t reschedule_start_s, reschedule_interval_s; /* 0..3600 */
	uint16_t udp_responses; /* extension UdpResponses: the flow ends after so many answers;
				   0 = it does not */
	/* Rises whenever persistence is turned off: entries of before are dead (SP-50). */
	uint16_t session_epoch;
	bool resets_deregistered; /* DeregisterTargetRst */
	bool reschedules_zero_weight; /* RescheduleTargetZeroWeight */
	bool reschedules_unhealthy; /* RescheduleUnhealthy; effective with health checks */
	bool reschedules_expand; /* RescheduleExpandTarget */
	bool keeps_draining; /* extension DrainPolicy: KEEP */
	bool has_proxy_protocol; /* extension on TCP: version 2 towards targets */
};

/* What holds where nothing was given. Protocols without these settings: all zero. */
void layer4_defaults(struct layer4 *layer4, enum protocol protocol);

#endif
