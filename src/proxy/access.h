/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An exchange that is over becomes a line of its listener's access log, handed to the log's thread
 * through the worker's ring. Belongs to the worker's thread.
 */
#ifndef PROXY_ACCESS_H
#define PROXY_ACCESS_H

struct exchange;

/* Its note is there. A full ring loses the line and counts it. */
void access_write(struct exchange *exchange);
/* There was no memory for its note: the line is counted as lost. */
void access_lose(const struct exchange *exchange);

#endif
