/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The real API without its signatures: dispatcher, transactions, store in a directory of its own,
 * publisher, and a socket pair in place of the keeper. After every call the model in memory is
 * compared with what the store gives; after a refused one with what it was before.
 */
#ifndef TEST_NOUN_FIXTURE_H
#define TEST_NOUN_FIXTURE_H

#include <jansson.h>

#include "control/api.h"
#include "process/message.h"

struct noun_fixture {
	char directory[64];
	struct run_options options;
	struct control control;
	struct api *api;
	int keeper; /* our end of the channel */
	struct problem problem; /* of the last refused call */
};

extern struct noun_fixture noun;

/* cmocka's setup and teardown. */
int noun_setup(void **state);
int noun_teardown(void **state);
/* As if control were killed and started again. */
void noun_restart(void);

/* `input` as JSON with ' in place of ", then printf arguments. The answer, to be ended by the
 * caller; the test fails when the call is refused. */
__attribute__((format(printf, 2, 3))) json_t *noun_call(const char *action, const char *input, ...);
/* As noun_call, for calls whose answer is of no interest. */
__attribute__((format(printf, 2, 3))) void noun_do(const char *action, const char *input, ...);
/* The call must be refused with this code and (unless NULL) this field, and change nothing. */
__attribute__((format(printf, 4, 5))) void noun_refuse(const char *action, const char *code,
						       const char *field, const char *input, ...);

/* Ready-made nouns; the texts are good until the next call of the same function. */
const char *noun_instance(const char *vip); /* its id */
const char *noun_listener(const char *instance, unsigned port); /* its id */
const char *noun_rule(const char *instance, const char *listener, const char *domain,
		      const char *url); /* its id */
/* Text and integer at a path such as "Listeners.0.Rules.1.Url". */
const char *noun_text(const json_t *answer, const char *path);
int64_t noun_integer(const json_t *answer, const char *path);
const json_t *noun_at(const json_t *answer, const char *path);

#endif
