/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Batches of datagrams over recvmmsg(2) and sendmmsg(2). Called by the thread that owns the batch
 * and the sockets.
 */
#include "io/datagram.h"

#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* One page more than a datagram, and some lines: datagrams are mostly small, and places a power of
 * two apart would all fall into the same few sets of the caches. */
#define SLOT_STRIDE (DATAGRAM_MOST + 320)
#define CONTROL_SIZE CMSG_SPACE(sizeof(struct in6_pktinfo))
#define ERROR_CONTROL_SIZE 256
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
	struct mmsghdr out[DATAGRAM_BATCH];
	struct iovec out_parts[DATAGRAM_BATCH];
	_Alignas(16) char out_control[DATAGRAM_BATCH][CONTROL_SIZE];
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
			.msg_iov = &batch->in_parts[i],
			.msg_iovlen = 1,
			.msg_control = batch->in_control[i],
		};
		batch->out[i].msg_hdr = (struct msghdr){
			.msg_name = &batch->outs[i].to,
			.msg_iov = &batch->out_parts[i],
			.msg_iovlen = 1,
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
}

int datagram_receive(struct datagram_batch *batch, int fd, unsigned most, struct datagram **ret)
{
	unsigned first = batch->received;
	int count;

	if (most > datagram_room(batch))
		most = datagram_room(batch);
	if (!most)
		return -EAGAIN;
	for (unsigned i = first; i < first + most; i++) {
		batch->in[i].msg_hdr.msg_namelen = sizeof(union datagram_address);
		batch->in[i].msg_hdr.msg_controllen = CONTROL_SIZE;
	}
	do
		count = recvmmsg(fd, &batch->in[first], most, MSG_DONTWAIT, NULL);
	while (count < 0 && errno == EINTR);
	if (count <= 0)
		return count < 0 && errno != EWOULDBLOCK ? -errno : -EAGAIN;
	for (unsigned i = first; i < first + (unsigned)count; i++)
		slot_take(batch, i);
	batch->received += (unsigned)count;
	*ret = &batch->slots[first];
	return count;
}

static void write_local(struct datagram_batch *batch, unsigned index, int family,
			const struct datagram_local *from)
{
	struct msghdr *header = &batch->out[index].msg_hdr;
	struct cmsghdr *control = (struct cmsghdr *)batch->out_control[index];

	header->msg_control = control;
	memset(control, 0, CONTROL_SIZE);
	if (family == AF_INET) {
		struct in_pktinfo info = { 0 };

		memcpy(&info.ipi_spec_dst, from->ip, 4);
		*control = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IP, IP_PKTINFO };
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	} else {
		struct in6_pktinfo info = { .ipi6_ifindex = from->interface };

		memcpy(&info.ipi6_addr, from->ip, 16);
		*control = (struct cmsghdr){ CMSG_LEN(sizeof(info)), IPPROTO_IPV6, IPV6_PKTINFO };
		memcpy(CMSG_DATA(control), &info, sizeof(info));
		header->msg_controllen = CMSG_SPACE(sizeof(info));
	}
}

void datagram_put(struct datagram_batch *batch, const struct datagram_out *out,
		  const struct datagram_local *from)
{
	static const struct datagram_local none;
	unsigned index = batch->put;
	struct msghdr *header = &batch->out[index].msg_hdr;

	if (index == DATAGRAM_BATCH)
		return; /* not more were received */
	batch->put++;
	batch->outs[index] = *out;
	batch->outs[index].error = 0;
	batch->out_parts[index] = (struct iovec){ out->datagram->data, out->datagram->size };
	header->msg_namelen = datagram_address_size(&out->to);
	header->msg_control = NULL;
	header->msg_controllen = 0;
	if (from && memcmp(from, &none, sizeof(none)) != 0)
		write_local(batch, index, out->to.any.sa_family, from);
}

/* Room in the kernel, not this datagram: the next try would meet the same. */
static bool is_out_of_room(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK || error == ENOBUFS || error == ENOMEM;
}

/* Sends from `first` on while it is the same socket's; returns how many are dealt with. */
static unsigned run_send(struct datagram_batch *batch, unsigned first)
{
	struct datagram_out *outs = batch->outs;
	unsigned end = first + 1;
	bool is_second_try = false;

	while (end < batch->put && outs[end].fd == outs[first].fd)
		end++;
	for (;;) {
		int count;

		if (end - first == 1)
			count = sendmsg(outs[first].fd, &batch->out[first].msg_hdr,
					MSG_DONTWAIT | MSG_NOSIGNAL) < 0
					? -1
					: 1;
		else
			count = sendmmsg(outs[first].fd, &batch->out[first], end - first,
					 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (count > 0)
			return first + (unsigned)count;
		if (errno == EINTR)
			continue;
		/* The kernel tells an earlier datagram's fate at the next call, once: that is not
		 * about this one. */
		if (is_second_try || is_out_of_room(errno) || errno == EMSGSIZE) {
			outs[first].error = -errno;
			return first + 1;
		}
		is_second_try = true;
	}
}

unsigned datagram_flush(struct datagram_batch *batch, const struct datagram_out **ret,
			unsigned *ret_count)
{
	unsigned dropped = 0;

	for (unsigned i = 0; i < batch->put;)
		i = run_send(batch, i);
	for (unsigned i = 0; i < batch->put; i++)
		dropped += batch->outs[i].error != 0;
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
