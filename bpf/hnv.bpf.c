// SPDX-License-Identifier: Apache-2.0
/*
 * The fast path: carries out in the kernel what the engine has decided. There is no policy here. A packet that no current decision is known for, or
 * that is anything out of the ordinary, is punted: it goes to the executor with its super-packet and checksum metadata, unchanged.
 */
#include <linux/pkt_cls.h>
#include "maps.h"
#include "packet.h"
#include "edit.h"
#include "tunnel.h"

#define PACKET_HOST 0
#define CONTINUE -1		/* TCX_NEXT: whatever comes after us */

/*
 * Hands a packet to the executor. Each port has so much room in the executor's queue and no more; what the executor has taken gives room back. So a
 * guest that floods fills its own room, and others wait behind that at the most.
 */
static __always_inline int punt(struct __sk_buff *skb, struct port_slot *port, __u32 mark)
{
	__u32 cost = 1 + (skb->len >> PUNT_COST_SHIFT);
	__u32 used = __sync_fetch_and_add(&port->punted, cost) + cost - port->handled;

	if (used > PUNT_WINDOW || !port->punt_device) {
		__sync_fetch_and_add(&port->punted, -cost);
		if (mark & MARK_FROM_WIRE)
			__sync_fetch_and_add(&port->refused_inbound, 1);
		else
			__sync_fetch_and_add(&port->refused_outbound, 1);
		return TC_ACT_SHOT;
	}

	skb->mark = mark;
	return bpf_redirect(port->punt_device, 0);
}

/* Was this decided by the program in force, and for packets like this one? */
static __always_inline struct flow_counters *holds(const struct flow_action *action, const struct port_slot *port, const struct packet *packet)
{
	struct flow_counters *counters;

	if (action->generation != port->generation || (action->edits & EDIT_DECREMENT_TTL && packet->ttl <= 1)
		|| (action->max_length && packet->wire_length > action->max_length))
		return NULL;
	counters = bpf_map_lookup_elem(&hnv_counters, &action->slot);
	return counters && counters->tag == action->tag ? counters : NULL;
}

static __always_inline void count(struct flow_counters *counters, __u32 length)
{
	__sync_fetch_and_add(&counters->packets, 1);
	__sync_fetch_and_add(&counters->bytes, length);
	counters->last_used = bpf_ktime_get_coarse_ns();
}

static __always_inline int write_macs(struct __sk_buff *skb, const struct flow_key *key)
{
	struct ethhdr ethernet = { .h_proto = key->ether_type_be };

	__builtin_memcpy(ethernet.h_dest, key->destination_mac, ETH_ALEN);
	__builtin_memcpy(ethernet.h_source, key->source_mac, ETH_ALEN);
	return bpf_skb_store_bytes(skb, 0, &ethernet, sizeof(ethernet), BPF_F_RECOMPUTE_CSUM);
}

/* Gives the frame to the guest behind the port: into its namespace at once, or to the device. */
static __always_inline int deliver(struct __sk_buff *skb, const struct port_slot *port)
{
	skb->mark = 0;
	if (!(port->flags & PORT_IS_VETH))
		return bpf_redirect(port->device, 0);
	bpf_skb_change_type(skb, PACKET_HOST);
	return bpf_redirect_peer(port->device, 0);
}

static __always_inline int deliver_locally(
	struct __sk_buff *skb, struct port_slot *sender, __u32 mark, struct flow_action *outbound, struct flow_counters *sent, struct packet *packet, struct flow_key *key)
{
	struct flow_key arriving = *key;
	struct flow_action *inbound;
	struct flow_counters *received;
	struct packet edited = *packet;
	struct port_slot *port;
	__u32 index;

	edit_key(&arriving, outbound);
	arriving.scope = outbound->vsid;
	arriving.direction = DIRECTION_INBOUND;
	if (outbound->edits & EDIT_DECREMENT_TTL)
		edited.ttl--;
	inbound = bpf_map_lookup_elem(&hnv_flows, &arriving);
	if (!inbound)
		return punt(skb, sender, mark);
	index = inbound->port;
	port = bpf_map_lookup_elem(&hnv_ports, &index);
	received = port ? holds(inbound, port, &edited) : NULL;
	if (!received)
		return punt(skb, sender, mark);

	count(sent, packet->length);
	count(received, packet->length);
	if (inbound->verdict != ACTION_DELIVER || edit(skb, 0, outbound, packet, key) || edit(skb, 0, inbound, packet, key) || write_macs(skb, key))
		return TC_ACT_SHOT;
	return deliver(skb, port);
}

