/* SPDX-License-Identifier: Apache-2.0 */
/* Generated from src/Hnv.Dataplane/Ebpf/Abi.cs; EbpfAbiTests compares, and writes it anew when HNV_WRITE_ABI is set. */
#pragma once
#include <linux/types.h>

#define DIRECTION_OUTBOUND 0
#define DIRECTION_INBOUND 1
#define ACTION_ENCAPSULATE 1
#define ACTION_LOCAL 2
#define ACTION_DELIVER 3
#define ACTION_DROP 4
#define EDIT_DESTINATION_MAC 1
#define EDIT_SOURCE_MAC 2
#define EDIT_DECREMENT_TTL 4
#define EDIT_SOURCE 16
#define EDIT_DESTINATION 32
#define EDIT_SOURCE_PORT 64
#define EDIT_DESTINATION_PORT 128
#define EDIT_TRANSLATION 240
#define EDIT_FIXED_DSCP 256
#define ENCAPSULATION_VXLAN 1
#define ENCAPSULATION_NVGRE 2
#define PORT_IS_VETH 1
#define PORT_IS_TAPPED 2
#define MARK_FROM_WIRE 2147483648
#define PUNT_WINDOW 4096
#define PUNT_COST_SHIFT 10

struct flow_key {
	__u32 source[4];
	__u32 destination[4];
	__u32 scope;
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__u16 source_port_be;
	__u16 destination_port_be;
	__u16 ether_type_be;
	__u8 protocol;
	__u8 direction;
};

struct flow_action {
	__u32 slot;
	__u32 tag;
	__u32 generation;
	__u32 hop;
	__u32 vsid;
	__u16 port;
	__u16 edits;
	__u16 max_length;
	__u16 entropy_be;
	__u16 source_port_be;
	__u16 destination_port_be;
	__u8 verdict;
	__u8 encapsulation;
	__u8 traffic_class;
	__u8 flow_id;
	__u32 source[4];
	__u32 destination[4];
	__u32 provider[4];
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__u16 conversation;
	__u16 idle_seconds;
	__u32 last_seen;
	__u8 unused[8];
};

struct flow_counters {
	__u64 packets;
	__u64 bytes;
	__u64 last_used;
	__u32 tag;
	__u8 unused[4];
};

struct port_slot {
	__u32 generation;
	__u32 device;
	__u32 flags;
	__u32 punt_device;
	__u32 punted;
	__u32 handled;
	__u64 refused_outbound;
	__u64 refused_inbound;
	__u64 identity;
	__u8 unused[16];
};

struct member_key {
	__u32 vsid;
	__u8 mac[6];
	__u16 zero;
};

struct next_hop {
	__u32 is_usable;
	__u32 device;
	__u32 source[4];
	__u32 destination[4];
	__u8 destination_mac[6];
	__u8 source_mac[6];
	__u16 vlan;
	__u16 is_ipv6;
	__u8 unused[8];
};

struct provider_address {
	__u32 address[4];
};

struct provider_endpoint {
	__u32 device;
	__u8 mac[6];
	__u16 vlan;
};
