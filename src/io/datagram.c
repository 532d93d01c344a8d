/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of datagrams over recvmmsg(2), sendmmsg(2) and segmentation. Called by the thread that
 * owns the batch and the sockets.
 */
#include "io/datagram.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <netinet/udp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One page more than a datagram, and some lines: datagrams are mostly small, and places a power of
 * two apart would all fall into the same few sets of the caches. */
#define SLOT_STRIDE (DATAGRAM_MOST + 320)
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))
#define OUT_CONTROL_SIZE (CONTROL_SIZE + CMSG_SPACE(sizeof(uint16_t)))
#define ERROR_CONTROL_SIZE 256
/* Datagrams of one size to one peer go through the kernel as one, which parts them behind its
 * routing (UDP_SEGMENT, Linux 4.18): four cost half as much, sixteen a third. */
#define SEGMENT_MOST 1472 /* what Ethernet carries; longer ones are refused there */
#define GROUP_BYTES_MOST 65000
#define RESENDS_MOST 2
#define GROUPLESS_FLUSHES 1024 /* after a refusal */
#define BUFFER_SIZE (1 << 20) /* of a socket to others: a few of the largest datagrams */
#define LISTEN_BUFFER_SIZE (4 << 20) /* bursts of many clients; the system may allow less */

struct datagram_batch {
	unsigned received; /* slots in use */
	unsigned put;
	char *memory;
	struct datagram slots[DATAGRAM_BATCH];
	struct mmsghdr in[DATAGRAM_BATCH];
	struct iovec in_parts[DATAGRAM_BATCH];
	_Alignas(16) char in_control[DATAGRAM_BATCH][CONTROL_SIZE];
	struct datagram_out outs[DATAGRAM_BATCH];
	struct datagram_local out_locals[DATAGRAM_BATCH];
	struct iovec out_parts[DATAGRAM_BATCH];
	struct mmsghdr out[DATAGRAM_BATCH]; /* a group of datagrams each */
	_Alignas(16) char out_control[DATAGRAM_BATCH][OUT_CONTROL_SIZE];
	unsigned groupless; /* flushes to come that send each datagram by itself */
};

struct datagram_batch *datagram_batch_new(void)
{
	struct datagram_batch *batch = calloc(1, sizeof(*batch));

	if (!batch)
		return NULL;
	/* Not touched before it is used: small datagrams take a page of each slot. */
	batch->memory = malloc((size_t)DATAGRAM_BATCH * SLOT_STRIDE);
	if (!batch->memory)
		return datagram_batch_free(batch);
	for (unsigned i = 0; i < DATAGRAM_BATCH; i++) {
		struct datagram *slot = &batch->slots[i];

		slot->data = batch->memory + (size_t)i * SLOT_STRIDE;
		batch->in_parts[i] = (struct iovec){ slot->data, DATAGRAM_MOST };
		batch->in[i].msg_hdr = (struct msghdr){
			.msg_name = &slot->from,
			.msg_namelen = sizeof(slot->from),
			.msg_iov = &batch->in_parts[i],
			.msg_iovlen = 1,
			.msg_control = batch->in_control[i],
			.msg_controllen = CONTROL_SIZE,
		};
	}
	return batch;
}

struct datagram_batch *datagram_batch_free(struct datagram_batch *batch)
{
	if (!batch)
		return NULL;
	free(batch->memory);
	free(batch);
	return NULL;
}

unsigned datagram_room(const struct datagram_batch *batch)
{
	return DATAGRAM_BATCH - batch->received;
}

socklen_t datagram_address_size(const union datagram_address *address)
{
	if (address->any.sa_family == AF_INET)
		return sizeof(address->ipv4);
	return address->any.sa_family == AF_INET6 ? sizeof(address->ipv6) : 0;
}

int datagram_address_from(const struct address *address, union datagram_address *ret)
{
	struct sockaddr_storage storage;
	socklen_t size = address_to_sockaddr(address, &storage);

	if (!size)
		return -EAFNOSUPPORT;
	memset(ret, 0, sizeof(*ret));
	memcpy(ret, &storage, size);
	return 0;
}