/* What a guest sent. */
SEC("tc")
int hnv_port(struct __sk_buff *skb)
{
	__u32 device = skb->ifindex, offset = 0;
	__u32 *index = bpf_map_lookup_elem(&hnv_devices, &device);
	struct port_slot *port = index ? bpf_map_lookup_elem(&hnv_ports, index) : NULL;
	struct flow_counters *counters;
	struct flow_action *action;
	struct packet packet = {};
	struct flow_key key = {};
	struct next_hop *hop;
	__u32 mark;
	int result;

	/* What the executor reads from the device itself it has seen before us. */
	if (!port || port->flags & PORT_IS_TAPPED)
		return TC_ACT_SHOT;
	mark = *index;
	gather(skb, HEADERS_MAX);
	if (skb->vlan_present || !parse(skb, 0, skb->gso_size, &packet, &key))
		return punt(skb, port, mark);
	key.scope = mark;
	key.direction = DIRECTION_OUTBOUND;
	action = bpf_map_lookup_elem(&hnv_flows, &key);
	counters = action ? holds(action, port, &packet) : NULL;
	if (!counters)
		return punt(skb, port, mark);
	if (action->verdict == ACTION_DROP) {
		count(counters, packet.length);
		return TC_ACT_SHOT;
	}
	if (action->verdict == ACTION_LOCAL)
		return deliver_locally(skb, port, mark, action, counters, &packet, &key);
	if (action->verdict != ACTION_ENCAPSULATE)
		return punt(skb, port, mark);

	hop = bpf_map_lookup_elem(&hnv_hops, &action->hop);
	if (!hop || !hop->is_usable)
		return punt(skb, port, mark);
	{
		struct flow_key inner = key;

		edit_key(&inner, action);
		result = encapsulate(skb, hop, action, &packet, &inner, &offset);
	}
	if (result < 0)
		return punt(skb, port, mark);
	count(counters, packet.length);
	if (result || edit(skb, offset, action, &packet, &key))
		return TC_ACT_SHOT;
	if (hop->vlan && bpf_skb_vlan_push(skb, bpf_htons(ETH_P_8021Q), hop->vlan))
		return TC_ACT_SHOT;
	skb->mark = 0;
	return bpf_redirect(hop->device, 0);
}

/* The port whose queue a packet from the wire waits in. */
static __always_inline int punt_from_wire(struct __sk_buff *skb, const struct tunnel *tunnel)
{
	struct member_key member = { .vsid = tunnel->vsid };
	struct port_slot *port;
	__u32 nobody = 0, *index = &nobody;

	if (!bpf_skb_load_bytes(skb, tunnel->length, member.mac, ETH_ALEN)) {
		index = bpf_map_lookup_elem(&hnv_members, &member);
		if (!index)
			index = &nobody;
	}

	port = bpf_map_lookup_elem(&hnv_ports, index);
	return port ? punt(skb, port, MARK_FROM_WIRE | *index) : TC_ACT_SHOT;
}

/* What the provider network brought. */
SEC("tc")
int hnv_uplink(struct __sk_buff *skb)
{
	struct flow_counters *counters;
	struct flow_action *action;
	struct tunnel tunnel = {};
	struct packet packet = {};
	struct flow_key key = {};
	struct port_slot *port;
	__u32 index;
	int ecn;

	gather(skb, ETH_HLEN + sizeof(struct ipv6hdr) + VXLAN_HEADERS - ETH_HLEN + HEADERS_MAX);
	if (!parse_tunnel(skb, &tunnel))
		return CONTINUE;
	if (!parse(skb, tunnel.length, skb->gso_size, &packet, &key))
		return punt_from_wire(skb, &tunnel);
	key.scope = tunnel.vsid;
	key.direction = DIRECTION_INBOUND;
	action = bpf_map_lookup_elem(&hnv_flows, &key);
	if (!action)
		return punt_from_wire(skb, &tunnel);
	index = action->port;
	port = bpf_map_lookup_elem(&hnv_ports, &index);
	if (!port || action->provider[3] != tunnel.source[3] || action->provider[2] != tunnel.source[2]
		|| action->provider[1] != tunnel.source[1] || action->provider[0] != tunnel.source[0])
		return punt_from_wire(skb, &tunnel);
	counters = holds(action, port, &packet);
	ecn = inner_ecn(tunnel.traffic_class, packet.traffic_class);
	if (!counters || ecn < 0)
		return punt_from_wire(skb, &tunnel);
	if (action->verdict == ACTION_DROP) {
		count(counters, packet.length);
		return TC_ACT_SHOT;
	}
	if (action->verdict != ACTION_DELIVER || decapsulate(skb, &tunnel, &packet))
		return punt_from_wire(skb, &tunnel);

	count(counters, packet.length);
	if (ecn != (packet.traffic_class & 3) && set_ecn(skb, &packet, ecn))
		return TC_ACT_SHOT;
	if (edit(skb, 0, action, &packet, &key) || write_macs(skb, &key))
		return TC_ACT_SHOT;
	if (skb->vlan_present && bpf_skb_vlan_pop(skb))
		return TC_ACT_SHOT;
	return deliver(skb, port);
}

char LICENSE[] SEC("license") = "Apache-2.0";
