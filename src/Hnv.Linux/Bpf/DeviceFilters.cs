using System.Globalization;

namespace Hnv.Linux.Bpf;

/// <summary>
/// The small programs we hang on devices at the tc hooks (TCX): a VLAN tag for a PA host vNIC without an 802.1Q device, and a wall
/// between a VM's port and the host's own IP stack. They stay when the process dies, so a crash opens nothing; the calls are
/// level-triggered and act in the calling thread's network namespace.
/// </summary>
internal static class DeviceFilters
{
    private const string VlanPrefix = "hnv_vlan_";
    private const string WallName = "hnv_wall";
    private const string PortProgramName = "hnv_port";

    private const int TcxNext = -1, TcxDrop = 2;
    private const int HelperVlanPush = 18, HelperVlanPop = 19;

    /// <summary>Makes the device speak that VLAN (1 … 4094) and nothing else; 0 makes it untagged again.</summary>
    /// <remarks>
    /// Outbound every frame gets the tag; inbound a frame with the tag loses it, any other frame is dropped. The tag travels in the
    /// packet's metadata until the lower device writes it, so super-packets stay whole.
    /// </remarks>
    internal static void EnsureVlan(string device, int vlanId)
    {
        int link = (int)Interop.if_nametoindex(device);
        string? name = vlanId == 0 ? null : VlanPrefix + vlanId.ToString(CultureInfo.InvariantCulture);
        Ensure(device, link, Interop.BPF_TCX_EGRESS, VlanPrefix, name, () => PushVlan(vlanId));
        Ensure(device, link, Interop.BPF_TCX_INGRESS, VlanPrefix, name, () => PopVlan(vlanId));
    }

    /// <summary>
    /// Keeps what arrives on the device from the host's own stack. Packet sockets see it before: they are tapped ahead of the hook.
    /// </summary>
    /// <remarks>A program of the fast path that another process left there goes: it would carry on without anybody to ask.</remarks>
    internal static void EnsureWall(string device, bool present)
    {
        Ensure(
            device,
            (int)Interop.if_nametoindex(device),
            Interop.BPF_TCX_INGRESS,
            WallName,
            present ? WallName : null,
            static () => [Move(0, TcxDrop), Exit]);
        Remove(device, Interop.BPF_TCX_INGRESS, PortProgramName);
    }

    /// <summary>True when a program of the fast path hangs on the device.</summary>
    internal static bool HasPortProgram(string device) =>
        BpfProgram.Attached(IndexOf(device), Interop.BPF_TCX_INGRESS, device).Exists(attached => attached.Name == PortProgramName);

    /// <summary>The device's number in the calling thread's namespace.</summary>
    /// <exception cref="LinuxException">There is none.</exception>
    internal static int IndexOf(string device) =>
        Interop.if_nametoindex(device) is > 0 and uint index ? (int)index : throw new LinuxException("look up device", device, Interop.ENODEV);

    /// <summary>Takes the programs whose names begin so off a hook, whoever attached them.</summary>
    internal static void Remove(string device, uint hook, string prefix)
    {
        int link = IndexOf(device);
        foreach ((uint id, string name) in BpfProgram.Attached(link, hook, device))
        {
            if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                BpfProgram.Detach(link, hook, id, device);
            }
        }
    }

    private static void Ensure(string device, int link, uint hook, string prefix, string? wanted, Func<ulong[]> assemble)
    {
        if (link == 0)
        {
            throw new LinuxException("look up device", device, Interop.ENODEV);
        }

        bool present = false;
        List<uint> stale = [];
        foreach ((uint id, string name) in BpfProgram.Attached(link, hook, device))
        {
            if (name == wanted && !present)
            {
                present = true;
            }
            else if (name.StartsWith(prefix, StringComparison.Ordinal))
            {
                stale.Add(id);
            }
        }

        if (wanted is not null && !present)
        {
            using BpfProgram program = BpfProgram.Load(wanted, assemble());
            program.Attach(link, hook, device);
        }

        // After the new one: in between a frame may meet both and is dropped, never passed with the wrong tag.
        foreach (uint id in stale)
        {
            BpfProgram.Detach(link, hook, id, device);
        }
    }

    private static ulong[] PushVlan(int vlanId) =>
    [
        Move(2, BitConverter.IsLittleEndian ? 0x0081 : 0x8100),     // __be16
        Move(3, vlanId),
        Call(HelperVlanPush),
        JumpIfEqual(0, 0, 2),
        Move(0, TcxDrop),
        Exit,
        Move(0, TcxNext),
        Exit,
    ];

    private static ulong[] PopVlan(int vlanId)
    {
        const short vlanPresent = 20, vlanTci = 24;                 // struct __sk_buff
        return
        [
            Copy(6, 1),
            Load32(0, 1, vlanPresent),
            JumpIfEqual(0, 0, 8),
            Load32(0, 1, vlanTci),
            And(0, 0xFFF),
            JumpIfNotEqual(0, vlanId, 5),
            Copy(1, 6),
            Call(HelperVlanPop),
            JumpIfNotEqual(0, 0, 2),
            Move(0, TcxNext),
            Exit,
            Move(0, TcxDrop),
            Exit,
        ];
    }

    // struct bpf_insn: opcode, destination and source register, 16-bit offset, 32-bit constant.
    private static ulong Instruction(byte code, int destination, int source, short offset, int constant) =>
        code | ((ulong)destination << 8) | ((ulong)source << 12) | ((ulong)(ushort)offset << 16) | ((ulong)(uint)constant << 32);

    private static ulong Move(int register, int constant) => Instruction(0xb7, register, 0, 0, constant);

    private static ulong Copy(int destination, int source) => Instruction(0xbf, destination, source, 0, 0);

    private static ulong And(int register, int constant) => Instruction(0x57, register, 0, 0, constant);

    private static ulong Load32(int destination, int source, short offset) => Instruction(0x61, destination, source, offset, 0);

    private static ulong JumpIfEqual(int register, int constant, short offset) => Instruction(0x15, register, 0, offset, constant);

    private static ulong JumpIfNotEqual(int register, int constant, short offset) => Instruction(0x55, register, 0, offset, constant);

    private static ulong Call(int helper) => Instruction(0x85, 0, 0, 0, helper);

    private static ulong Exit => Instruction(0x95, 0, 0, 0, 0);
}