int datagram_address_to(const union datagram_address *address, struct address *ret)
{
	struct sockaddr_storage storage = { 0 };

	memcpy(&storage, address, sizeof(*address));
	return address_from_sockaddr(&storage, ret);
}

/* The address of ours that a datagram came to. */
static void read_local(struct msghdr *header, struct datagram *slot)
{
	memset(&slot->to, 0, sizeof(slot->to));
	for (struct cmsghdr *control = CMSG_FIRSTHDR(header); control;
	     control = CMSG_NXTHDR(header, control)) {
		if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo info;

			/* Not ipi_addr: that may be a broadcast address, which nobody answers from.
			 */
			memcpy(&info, CMSG_DATA(control), sizeof(info));
			memcpy(slot->to.ip, &info.ipi_spec_dst, 4);
		} else if (control->cmsg_level == IPPROTO_IPV6 &&
			   control->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo info;

			memcpy(&info, CMSG_DATA(control), sizeof(info));
			memcpy(slot->to.ip, &info.ipi6_addr, 16);
			if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr))
				slot->to.interface = info.ipi6_ifindex;
		}
	}
}

static void slot_take(struct datagram_batch *batch, unsigned index)
{
	struct datagram *slot = &batch->slots[index];
	struct msghdr *header = &batch->in[index].msg_hdr;

	slot->size = batch->in[index].msg_len;
	slot->is_cut = header->msg_flags & MSG_TRUNC;
	/* The slot held another family's address before. */
	if (header->msg_namelen < sizeof(slot->from))
		memset((char *)&slot->from + header->msg_namelen, 0,
		       sizeof(slot->from) - header->msg_namelen);
	read_local(header, slot);
	/* As the kernel expects them: only what it wrote is set again. */
	header->msg_namelen = sizeof(slot->from);
	header->msg_controllen = CONTROL_SIZE;
}

/* One alone, which costs the kernel less to look at; without the address of ours. */
static int receive_one(struct datagram_batch *batch, int fd)
{
	struct datagram *slot = &batch->slots[batch->received];
	socklen_t size = sizeof(slot->from);
	ssize_t got = recvfrom(fd, slot->data, DATAGRAM_MOST, MSG_DONTWAIT | MSG_TRUNC,
			       &slot->from.any, &size);

	if (got < 0)
		return -1;
	slot->is_cut = got > DATAGRAM_MOST;
	slot->size = slot->is_cut ? DATAGRAM_MOST : (uint32_t)got;
	slot->to = (struct datagram_local){ 0 };
	if (size < sizeof(slot->from))
		memset((char *)&slot->from + size, 0, sizeof(slot->from) - size);
	return 1;
}

int datagram_receive(struct datagram_batch *batch, int fd, unsigned most, struct datagram **ret)
{
	unsigned first = batch->received;
	int count;

	if (most > datagram_room(batch))
		most = datagram_room(batch);
	if (!most)
		return -EAGAIN;
	do
		count = most == 1 ? receive_one(batch, fd)
				  : recvmmsg(fd, &batch->in[first], most, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	if (count <= 0)
		return count < 0 && errno != EWOULDBLOCK ? -errno : -EAGAIN;
	for (unsigned i = first; most > 1 && i < first + (unsigned)count; i++)
		slot_take(batch, i);
	batch->received += (unsigned)count;
	*ret = &batch->slots[first];
	return count;
}

/* The control messages of a group: where from, and how long each datagram is. */
static void header_control(struct msghdr *header, char *space, int family,
			   const struct datagram_local *from, unsigned segment)
{
	static const struct datagram_local none;
	struct cmsghdr *control = (struct cmsghdr *)space;
	size_t used = 0;

	if (memcmp(from, &none, sizeof(none)) != 0 && family == AF_INET) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, from->ip, 4);
		*control = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		used = CMSG_SPACE(sizeof(info));
	} else if (memcmp(from, &none, sizeof(none)) != 0) {
		struct in6_pktinfo info = { .ipi6_ifindex = from->interface };

		memcpy(&info.ipi6_addr, from->ip, 16);
		*control = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		used = CMSG_SPACE(sizeof(info));
	}
	if (segment) {
		uint16_t size = (uint16_t)segment;

		control = (struct cmsghdr *)(space + used);
		*control = (struct cmsghdr){ CMSG_LEN(sizeof(size)), IPPROTO_UDP, UDP_SEGMENT };
		memcpy(CMSG_DATA(control), &size, sizeof(size));
		used += CMSG_SPACE(sizeof(size));
	}
	header->msg_control = used ? space : NULL;
	header->msg_controllen = used;
}

