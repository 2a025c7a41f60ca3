/* SPDX-License-Identifier: Apache-2.0 */
/* Outer headers: VXLAN (RFC 7348) and NVGRE (RFC 7637) over IPv4 and IPv6. */
#pragma once
#include "packet.h"
#include "maps.h"

#define OUTER_TTL 64
#define VXLAN_FLAGS bpf_htonl(0x08000000)
#define NVGRE_FLAGS_AND_PROTOCOL bpf_htonl(0x20006558)
#define TUNNEL_LENGTH_MAX 0xffff

/* Since Linux 6.3; older headers do not have them. */
#define ADJ_ROOM_DECAP_L3_IPV4 (1ULL << 7)
#define ADJ_ROOM_DECAP_L3_IPV6 (1ULL << 8)

/* Bytes of the two structures below without what the compiler puts behind them. */
#define VXLAN_HEADERS (sizeof(struct udphdr) + 8 + ETH_HLEN)
#define NVGRE_HEADERS (8 + ETH_HLEN)

struct vxlan_headers {
	struct udphdr udp;
	__u32 flags;
	__u32 vni;
	struct ethhdr inner;
};

struct nvgre_headers {
	__u32 flags_and_protocol;
	__u32 vsid;
	struct ethhdr inner;
};

/* Two bytes in front, so that the IP header is aligned as the verifier wants it. */
struct outer_ipv4 {
	__u16 front;
	struct ethhdr ethernet;
	struct iphdr ip;
};

struct outer_ipv6 {
	__u16 front;
	struct ethhdr ethernet;
	struct ipv6hdr ip;
};

/* What an outer header says. */
struct tunnel {
	__u32 source[4];
	__u32 vsid;
	__u32 length;		/* bytes of the outer headers, up to the inner frame */
	__u8 traffic_class;
	bool is_ipv6;
};

static __always_inline __u16 sum_of(const struct iphdr *ip)
{
	const __u16 *words = (const __u16 *)ip;
	__u32 sum = 0;

#pragma unroll
	for (int i = 0; i < 10; i++)
		sum += words[i];
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return ~sum;
}

static __always_inline int write_outer_ipv4(struct __sk_buff *skb, const struct next_hop *hop, __u8 traffic_class, __u8 protocol, __u32 length)
{
	struct outer_ipv4 outer = {};

	__builtin_memcpy(outer.ethernet.h_dest, hop->destination_mac, ETH_ALEN);
	__builtin_memcpy(outer.ethernet.h_source, hop->source_mac, ETH_ALEN);
	outer.ethernet.h_proto = bpf_htons(ETH_P_IP);
	outer.ip.version = 4;
	outer.ip.ihl = 5;
	outer.ip.tos = traffic_class;
	outer.ip.tot_len = bpf_htons(sizeof(outer.ip) + length);
	outer.ip.frag_off = bpf_htons(0x4000);
	outer.ip.ttl = OUTER_TTL;
	outer.ip.protocol = protocol;
	outer.ip.saddr = hop->source[3];
	outer.ip.daddr = hop->destination[3];
	outer.ip.check = sum_of(&outer.ip);
	return bpf_skb_store_bytes(skb, 0, &outer.ethernet, ETH_HLEN + sizeof(outer.ip), 0);
}

static __always_inline int write_outer_ipv6(struct __sk_buff *skb, const struct next_hop *hop, __u8 traffic_class, __u8 protocol, __u32 length)
{
	struct outer_ipv6 outer = {};

	__builtin_memcpy(outer.ethernet.h_dest, hop->destination_mac, ETH_ALEN);
	__builtin_memcpy(outer.ethernet.h_source, hop->source_mac, ETH_ALEN);
	outer.ethernet.h_proto = bpf_htons(ETH_P_IPV6);
	*(__u32 *)&outer.ip = bpf_htonl(6U << 28 | (__u32)traffic_class << 20);
	outer.ip.payload_len = bpf_htons(length);
	outer.ip.nexthdr = protocol;
	outer.ip.hop_limit = OUTER_TTL;
	__builtin_memcpy(&outer.ip.saddr, hop->source, sizeof(hop->source));
	__builtin_memcpy(&outer.ip.daddr, hop->destination, sizeof(hop->destination));
	return bpf_skb_store_bytes(skb, 0, &outer.ethernet, ETH_HLEN + sizeof(outer.ip), 0);
}

