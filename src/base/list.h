/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A doubly linked list whose links live inside the members. A head is a link that points at itself
 * when the list is empty. Owns nothing.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
	struct list *next, *previous;
};

#define list_entry(link, type, member) ((type *)((char *)(link)-offsetof(type, member)))

static inline void list_init(struct list *list)
{
	list->next = list->previous = list;
}

static inline bool list_is_empty(const struct list *list)
{
	return list->next == list;
}

/* Puts `link` behind `where`: at the front when `where` is the head. */
static inline void list_insert_after(struct list *where, struct list *link)
{
	link->previous = where;
	link->next = where->next;
	where->next->previous = link;
	where->next = link;
}

static inline void list_append(struct list *list, struct list *link)
{
	list_insert_after(list->previous, link);
}

/* The link stands alone afterwards; removing it again does nothing. */
static inline void list_remove(struct list *link)
{
	link->previous->next = link->next;
	link->next->previous = link->previous;
	link->next = link->previous = link;
}

#endif
