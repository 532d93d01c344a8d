/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a file within its roof and hands it to ApplyConfiguration. Owns the text while it runs.
 * Control's one thread. */
#include "control/config_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "model/limits.h"
#include "process/log.h"

static int refuse(const char *name, const char *field, const char *text)
{
	log_event(LOG_LEVEL_ERROR, "config_refused", "file", name, "field", field, "problem", text,
		  NULL);
	return -EINVAL;
}

/* *ret_text is malloc'd. The file may grow or shrink while it is read; what was read is what
 * counts. */
static int read_whole(int fd, char **ret_text, size_t *ret_size)
{
	struct stat status;
	char *text;
	size_t room, size = 0;

	if (fstat(fd, &status) != 0)
		return -errno;
	if (!S_ISREG(status.st_mode))
		return -EINVAL;
	if (status.st_size > FILE_CONFIG_MOST)
		return -EFBIG;
	room = (size_t)status.st_size + 1;
	text = malloc(room);
	if (!text)
		return -ENOMEM;
	while (size < room) {
		ssize_t n = pread(fd, text + size, room - size, (off_t)size);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			int error = -errno;

			free(text);
			return error;
		}
		if (n == 0)
			break;
		size += (size_t)n;
	}
	if (size == room) {
		free(text);
		return -EAGAIN;
	}
	*ret_text = text;
	*ret_size = size;
	return 0;
}

static int apply_text(struct api *api, const char *name, json_t *content)
{
	json_t *input = json_pack("{s:O,s:s}", "Content", content, "Source", name);
	struct problem problem = { 0 };
	json_t *output = NULL;

	if (!input)
		return refuse(name, "", "memory is out, or the file's name is not UTF-8");
	if (api_call(api, "ApplyConfiguration", "config", input, &problem, &output) != 0) {
		json_decref(input);
		return refuse(name, problem.field, problem.text);
	}
	log_event(LOG_LEVEL_INFO, "config_applied", "file", name, "changes",
		  log_number((int64_t)json_array_size(json_object_get(output, "Changes"))), NULL);
	json_decref(output);
	json_decref(input);
	return 0;
}

int config_file_apply(struct api *api, int fd, const char *name)
{
	char *text = NULL;
	size_t size = 0;
	json_t *content;
	int error = read_whole(fd, &text, &size);

	if (error == -EINVAL)
		return refuse(name, "", "it is not a regular file");
	if (error == -EFBIG)
		return refuse(name, "", "it is larger than 64 MiB");
	if (error == -EAGAIN)
		return refuse(name, "", "it changed while it was read");
	if (error != 0)
		return refuse(name, "", strerror(-error));
	content = text && !memchr(text, '\0', size) ? json_stringn(text, size) : NULL;
	free(text);
	if (!content)
		return refuse(name, "", "it is not UTF-8 text");
	error = apply_text(api, name, content);
	json_decref(content);
	return error;
}
