/* SPDX-License-Identifier: Apache-2.0 */
/* Users and limits. Owns nothing; runs on the keeper's thread and in children before exec. */
#include "process/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#define DESCRIPTORS_LEAST 64 /* what is assumed when the kernel does not say */

int privileges_find(const char *user, struct identity *ret)
{
	struct passwd entry, *found = NULL;
	char space[16384];
	int error = getpwnam_r(user, &entry, space, sizeof(space), &found);

	if (error)
		return -error;
	if (!found)
		return -ENOENT;
	*ret = (struct identity){ .user = found->pw_uid, .group = found->pw_gid };
	return 0;
}

int privileges_drop(const struct identity *identity)
{
	/* Groups first: without root they can no longer be changed. */
	if (setgroups(1, &identity->group) < 0 ||
	    setresgid(identity->group, identity->group, identity->group) < 0 ||
	    setresuid(identity->user, identity->user, identity->user) < 0 ||
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return -errno;
	return 0;
}

size_t privileges_raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return DESCRIPTORS_LEAST;
	if (limit.rlim_cur < limit.rlim_max) {
		struct rlimit raised = { .rlim_cur = limit.rlim_max, .rlim_max = limit.rlim_max };

		if (setrlimit(RLIMIT_NOFILE, &raised) == 0)
			limit = raised;
	}
	return limit.rlim_cur == RLIM_INFINITY ? (size_t)1 << 30 : (size_t)limit.rlim_cur;
}