void datagram_put(struct datagram_batch *batch, const struct datagram_out *out,
		  const struct datagram_local *from)
{
	unsigned index = batch->put;

	if (index == DATAGRAM_BATCH)
		return; /* not more were received */
	batch->put++;
	batch->outs[index] = *out;
	batch->outs[index].error = 0;
	batch->out_locals[index] = from ? *from : (struct datagram_local){ 0 };
	batch->out_parts[index] = (struct iovec){ out->datagram->data, out->datagram->size };
}

/* How many from `first` on may go as one: to the same peer, of one size; the last may be shorter.
 */
static unsigned group_count(const struct datagram_batch *batch, unsigned first, unsigned end)
{
	const struct datagram_out *outs = batch->outs;
	uint32_t size = outs[first].datagram->size;
	uint32_t total = size;
	unsigned i = first + 1;

	if (!size || size > SEGMENT_MOST || batch->groupless)
		return 1;
	for (; i < end; i++) {
		uint32_t next = outs[i].datagram->size;

		if (!next || next > size || total + next > GROUP_BYTES_MOST ||
		    !datagram_address_equal(&outs[i].to, &outs[first].to) ||
		    memcmp(&batch->out_locals[i], &batch->out_locals[first],
			   sizeof(batch->out_locals[i])) != 0)
			break;
		total += next;
		if (next < size)
			return i + 1 - first;
	}
	return i - first;
}

/* `count` datagrams from `first` on as the kernel wants them. */
static void header_write(struct datagram_batch *batch, struct msghdr *header, char *control,
			 unsigned first, unsigned count)
{
	union datagram_address *to = &batch->outs[first].to;

	*header = (struct msghdr){
		.msg_name = to,
		.msg_namelen = datagram_address_size(to),
		.msg_iov = &batch->out_parts[first],
		.msg_iovlen = count,
	};
	header_control(header, control, to->any.sa_family, &batch->out_locals[first],
		       count > 1 ? batch->outs[first].datagram->size : 0);
}

