/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with an input, for the person who sent it. Filled by validation, the actions and
 * the file reader; returned by the API unchanged.
 */
#ifndef MODEL_PROBLEM_H
#define MODEL_PROBLEM_H

struct problem {
	const char *code; /* API error code, a static string; NULL = no problem */
	char field[160]; /* path of the field, "Rules[0].SessionExpireTime"; "" when none */
	char text[400]; /* a sentence that names the field and the rule */
};

/*
 * Fills *problem unless it already holds one (the first problem wins) and returns -EINVAL, so that
 * a check can end with `return problem_set(...)`. The text is cut at its roof.
 */
__attribute__((format(printf, 4, 5))) int problem_set(struct problem *problem, const char *code,
						      const char *field, const char *format, ...);

/* "Rules[0].SessionExpireTime" is SessionExpireTime to the person who reads the sentence. */
const char *problem_field_name(const char *field);

#endif
