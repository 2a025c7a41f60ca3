/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one parse of a tenant's frame. It knows plain TCP, UDP and ICMP over plain IPv4 and IPv6, unfragmented and unicast, which is
 * nearly everything; the rest is the engine's. It accepts nothing that PacketParser of the executor would refuse.
 */
#pragma once
#include <stdbool.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/tcp.h>
#include <linux/udp.h>
#include <bpf/bpf_endian.h>
#include "abi.h"

#define FIN_SYN_RST 0x07
#define ICMP_PROTOCOL_V6 58
#define HEADERS_MAX (ETH_HLEN + 40 + 20)

/* The C library's header comes with <linux/icmp.h>, and has no place here. */
struct icmp_header {
	__u8 type;
	__u8 code;
	__u16 checksum;
	__u16 identifier;
	__u16 sequence;
};

struct packet {
	__u32 length;		/* bytes of the frame */
	__u32 wire_length;	/* bytes of the largest IP packet this frame becomes on a wire */
	__u16 transport;	/* offset of the transport header, from the frame's first byte */
	__u8 ttl;
	__u8 traffic_class;
	bool is_ipv6;
};

static __always_inline bool checksum_holds(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

static __always_inline void set_ipv4(__u32 address[4], __u32 value)
{
	address[0] = 0;
	address[1] = 0;
	address[2] = bpf_htonl(0xffff);
	address[3] = value;
}

static __always_inline bool is_mapped(const __u32 address[4])
{
	return address[0] == 0 && address[1] == 0 && address[2] == bpf_htonl(0xffff);
}

/* Reads ports and what belongs to them; payload_limit is what the IP header says lies behind it. False for what the engine must see. */
static __always_inline bool parse_transport(void *transport, void *end, __u32 limit, __u32 segment, struct packet *packet, struct flow_key *key)
{
	__u32 header;

	switch (key->protocol) {
	case IPPROTO_TCP: {
		struct tcphdr *tcp = transport;

		if ((void *)(tcp + 1) > end || limit < sizeof(*tcp))
			return false;
		header = tcp->doff * 4;
		if (header < sizeof(*tcp) || header > limit)
			return false;
		/* What opens and closes a connection is seen by the engine. */
		if (((__u8 *)tcp)[13] & FIN_SYN_RST)
			return false;
		key->source_port_be = tcp->source;
		key->destination_port_be = tcp->dest;
		break;
	}
	case IPPROTO_UDP: {
		struct udphdr *udp = transport;

		if ((void *)(udp + 1) > end || limit < sizeof(*udp))
			return false;
		header = bpf_ntohs(udp->len);
		if (header < sizeof(*udp) || header > limit)
			return false;
		key->source_port_be = udp->source;
		key->destination_port_be = udp->dest;
		header = sizeof(*udp);
		break;
	}
	case IPPROTO_ICMP:
	case ICMP_PROTOCOL_V6: {
		struct icmp_header *icmp = transport;
		bool is_echo;

		if ((void *)(icmp + 1) > end || limit < sizeof(*icmp) || (key->protocol == IPPROTO_ICMP) == packet->is_ipv6)
			return false;
		is_echo = packet->is_ipv6 ? icmp->type == 128 || icmp->type == 129 : icmp->type == 8 || icmp->type == 0;
		if (!is_echo)
			return false;
		key->source_port_be = icmp->identifier;
		key->destination_port_be = bpf_htons((__u16)icmp->type << 8 | icmp->code);
		header = sizeof(*icmp);
		break;
	}
	default:
		return false;
	}

	if (segment)
		packet->wire_length = packet->wire_length - limit + header + segment;
	return true;
}

/*
 * Parses the frame that begins at that offset and runs to the end of the packet; segment is the payload of each packet that a super-packet
 * becomes, 0 when it is one packet. A super-packet must fill the frame to its last byte: then its segments are the tenant's own, and not
 * datagrams of a tunnel that were sent as one.
 */
static __always_inline bool parse(struct __sk_buff *skb, __u32 offset, __u32 segment, struct packet *packet, struct flow_key *key)
{
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = (void *)(long)skb->data + offset;
	void *network = ethernet + 1;
	__u32 room;

	if (network > end || ethernet->h_dest[0] & 1)
		return false;
	packet->length = skb->len - offset;
	room = packet->length - ETH_HLEN;
	__builtin_memcpy(key->destination_mac, ethernet->h_dest, ETH_ALEN);
	__builtin_memcpy(key->source_mac, ethernet->h_source, ETH_ALEN);
	key->ether_type_be = ethernet->h_proto;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = network;
		__u32 total;

		if ((void *)(ip + 1) > end || *(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff) || !checksum_holds(ip))
			return false;
		total = bpf_ntohs(ip->tot_len);
		if (total < sizeof(*ip) || total > room || (segment && total != room))
			return false;
		set_ipv4(key->source, ip->saddr);
		set_ipv4(key->destination, ip->daddr);
		key->protocol = ip->protocol;
		packet->is_ipv6 = false;
		packet->ttl = ip->ttl;
		packet->traffic_class = ip->tos;
		packet->transport = ETH_HLEN + sizeof(*ip);
		packet->wire_length = total;
		return parse_transport(ip + 1, end, total - sizeof(*ip), segment, packet, key);
	}

	if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = network;
		__u32 payload;

		if ((void *)(ip + 1) > end || ip->version != 6)
			return false;
		payload = bpf_ntohs(ip->payload_len);
		if (payload + sizeof(*ip) > room || (segment && payload + sizeof(*ip) != room))
			return false;
		__builtin_memcpy(key->source, &ip->saddr, sizeof(key->source));
		__builtin_memcpy(key->destination, &ip->daddr, sizeof(key->destination));
		if (is_mapped(key->source) || is_mapped(key->destination))
			return false;
		key->protocol = ip->nexthdr;
		packet->is_ipv6 = true;
		packet->ttl = ip->hop_limit;
		packet->traffic_class = bpf_ntohs(*(__u16 *)ip) >> 4;
		packet->transport = ETH_HLEN + sizeof(*ip);
		packet->wire_length = payload + sizeof(*ip);
		return parse_transport(ip + 1, end, payload, segment, packet, key);
	}

	return false;
}

/* Has the headers lie where they can be read, also when a device delivered them in pieces. */
static __always_inline void gather(struct __sk_buff *skb, __u32 wanted)
{
	if ((void *)(long)skb->data + wanted > (void *)(long)skb->data_end)
		bpf_skb_pull_data(skb, wanted < skb->len ? wanted : skb->len);
}
