/* SPDX-License-Identifier: Apache-2.0 */
/* `setia version`: which build this is. */
#include "command/command.h"

#include <stdio.h>
#include <string.h>

int command_version(int argc, char **argv)
{
	if (argc > 1 && (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h")))
		return puts("Usage: setia version\nPrints the version.") < 0 ? COMMAND_FAILED
									     : COMMAND_DONE;
	if (argc > 1) {
		fputs("setia version: takes nothing\n", stderr);
		return COMMAND_MISUSED;
	}
	return puts("setia " SETIA_VERSION) < 0 || fflush(stdout) ? COMMAND_FAILED : COMMAND_DONE;
}
