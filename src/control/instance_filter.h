/* SPDX-License-Identifier: Apache-2.0 */
/* By what the two actions that list instances select them. Pure; any thread. */
#ifndef CONTROL_INSTANCE_FILTER_H
#define CONTROL_INSTANCE_FILTER_H

#include <jansson.h>

#include "model/model.h"

/* An absent or empty needle is in everything. */
bool text_contains(const char *text, const char *needle);
/* Is the address, whatever its spelling, one of these texts? An absent list lets all pass. */
bool ip_passes(const json_t *ips, const struct address *address);
/*
 * The filter tag-key: some tag has one of its values as the key; tag:KEY: that tag has one of its
 * values.
 */
bool tag_filter_passes(const struct instance *instance, const json_t *filter);
/* Has it a server with one of these addresses? An absent or empty list lets all pass. */
bool instance_has_target_ip(const struct instance *instance, const json_t *ips);

#endif
