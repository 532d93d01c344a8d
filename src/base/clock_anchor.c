/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The anchor of session time: made once per boot of the machine, kept as three lines of text. The
 * keeper is its only writer; readers see a whole file or none. Any thread.
 */
#include "base/clock.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/bytes.h"
#include "base/file.h"

/* Far beyond any date, and small enough that sums of a few such numbers cannot overflow. */
#define ANCHOR_SECONDS_MOST (1ll << 40)
#define ANCHOR_FILE_MOST 256

struct clock_anchor clock_anchor_make(const struct clock_anchor *old, const char *boot_id,
				      uint64_t boot_ms, int64_t wall_s)
{
	struct clock_anchor anchor = { 0 };
	int64_t session_s;

	/* Without a boot id nothing tells one boot from another, so an empty one is never the same.
	 */
	if (old && boot_id[0] != '\0' && strcmp(old->boot_id, boot_id) == 0) {
		anchor = *old;
		session_s = clock_session_s(&anchor, boot_ms);
		if (anchor.last_session_s < session_s)
			anchor.last_session_s = session_s;
		return anchor;
	}
	session_s = wall_s;
	if (old && session_s < old->last_session_s)
		session_s = old->last_session_s;
	snprintf(anchor.boot_id, sizeof(anchor.boot_id), "%s", boot_id);
	anchor.offset_s = session_s - (int64_t)(boot_ms / 1000);
	anchor.last_session_s = session_s;
	return anchor;
}

static bool anchor_is_sane(const struct clock_anchor *anchor)
{
	size_t size = strnlen(anchor->boot_id, sizeof(anchor->boot_id));

	return size < sizeof(anchor->boot_id) &&
	       strspn(anchor->boot_id, "0123456789abcdef-") == size &&
	       anchor->offset_s >= -ANCHOR_SECONDS_MOST &&
	       anchor->offset_s <= ANCHOR_SECONDS_MOST && anchor->last_session_s >= 0 &&
	       anchor->last_session_s <= ANCHOR_SECONDS_MOST;
}

/* Takes "NAME = value\n" from the front of *text. */
static int anchor_take_line(struct bytes *text, const char *name, struct bytes *ret_value)
{
	const char *end = text->size > 0 ? memchr(text->at, '\n', text->size) : NULL;
	struct bytes start = bytes_of(name), line;

	if (!end)
		return -EBADMSG;
	line = (struct bytes){ text->at, (size_t)(end - text->at) };
	if (!bytes_starts_with(line, start))
		return -EBADMSG;
	*ret_value = (struct bytes){ line.at + start.size, line.size - start.size };
	*text = (struct bytes){ end + 1, text->size - line.size - 1 };
	return 0;
}

static int anchor_take_seconds(struct bytes *text, const char *name, int64_t *ret_seconds)
{
	struct bytes value;
	bool is_negative;
	uint64_t seconds;
	int error = anchor_take_line(text, name, &value);

	if (error)
		return error;
	is_negative = value.size > 0 && value.at[0] == '-';
	if (is_negative)
		value = (struct bytes){ value.at + 1, value.size - 1 };
	if (bytes_to_u64(value, ANCHOR_SECONDS_MOST, &seconds) != 0)
		return -EBADMSG;
	*ret_seconds = is_negative ? -(int64_t)seconds : (int64_t)seconds;
	return 0;
}

int clock_anchor_read(const char *path, struct clock_anchor *ret)
{
	char file[ANCHOR_FILE_MOST];
	struct clock_anchor anchor = { 0 };
	struct bytes text, boot_id;
	ssize_t size = file_read(path, file, sizeof(file));
	int error;

	if (size < 0)
		return size == -EFBIG ? -EBADMSG : (int)size;
	text = (struct bytes){ file, (size_t)size };
	error = anchor_take_line(&text, "boot_id = ", &boot_id);
	if (error == 0)
		error = anchor_take_seconds(&text, "offset_s = ", &anchor.offset_s);
	if (error == 0)
		error = anchor_take_seconds(&text, "last_session_s = ", &anchor.last_session_s);
	if (error)
		return error;
	if (text.size != 0 || boot_id.size >= sizeof(anchor.boot_id) ||
	    memchr(boot_id.at, '\0', boot_id.size))
		return -EBADMSG;
	memcpy(anchor.boot_id, boot_id.at, boot_id.size);
	if (!anchor_is_sane(&anchor))
		return -EBADMSG;
	*ret = anchor;
	return 0;
}

int clock_anchor_write(const char *path, const struct clock_anchor *anchor)
{
	char text[ANCHOR_FILE_MOST];
	int size;

	if (!anchor_is_sane(anchor))
		return -EINVAL;
	size = snprintf(text, sizeof(text),
			"boot_id = %s\noffset_s = %" PRId64 "\nlast_session_s = %" PRId64 "\n",
			anchor->boot_id, anchor->offset_s, anchor->last_session_s);
	if (size < 0 || (size_t)size >= sizeof(text))
		return -EINVAL;
	return file_replace(path, text, (size_t)size, 0644);
}