/*
 * Puts the outer headers in front of the frame. The inner MACs are those of the key. The L2 length told to the kernel is the inner Ethernet header
 * alone: with the tunnel header counted in, super-packets would not be cut.
 * A negative result means that the packet is as it was.
 */
static __always_inline int encapsulate(
	struct __sk_buff *skb, const struct next_hop *hop, const struct flow_action *action, const struct packet *packet, const struct flow_key *key, __u32 *offset)
{
	bool is_vxlan = action->encapsulation == ENCAPSULATION_VXLAN;
	__u32 tunnel = is_vxlan ? VXLAN_HEADERS : NVGRE_HEADERS;
	__u32 ip = hop->is_ipv6 ? sizeof(struct ipv6hdr) : sizeof(struct iphdr);
	__u32 length = packet->length - ETH_HLEN + tunnel;
	__u8 ecn = packet->traffic_class & 3;
	__u8 traffic_class = action->edits & EDIT_FIXED_DSCP ? action->traffic_class | ecn : packet->traffic_class;
	__u64 flags = BPF_F_ADJ_ROOM_FIXED_GSO | BPF_F_ADJ_ROOM_ENCAP_L2_ETH | BPF_F_ADJ_ROOM_ENCAP_L2(ETH_HLEN);
	int failed;

	flags |= is_vxlan ? BPF_F_ADJ_ROOM_ENCAP_L4_UDP : BPF_F_ADJ_ROOM_ENCAP_L4_GRE;
	flags |= hop->is_ipv6 ? BPF_F_ADJ_ROOM_ENCAP_L3_IPV6 : BPF_F_ADJ_ROOM_ENCAP_L3_IPV4;
	if (length + ip > TUNNEL_LENGTH_MAX || bpf_skb_adjust_room(skb, ip + tunnel, BPF_ADJ_ROOM_MAC, flags))
		return -1;

	failed = hop->is_ipv6
		? write_outer_ipv6(skb, hop, traffic_class, is_vxlan ? IPPROTO_UDP : IPPROTO_GRE, length)
		: write_outer_ipv4(skb, hop, traffic_class, is_vxlan ? IPPROTO_UDP : IPPROTO_GRE, length);
	if (is_vxlan) {
		struct vxlan_headers headers = {
			.udp = { .source = action->entropy_be, .dest = vxlan_port_be, .len = bpf_htons(length) },
			.flags = VXLAN_FLAGS,
			.vni = bpf_htonl(action->vsid << 8),
			.inner = { .h_proto = key->ether_type_be },
		};

		__builtin_memcpy(headers.inner.h_dest, key->destination_mac, ETH_ALEN);
		__builtin_memcpy(headers.inner.h_source, key->source_mac, ETH_ALEN);
		failed |= bpf_skb_store_bytes(skb, ETH_HLEN + ip, &headers, VXLAN_HEADERS, 0);
	} else {
		struct nvgre_headers headers = {
			.flags_and_protocol = NVGRE_FLAGS_AND_PROTOCOL,
			.vsid = bpf_htonl(action->vsid << 8 | action->flow_id),
			.inner = { .h_proto = key->ether_type_be },
		};

		__builtin_memcpy(headers.inner.h_dest, key->destination_mac, ETH_ALEN);
		__builtin_memcpy(headers.inner.h_source, key->source_mac, ETH_ALEN);
		failed |= bpf_skb_store_bytes(skb, ETH_HLEN + ip, &headers, NVGRE_HEADERS, 0);
	}

	*offset = ip + tunnel;
	return failed ? 1 : 0;
}

static __always_inline bool same_mac(const __u8 *left, const __u8 *right)
{
	return *(__u16 *)left == *(__u16 *)right && *(__u16 *)(left + 2) == *(__u16 *)(right + 2) && *(__u16 *)(left + 4) == *(__u16 *)(right + 4);
}

