/* SPDX-License-Identifier: Apache-2.0 */
/* The inner edits of a transposition, the same to the byte as HeaderEdits of the executor. Helpers throughout: they write into headers that
 * belong to us alone without copying the rest of a packet that its sender still holds on to. */
#pragma once
#include "packet.h"
#include "maps.h"

#define CHECKSUM_OF_IPV4 10
#define TTL_OF_IPV4 8
#define HOP_LIMIT_OF_IPV6 7
#define ADDRESSES_OF_IPV4 12
#define ADDRESSES_OF_IPV6 8

/* Where the transport checksum lies in its header. */
static __always_inline __u32 checksum_offset(__u8 protocol)
{
	return protocol == IPPROTO_TCP ? 16 : protocol == IPPROTO_UDP ? 6 : 2;
}

static __always_inline int replace_address(
	struct __sk_buff *skb, bool is_ipv6, __u8 protocol, __u32 network, __u32 field, __u32 checksum, __u64 absent, __u32 *old, __u32 *new)
{
	int failed = 0;

	if (is_ipv6) {
		__s64 difference = bpf_csum_diff(old, 16, new, 16, 0);

		failed |= bpf_l4_csum_replace(skb, checksum, 0, difference, BPF_F_PSEUDO_HDR | absent);
		return failed | bpf_skb_store_bytes(skb, network + field, new, 16, BPF_F_RECOMPUTE_CSUM);
	}

	/* ICMP of IPv4 has no pseudo-header. */
	if (protocol != IPPROTO_ICMP)
		failed |= bpf_l4_csum_replace(skb, checksum, old[3], new[3], BPF_F_PSEUDO_HDR | absent | sizeof(__u32));
	failed |= bpf_l3_csum_replace(skb, network + CHECKSUM_OF_IPV4, old[3], new[3], sizeof(__u32));
	return failed | bpf_skb_store_bytes(skb, network + field, &new[3], sizeof(__u32), 0);
}

static __always_inline int replace_port(struct __sk_buff *skb, __u32 field, __u32 checksum, __u64 absent, __u16 old, __u16 new)
{
	return bpf_l4_csum_replace(skb, checksum, old, new, absent | sizeof(__u16))
		| bpf_skb_store_bytes(skb, field, &new, sizeof(new), 0);
}

/* Replaces addresses and ports of the frame that begins at that offset. A checksum of 0 in UDP says "none" and stays. */
static __always_inline int translate(struct __sk_buff *skb, __u32 offset, struct flow_action *action, const struct packet *packet, struct flow_key *key)
{
	__u32 network = offset + ETH_HLEN;
	__u32 transport = offset + packet->transport;
	__u32 checksum = transport + checksum_offset(key->protocol);
	__u32 field = packet->is_ipv6 ? ADDRESSES_OF_IPV6 : ADDRESSES_OF_IPV4;
	__u64 absent = key->protocol == IPPROTO_UDP ? BPF_F_MARK_MANGLED_0 : 0;
	bool is_echo = key->protocol == IPPROTO_ICMP || key->protocol == ICMP_PROTOCOL_V6;
	int failed = 0;

	if (action->edits & EDIT_SOURCE)
		failed |= replace_address(
			skb, packet->is_ipv6, key->protocol, network, field, checksum, absent, key->source, action->source);
	if (action->edits & EDIT_DESTINATION)
		failed |= replace_address(
			skb, packet->is_ipv6, key->protocol, network, field + (packet->is_ipv6 ? 16 : 4), checksum, absent, key->destination, action->destination);
	if (action->edits & EDIT_SOURCE_PORT)
		failed |= replace_port(skb, transport + (is_echo ? 4 : 0), checksum, absent, key->source_port_be, action->source_port_be);
	if (action->edits & EDIT_DESTINATION_PORT)
		failed |= replace_port(skb, transport + 2, checksum, absent, key->destination_port_be, action->destination_port_be);
	return failed;
}