/* Room in the kernel, not this datagram: a second try would meet the same. */
static bool is_out_of_room(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

/* One that the kernel had refused with `error`. It tells an earlier datagram's fate at the next
 * call, once: what it says then is not about this one. */
static void datagram_resend(struct datagram_batch *batch, unsigned index, int error)
{
	_Alignas(16) char control[OUT_CONTROL_SIZE];
	struct datagram_out *out = &batch->outs[index];
	struct msghdr header;

	header_write(batch, &header, control, index, 1);
	for (int i = 0; i < RESENDS_MOST && !is_out_of_room(error) && error != EMSGSIZE; i++) {
		if (sendmsg(out->fd, &header, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
			return;
		error = errno;
	}
	out->error = -error;
}

/* The group of out[at] alone; as above, one plain datagram costs less that way. */
static int send_one(int fd, const struct msghdr *header)
{
	const int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
	ssize_t sent;

	if (header->msg_controllen || header->msg_iovlen > 1)
		sent = sendmsg(fd, header, flags);
	else
		sent = sendto(fd, header->msg_iov->iov_base, header->msg_iov->iov_len, flags,
			      header->msg_name, header->msg_namelen);
	return sent < 0 ? -1 : 1;
}

/* Sends groups [0, count) of one socket; group g begins with datagram starts[g]. */
static void groups_send(struct datagram_batch *batch, const unsigned *starts, unsigned count)
{
	int fd = batch->outs[starts[0]].fd;
	unsigned at = 0;

	while (at < count) {
		int sent;

		if (count - at == 1)
			sent = send_one(fd, &batch->out[at].msg_hdr);
		else
			sent = sendmmsg(fd, &batch->out[at], count - at,
					MSG_DONTWAIT | MSG_NOSIGNAL);
		if (sent > 0) {
			at += (unsigned)sent;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* A network card or a way that cannot have groups: each by itself, for a while. */
		if (starts[at + 1] - starts[at] > 1)
			batch->groupless = GROUPLESS_FLUSHES;
		for (unsigned i = starts[at]; i < starts[at + 1]; i++)
			datagram_resend(batch, i, starts[at + 1] - starts[at] > 1 ? 0 : errno);
		at++;
	}
}

/* Sends from `first` on while it is the same socket's; returns where the next one's begin. */
static unsigned run_send(struct datagram_batch *batch, unsigned first)
{
	unsigned starts[DATAGRAM_BATCH + 1];
	unsigned end = first + 1;
	unsigned count = 0;

	while (end < batch->put && batch->outs[end].fd == batch->outs[first].fd)
		end++;
	for (unsigned i = first; i < end; count++) {
		unsigned size = group_count(batch, i, end);

		starts[count] = i;
		header_write(batch, &batch->out[count].msg_hdr, batch->out_control[count], i, size);
		i += size;
	}
	starts[count] = end;
	groups_send(batch, starts, count);
	return end;
}

unsigned datagram_flush(struct datagram_batch *batch, const struct datagram_out **ret,
			unsigned *ret_count)
{
	unsigned dropped = 0;

	for (unsigned i = 0; i < batch->put;)
		i = run_send(batch, i);
	for (unsigned i = 0; i < batch->put; i++)
		dropped += batch->outs[i].error != 0;
	if (batch->groupless)
		batch->groupless--;
	*ret = batch->outs;
	*ret_count = batch->put;
	batch->put = batch->received = 0;
	return dropped;
}

static void set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

int datagram_open(int family)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_UDP);

	if (fd < 0)
		return -errno;
	/* As much as the system allows: a roof, not an allocation. */
	set_option(fd, SOL_SOCKET, SO_RCVBUF, BUFFER_SIZE);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, BUFFER_SIZE);
	if (family == AF_INET6) {
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
		set_option(fd, IPPROTO_IPV6, IPV6_RECVERR, 1);
	} else {
		set_option(fd, IPPROTO_IP, IP_RECVERR, 1);
	}
	return fd;
}

void datagram_prepare(int fd, int family, bool tells_local)
{
	set_option(fd, SOL_SOCKET, SO_SNDBUF, LISTEN_BUFFER_SIZE);
	if (family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, tells_local);
	else
		set_option(fd, IPPROTO_IP, IP_PKTINFO, tells_local);
}

static bool is_unreachable(const struct sock_extended_err *error)
{
	/* Port, host, network or protocol: whoever should have got it, did not. Too large a
	 * datagram and the sender's own limits come the same way and are another matter. */
	if (error->ee_origin == SO_EE_ORIGIN_ICMP)
		return error->ee_type == ICMP_DEST_UNREACH && error->ee_code != ICMP_FRAG_NEEDED;
	if (error->ee_origin == SO_EE_ORIGIN_ICMP6)
		return error->ee_type == ICMP6_DST_UNREACH;
	return false;
}

bool datagram_error(int fd, struct datagram_error *ret)
{
	_Alignas(16) char control_space[ERROR_CONTROL_SIZE];
	struct msghdr header = {
		.msg_name = &ret->to,
		.msg_namelen = sizeof(ret->to),
		.msg_control = control_space,
		.msg_controllen = sizeof(control_space),
	};

	*ret = (struct datagram_error){ 0 };
	if (recvmsg(fd, &header, MSG_ERRQUEUE | MSG_DONTWAIT) < 0)
		return false;
	for (struct cmsghdr *control = CMSG_FIRSTHDR(&header); control;
	     control = CMSG_NXTHDR(&header, control)) {
		struct sock_extended_err error;

		if (!(control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_RECVERR) &&
		    !(control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&error, CMSG_DATA(control), sizeof(error));
		ret->error = (int)error.ee_errno;
		ret->is_unreachable = is_unreachable(&error);
	}
	return true;
}