/*
 * Reads the outer headers of a packet for one of our provider addresses, in the plainest form that our own kind sends. False for everything else:
 * it takes the way through the kernel's stack, which joins fragments, checks checksums and answers for what we do not understand.
 */
static __always_inline bool parse_tunnel(struct __sk_buff *skb, struct tunnel *tunnel)
{
	void *end = (void *)(long)skb->data_end;
	struct ethhdr *ethernet = (void *)(long)skb->data;
	struct provider_address local = {};
	struct provider_endpoint *endpoint;
	void *transport;
	__u32 length;
	__u8 protocol;

	if ((void *)(ethernet + 1) > end)
		return false;
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = (void *)(ethernet + 1);

		if ((void *)(ip + 1) > end || *(__u8 *)ip != 0x45 || ip->frag_off & bpf_htons(0x3fff))
			return false;
		protocol = ip->protocol;
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_GRE)
			return false;
		length = bpf_ntohs(ip->tot_len);
		if (length != skb->len - ETH_HLEN || !checksum_holds(ip))
			return false;
		length -= sizeof(*ip);
		set_ipv4(tunnel->source, ip->saddr);
		set_ipv4(local.address, ip->daddr);
		tunnel->traffic_class = ip->tos;
		tunnel->is_ipv6 = false;
		tunnel->length = ETH_HLEN + sizeof(*ip);
		transport = ip + 1;
	} else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = (void *)(ethernet + 1);

		if ((void *)(ip + 1) > end || ip->version != 6)
			return false;
		protocol = ip->nexthdr;
		if (protocol != IPPROTO_UDP && protocol != IPPROTO_GRE)
			return false;
		length = bpf_ntohs(ip->payload_len);
		if (length + sizeof(*ip) != skb->len - ETH_HLEN)
			return false;
		__builtin_memcpy(tunnel->source, &ip->saddr, sizeof(tunnel->source));
		__builtin_memcpy(local.address, &ip->daddr, sizeof(local.address));
		tunnel->traffic_class = bpf_ntohs(*(__u16 *)ip) >> 4;
		tunnel->is_ipv6 = true;
		tunnel->length = ETH_HLEN + sizeof(*ip);
		transport = ip + 1;
	} else {
		return false;
	}

	if (protocol == IPPROTO_UDP) {
		struct vxlan_headers *headers = transport;

		/* A checksum is the kernel's to verify; a datagram in several segments is no single frame. */
		if (transport + VXLAN_HEADERS > end || headers->udp.dest != vxlan_port_be || headers->udp.check
			|| bpf_ntohs(headers->udp.len) != length || headers->flags != VXLAN_FLAGS || bpf_ntohl(headers->vni) & 0xff)
			return false;
		tunnel->vsid = bpf_ntohl(headers->vni) >> 8;
		tunnel->length += VXLAN_HEADERS - ETH_HLEN;
	} else {
		struct nvgre_headers *headers = transport;

		if (transport + NVGRE_HEADERS > end || headers->flags_and_protocol != NVGRE_FLAGS_AND_PROTOCOL)
			return false;
		tunnel->vsid = bpf_ntohl(headers->vsid) >> 8;
		tunnel->length += NVGRE_HEADERS - ETH_HLEN;
	}

	endpoint = bpf_map_lookup_elem(&hnv_endpoints, &local);
	return endpoint && endpoint->device == skb->ifindex && same_mac(ethernet->h_dest, endpoint->mac)
		&& (skb->vlan_present ? skb->vlan_tci & 0xfff : 0) == endpoint->vlan;
}

/* Takes the outer headers off; the inner Ethernet header is written anew by the caller. A negative result means that the packet is as it was. */
static __always_inline int decapsulate(struct __sk_buff *skb, const struct tunnel *tunnel, const struct packet *packet)
{
	return bpf_skb_adjust_room(
		skb,
		-(__s32)tunnel->length,
		BPF_ADJ_ROOM_MAC,
		BPF_F_ADJ_ROOM_FIXED_GSO | (packet->is_ipv6 ? ADJ_ROOM_DECAP_L3_IPV6 : ADJ_ROOM_DECAP_L3_IPV4));
}