static __always_inline int lower_ttl(struct __sk_buff *skb, __u32 offset, const struct packet *packet)
{
	__u32 network = offset + ETH_HLEN;
	__u16 old, new;
	__u8 lowered = packet->ttl - 1;
	int failed = 0;

	if (packet->is_ipv6)
		return bpf_skb_store_bytes(skb, network + HOP_LIMIT_OF_IPV6, &lowered, 1, BPF_F_RECOMPUTE_CSUM);
	old = bpf_htons((__u16)packet->ttl << 8);
	new = bpf_htons((__u16)lowered << 8);
	failed |= bpf_l3_csum_replace(skb, network + CHECKSUM_OF_IPV4, old, new, sizeof(__u16));
	return failed | bpf_skb_store_bytes(skb, network + TTL_OF_IPV4, &lowered, 1, 0);
}

/* What the next one to look at the packet would parse. */
static __always_inline void edit_key(struct flow_key *key, const struct flow_action *action)
{
	if (action->edits & EDIT_DESTINATION_MAC)
		__builtin_memcpy(key->destination_mac, action->destination_mac, ETH_ALEN);
	if (action->edits & EDIT_SOURCE_MAC)
		__builtin_memcpy(key->source_mac, action->source_mac, ETH_ALEN);
	if (action->edits & EDIT_SOURCE)
		__builtin_memcpy(key->source, action->source, sizeof(key->source));
	if (action->edits & EDIT_DESTINATION)
		__builtin_memcpy(key->destination, action->destination, sizeof(key->destination));
	if (action->edits & EDIT_SOURCE_PORT)
		key->source_port_be = action->source_port_be;
	if (action->edits & EDIT_DESTINATION_PORT)
		key->destination_port_be = action->destination_port_be;
}

/* All edits behind the Ethernet header of the frame at that offset. The key must be the packet's; it becomes the edited packet's. */
static __always_inline int edit(struct __sk_buff *skb, __u32 offset, struct flow_action *action, struct packet *packet, struct flow_key *key)
{
	int failed = 0;

	if (action->edits & EDIT_TRANSLATION)
		failed |= translate(skb, offset, action, packet, key);
	if (action->edits & EDIT_DECREMENT_TTL) {
		failed |= lower_ttl(skb, offset, packet);
		packet->ttl--;
	}
	edit_key(key, action);
	return failed;
}

/* What congestion on the way means to the inner packet (RFC 6040 section 4.2): the new ECN field, or -1 when it must be dropped. */
static __always_inline int inner_ecn(__u8 outer, __u8 inner)
{
	outer &= 3;
	inner &= 3;
	if (outer == 0 || outer == 2 || outer == inner)
		return inner;
	if (inner == 0)
		return outer == 3 ? -1 : 0;
	if (inner != 3 && (outer == 3 || (outer == 1 && inner == 2)))
		return outer;
	return inner;
}

static __always_inline int set_ecn(struct __sk_buff *skb, const struct packet *packet, __u8 ecn)
{
	__u8 updated = (packet->traffic_class & ~3) | ecn;
	int failed = 0;

	if (packet->is_ipv6) {
		__u8 low;

		/* Version (4 bits), traffic class (8), flow label: the field's lower half is in the second byte. */
		failed |= bpf_skb_load_bytes(skb, ETH_HLEN + 1, &low, 1);
		low = (updated & 0xf) << 4 | (low & 0xf);
		return failed | bpf_skb_store_bytes(skb, ETH_HLEN + 1, &low, 1, BPF_F_RECOMPUTE_CSUM);
	}

	failed |= bpf_l3_csum_replace(
		skb, ETH_HLEN + CHECKSUM_OF_IPV4, bpf_htons(packet->traffic_class), bpf_htons(updated), sizeof(__u16));
	return failed | bpf_skb_store_bytes(skb, ETH_HLEN + 1, &updated, 1, 0);
}
