/* SPDX-License-Identifier: Apache-2.0 */
/*
 * By what a file's objects and the model's are the same: a listener by port and transport, a rule
 * by domain and URL, a target by address. Keys are texts, so that lists of any length are matched
 * through a hash.
 */
#ifndef CONTROL_CONFIGURATION_KEY_H
#define CONTROL_CONFIGURATION_KEY_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/model.h"

#define KEY_ROOM 1600 /* a domain and a URL at their longest, in UTF-8 */
struct key {
	char text[KEY_ROOM];
};

struct key key_of_name(const char *name);
struct key key_of_listener_input(const json_t *input);
struct key key_of_listener(const struct listener *listener);
/* What a rule is found by: one of its domains, in any case, and its URL. */
struct key key_of_place(const char *domain, const char *url);
/* An address that does not read as one is a key of its own kind: the API's answer to it is the
 * better one. */
struct key key_of_target_input(const json_t *input);
struct key key_of_target(const struct target *target);

/* The domains of a rule of the file: Domain, or those of Domains; "" when none, "?" when both. */
size_t key_domain_count(const json_t *input);
const char *key_domain_at(const json_t *input, size_t i);
/* The first. */
const char *key_domain(const json_t *input);
/* Its Url. */
const char *key_url(const json_t *input);

#define KEY_NONE SIZE_MAX
#define KEY_SEVERAL (SIZE_MAX >> 1) /* the row of a key that several have */

/* Keys to rows, through a hash. */
struct key_index;
struct key_index *key_index_new(void);
struct key_index *key_index_free(struct key_index *index);
/* -EEXIST with the row that has the key in *ret_row, or -ENOMEM. */
int key_add(struct key_index *index, const struct key *key, size_t row, size_t *ret_row);
/* The same, but the last one wins. -ENOMEM. */
int key_set(struct key_index *index, const struct key *key, size_t row);
/* KEY_NONE when it is not there. */
size_t key_find(const struct key_index *index, const struct key *key);

/* What the model has, by key; the caller frees it. NULL when memory is out. Good until the list
 * loses a member. */
struct key_index *key_index_instances(const struct model *model);
struct key_index *key_index_listeners(const struct instance *instance);
/* Under each of their domains. */
struct key_index *key_index_rules(const struct listener *listener);
struct key_index *key_index_targets(struct target *const *targets, size_t count);

#endif
