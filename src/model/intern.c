/* SPDX-License-Identifier: Apache-2.0 */
/* A hash table with open addressing, at most half full, over an array of entries. */
#include "model/intern.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "model/limits.h"

static void place_entry(uint32_t *places, uint32_t place_count, uint64_t hash, uint32_t entry)
{
	uint32_t at = (uint32_t)hash & (place_count - 1);

	while (places[at] != 0)
		at = (at + 1) & (place_count - 1);
	places[at] = entry + 1;
}

/* Room for one more entry and for `size` more bytes. */
static int intern_reserve(struct intern *intern, size_t size)
{
	if (size > LIMIT_SNAPSHOT_SIZE - intern->size)
		return -E2BIG;
	if (intern->size + size > intern->room) {
		size_t room = (intern->size + size) * 2 + 1024;
		char *grown = realloc(intern->bytes, room);

		if (!grown)
			return -ENOMEM;
		intern->bytes = grown;
		intern->room = room;
	}
	if (intern->entry_count == intern->entry_room) {
		uint32_t room = intern->entry_room ? intern->entry_room * 2 : 64;
		struct intern_entry *grown =
			reallocarray(intern->entries, room, sizeof(*intern->entries));

		if (!grown)
			return -ENOMEM;
		intern->entries = grown;
		intern->entry_room = room;
	}
	if (intern->entry_count * 2 >= intern->place_count) {
		uint32_t count = intern->place_count ? intern->place_count * 2 : 128;
		uint32_t *places = calloc(count, sizeof(*places));

		if (!places)
			return -ENOMEM;
		for (uint32_t i = 0; i < intern->entry_count; i++)
			place_entry(places, count, intern->entries[i].hash, i);
		free(intern->places);
		intern->places = places;
		intern->place_count = count;
	}
	return 0;
}

int intern_add(struct intern *intern, struct bytes string, uint32_t *ret_entry)
{
	uint64_t hash = hash_bytes(string.at, string.size);
	struct intern_entry *entry;
	int error;

	if (string.size >= LIMIT_SNAPSHOT_SIZE)
		return -E2BIG;
	error = intern_reserve(intern, string.size + 1);
	if (error)
		return error;
	for (uint32_t at = (uint32_t)hash & (intern->place_count - 1); intern->places[at] != 0;
	     at = (at + 1) & (intern->place_count - 1)) {
		entry = &intern->entries[intern->places[at] - 1];
		if (entry->hash == hash && entry->size == string.size &&
		    memcmp(intern->bytes + entry->offset, string.at, string.size) == 0) {
			*ret_entry = intern->places[at] - 1;
			return 0;
		}
	}
	entry = &intern->entries[intern->entry_count];
	*entry = (struct intern_entry){ hash, (uint32_t)intern->size, (uint32_t)string.size };
	memcpy(intern->bytes + intern->size, string.at, string.size);
	intern->bytes[intern->size + string.size] = '\0';
	intern->size += string.size + 1;
	place_entry(intern->places, intern->place_count, hash, intern->entry_count);
	*ret_entry = intern->entry_count++;
	return 0;
}

void intern_done(struct intern *intern)
{
	free(intern->bytes);
	free(intern->entries);
	free(intern->places);
	*intern = (struct intern){ 0 };
}
