/* SPDX-License-Identifier: Apache-2.0 */
/* Fields and words that several actions take (api.md section 5). */
#ifndef CONTROL_SHARED_FIELDS_H
#define CONTROL_SHARED_FIELDS_H

#include "control/field.h"

extern const char *const protocol_words[]; /* of listeners */
extern const char *const rule_scheduler_words[]; /* WRR, LEAST_CONN, IP_HASH */
extern const char *const target_type_words[]; /* NODE and the target groups */
extern const char *const drain_words[]; /* MOVE, KEEP */

extern const struct field certificate_fields[];
extern const struct field multi_certificate_fields[];
extern const struct field filter_fields[];

#define FILTERS_MOST 10
#define ABOUT_INSTANCE "The instance, lb-xxxxxxxx."
#define ABOUT_LISTENER "The listener, lbl-xxxxxxxx."
#define ABOUT_LOCATION                                                                           \
	"The rule of an HTTP listener, loc-xxxxxxxx; or name it by Domain and Url. TCP and UDP " \
	"listeners have none: their servers are bound to them."
#define ABOUT_DRAIN                                                                                \
	"Extension: what becomes of pinned clients of a server of weight 0. MOVE (default): they " \
	"go to other servers. KEEP: they stay until their persistence ends; it gets no new ones."
#define ABOUT_DOMAIN "The rule's domain; absent for a rule that answers any host."

/* DrainPolicy of `input`, else *keeps_draining as it is. */
void drain_read(const json_t *input, bool *keeps_draining);
const char *drain_word(bool keeps_draining);

/*
 * Which Values a call's Filters give for `name`: NULL when it has no such filter. A borrowed array.
 */
const json_t *filter_values(const json_t *input, const char *name);
/* Is `text` among the values? An absent filter lets everything pass. */
bool filter_passes(const json_t *values, const char *text);
/* No filter but these names (NULL ended); one that ends in ":" stands for all that begin with it.
 */
int filters_check(const json_t *input, const char *const *names, struct problem *problem);
/* Is `text` an element of the list of texts? An absent list lets everything pass. */
bool list_passes(const json_t *input, const char *name, const char *text);

#endif
