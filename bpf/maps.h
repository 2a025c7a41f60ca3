/* SPDX-License-Identifier: Apache-2.0 */
/* The maps. Sizes are set by the loader; those that the executor reads and writes without a system call are mapped into it. */
#pragma once
#include <linux/bpf.h>
#include <bpf/bpf_helpers.h>
#include "abi.h"

/* What was decided. Entries of a past generation or a reused slot are misses; the executor takes them away later. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct flow_action);
} hnv_flows SEC(".maps");

/*
 * Conversations that no flow is held of, by the packet that began them without its MACs: the agent's notes for the one that comes after it. No program
 * looks at them.
 */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, 1);
	__type(key, struct flow_key);
	__type(value, struct flow_action);
} hnv_idle SEC(".maps");

/* What a flow counted, by slot. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct flow_counters);
} hnv_counters SEC(".maps");

/* VM ports by index. Index 0 is nobody's: what is punted for no known port is accounted there. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct port_slot);
} hnv_ports SEC(".maps");

/* The port that a device belongs to, by ifindex. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, __u32);
} hnv_devices SEC(".maps");

/* The port that a MAC of a virtual subnet belongs to; asked on misses alone, so that every port has a queue of its own. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct member_key);
	__type(value, __u32);
} hnv_members SEC(".maps");

/* Where the packets for a provider address go next. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct next_hop);
} hnv_hops SEC(".maps");

/* This host's provider addresses. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 1);
	__type(key, struct provider_address);
	__type(value, struct provider_endpoint);
} hnv_endpoints SEC(".maps");

/* The UDP port of VXLAN. */
volatile const __u16 vxlan_port_be = 0xb512;
