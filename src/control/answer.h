/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The structures that answers hold (api.md section 5): every documented field is there, null, "",
 * 0, false or [] where this product has nothing to say. Each returns a new reference, or NULL when
 * memory is out. Pure but for the zone of times.
 */
#ifndef CONTROL_ANSWER_H
#define CONTROL_ANSWER_H

#include <jansson.h>

#include "model/model.h"

/* "YYYY-MM-DD HH:mm:ss" in the zone of this host (TZ). */
json_t *answer_time(int64_t wall_s);

json_t *answer_load_balancer(const struct instance *instance, bool has_target_count);
/* Listener, with its rules on layer 7. Extensions: BindError (why its port is not open, or null),
 * UdpResponses (null but on UDP), DrainPolicy (layer 4), AccessLog and AccessLogFormat (layer 7).
 */
json_t *answer_listener(const struct instance *instance, const struct listener *listener);
/* RuleOutput. StripCookie and DrainPolicy are extensions. */
json_t *answer_rule(const struct instance *instance, const struct listener *listener,
		    const struct rule *rule);
/* Backend. */
json_t *answer_backend(const struct target *target);

size_t instance_count_targets(const struct instance *instance);
/* Unmatched hosts go to this rule's domain, or any host goes to this rule. */
bool rule_is_default(const struct listener *listener, const struct rule *rule);

#endif
