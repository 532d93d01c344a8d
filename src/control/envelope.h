/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The outer form of every answer (api.md section 3), and what an error of the store is called
 * there. Pure.
 */
#ifndef CONTROL_ENVELOPE_H
#define CONTROL_ENVELOPE_H

#include <jansson.h>

#include "model/problem.h"

#define REQUEST_ID_SIZE 37 /* a UUID and NUL */

/* A random UUID (version 4). -errno when the kernel gives no random bytes. */
int request_id_make(char ret_id[REQUEST_ID_SIZE]);

/* {"Response":{...output..., "RequestId"}} as text, malloc'd; NULL when memory is out. `output`
 * gets the RequestId too. */
char *envelope_success(json_t *output, const char *request_id);
/* {"Response":{"Error":{"Code","Message"}, "RequestId"}}. */
char *envelope_problem(const struct problem *problem, const char *request_id);

/*
 * Fills *problem, if it holds none yet, with what a negative errno of an action or the store means
 * to the caller. Returns -EINVAL. What nobody but us can explain becomes InternalError and is
 * logged with the request's id.
 */
int problem_of_error(int error, const char *request_id, struct problem *problem);

#endif
