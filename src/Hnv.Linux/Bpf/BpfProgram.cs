using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux.Bpf;

/// <summary>A traffic-control program of a few hand-assembled instructions, loaded into the kernel (bpf(2), BPF_PROG_TYPE_SCHED_CLS).</summary>
internal sealed unsafe class BpfProgram : IDisposable
{
    // Offsets into union bpf_attr (linux/bpf.h). SAFETY: the kernel copies AttrSize bytes and ignores fields a command does not have when zero.
    internal const int AttrSize = 128;
    private const int LogSize = 8192;

    private readonly SafeFileHandle _handle;

    private BpfProgram(SafeFileHandle handle) => _handle = handle;

    internal int Descriptor => (int)_handle.DangerousGetHandle();

    /// <summary>Has the kernel verify and load the program.</summary>
    /// <exception cref="LinuxException">It was refused; the verifier's last words are in the message.</exception>
    internal static BpfProgram Load(string name, ReadOnlySpan<ulong> instructions)
    {
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        byte[] log = GC.AllocateUninitializedArray<byte>(LogSize, pinned: true);
        log[0] = 0;
        fixed (ulong* code = instructions)
        fixed (byte* license = "Apache-2.0\0"u8)
        fixed (byte* logText = log)
        {
            MemoryMarshal.Write(attr, Interop.BPF_PROG_TYPE_SCHED_CLS);
            MemoryMarshal.Write(attr[4..], instructions.Length);
            MemoryMarshal.Write(attr[8..], (ulong)code);
            MemoryMarshal.Write(attr[16..], (ulong)license);
            MemoryMarshal.Write(attr[24..], 1);
            MemoryMarshal.Write(attr[28..], LogSize);
            MemoryMarshal.Write(attr[32..], (ulong)logText);
            Encoding.ASCII.GetBytes(name, attr.Slice(48, Interop.BPF_OBJ_NAME_LEN - 1));
            int fd = (int)Call(Interop.BPF_PROG_LOAD, attr);
            if (fd < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                string said = Encoding.ASCII.GetString(log.AsSpan(0, log.AsSpan().IndexOf((byte)0)));
                throw new LinuxException("BPF_PROG_LOAD", name, errno, said);
            }

            return new BpfProgram(new SafeFileHandle(fd, ownsHandle: true));
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    /// <summary>Attaches to a hook of a device of the calling thread's namespace; stays until detached or the device goes.</summary>
    internal void Attach(int linkIndex, uint hook, string device) => Attach(Descriptor, linkIndex, hook, device);

    /// <summary>Attaches a program that somebody else loaded.</summary>
    internal static void Attach(int program, int linkIndex, uint hook, string device) =>
        Change(Interop.BPF_PROG_ATTACH, "attach", linkIndex, hook, program, device);

    /// <summary>Attaches a program in place of another; every packet meets one of them.</summary>
    internal static void Exchange(uint programId, int program, int linkIndex, uint hook, string device)
    {
        using SafeFileHandle old = OpenById(programId);
        Change(Interop.BPF_PROG_ATTACH, "exchange", linkIndex, hook, program, device, (int)old.DangerousGetHandle());
    }

    /// <summary>The maps that a program uses, by id; none when it is gone.</summary>
    internal static uint[] MapsOf(uint programId)
    {
        const int infoSize = 80, countOffset = 52, idsOffset = 56, mapsMax = 64;       // struct bpf_prog_info
        Span<byte> info = stackalloc byte[infoSize];
        info.Clear();
        using SafeFileHandle handle = OpenById(programId);
        uint[] ids = new uint[mapsMax];
        fixed (uint* first = ids)
        {
            MemoryMarshal.Write(info[countOffset..], mapsMax);
            MemoryMarshal.Write(info[idsOffset..], (ulong)first);
            return !handle.IsInvalid && TryGetInfo((int)handle.DangerousGetHandle(), info)
                ? ids[..Math.Min(MemoryMarshal.Read<int>(info[countOffset..]), mapsMax)]
                : [];
        }
    }

    /// <summary>The id of the map that has a name in a BPF file system; 0 when there is none.</summary>
    internal static uint MapIdAt(string path)
    {
        const int infoSize = 80, idOffset = 4;                                          // struct bpf_map_info
        Span<byte> info = stackalloc byte[infoSize], attr = stackalloc byte[AttrSize];
        info.Clear();
        attr.Clear();
        fixed (byte* name = Encoding.UTF8.GetBytes(path + '\0'))
        {
            MemoryMarshal.Write(attr, (ulong)name);
            using SafeFileHandle handle = new((int)Call(Interop.BPF_OBJ_GET, attr), ownsHandle: true);
            return !handle.IsInvalid && TryGetInfo((int)handle.DangerousGetHandle(), info) ? MemoryMarshal.Read<uint>(info[idOffset..]) : 0;
        }
    }

    /// <summary>Detaches the program of that name from a hook, whoever attached it.</summary>
    internal static void Detach(int linkIndex, uint hook, uint programId, string device)
    {
        using SafeFileHandle handle = OpenById(programId);
        if (!handle.IsInvalid)
        {
            Change(Interop.BPF_PROG_DETACH, "detach", linkIndex, hook, (int)handle.DangerousGetHandle(), device);
        }
    }

    /// <summary>The programs attached to a hook: id and name, in the order they run.</summary>
    internal static List<(uint Id, string Name)> Attached(int linkIndex, uint hook, string device)
    {
        const int idsMax = 64;                              // BPF_MPROG_MAX
        Span<uint> ids = stackalloc uint[idsMax];
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        fixed (uint* pointer = ids)
        {
            MemoryMarshal.Write(attr, linkIndex);
            MemoryMarshal.Write(attr[4..], hook);
            MemoryMarshal.Write(attr[16..], (ulong)pointer);
            MemoryMarshal.Write(attr[24..], idsMax);
            if (Call(Interop.BPF_PROG_QUERY, attr) < 0)
            {
                int errno = Marshal.GetLastPInvokeError();
                return errno == Interop.ENOENT ? [] : throw new LinuxException("BPF_PROG_QUERY", device, errno);
            }
        }

        List<(uint Id, string Name)> result = [];
        foreach (uint id in ids[..Math.Min(MemoryMarshal.Read<int>(attr[24..]), idsMax)])
        {
            using SafeFileHandle handle = OpenById(id);
            if (!handle.IsInvalid)
            {
                result.Add((id, NameOf(handle)));
            }
        }

        return result;
    }

    /// <summary>Runs a traffic-control program once on a frame that lies nowhere.</summary>
    /// <returns>Bytes of the frame after it.</returns>
    internal static int TestRun(int program, ReadOnlySpan<byte> packet, ref BpfTestRun run, Span<byte> output)
    {
        // Offsets into struct __sk_buff (linux/bpf.h).
        const int contextSize = 192, mark = 8, ifindex = 40, gsoSize = 176;
        Span<byte> context = stackalloc byte[contextSize];
        context.Clear();
        MemoryMarshal.Write(context[mark..], run.Mark);
        MemoryMarshal.Write(context[ifindex..], run.Device);
        MemoryMarshal.Write(context[gsoSize..], run.SegmentSize);
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        fixed (byte* input = packet)
        fixed (byte* written = output)
        fixed (byte* surroundings = context)
        {
            MemoryMarshal.Write(attr, program);
            MemoryMarshal.Write(attr[8..], packet.Length);
            MemoryMarshal.Write(attr[12..], output.Length);
            MemoryMarshal.Write(attr[16..], (ulong)input);
            MemoryMarshal.Write(attr[24..], (ulong)written);
            MemoryMarshal.Write(attr[32..], 1);
            MemoryMarshal.Write(attr[40..], contextSize);
            MemoryMarshal.Write(attr[44..], contextSize);
            MemoryMarshal.Write(attr[48..], (ulong)surroundings);
            MemoryMarshal.Write(attr[56..], (ulong)surroundings);
            if (Call(Interop.BPF_PROG_TEST_RUN, attr) < 0)
            {
                throw LinuxException.Last("BPF_PROG_TEST_RUN", "program");
            }
        }

        run.Result = MemoryMarshal.Read<int>(attr[4..]);
        run.Mark = MemoryMarshal.Read<uint>(context[mark..]);
        run.Nanoseconds = MemoryMarshal.Read<uint>(attr[36..]);
        return MemoryMarshal.Read<int>(attr[12..]);
    }

    private static SafeFileHandle OpenById(uint id)
    {
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        MemoryMarshal.Write(attr, id);
        return new SafeFileHandle((int)Call(Interop.BPF_PROG_GET_FD_BY_ID, attr), ownsHandle: true);
    }

    private static string NameOf(SafeFileHandle program)
    {
        const int nameOffset = 64;                          // struct bpf_prog_info
        Span<byte> info = stackalloc byte[nameOffset + Interop.BPF_OBJ_NAME_LEN];
        info.Clear();
        return TryGetInfo((int)program.DangerousGetHandle(), info) ? Encoding.ASCII.GetString(info[nameOffset..].TrimEnd((byte)0)) : "";
    }

    private static bool TryGetInfo(int descriptor, Span<byte> info)
    {
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        fixed (byte* pointer = info)
        {
            MemoryMarshal.Write(attr, descriptor);
            MemoryMarshal.Write(attr[4..], info.Length);
            MemoryMarshal.Write(attr[8..], (ulong)pointer);
            return Call(Interop.BPF_OBJ_GET_INFO_BY_FD, attr) == 0;
        }
    }

    private static void Change(int command, string verb, int linkIndex, uint hook, int program, string device, int inPlaceOf = 0)
    {
        Span<byte> attr = stackalloc byte[AttrSize];
        attr.Clear();
        MemoryMarshal.Write(attr, linkIndex);
        MemoryMarshal.Write(attr[4..], program);
        MemoryMarshal.Write(attr[8..], hook);
        if (inPlaceOf != 0)
        {
            MemoryMarshal.Write(attr[12..], Interop.BPF_F_REPLACE);
            MemoryMarshal.Write(attr[16..], inPlaceOf);
        }

        if (Call(command, attr) < 0)
        {
            throw LinuxException.Last($"{verb} BPF program", device);
        }
    }

    internal static nint Call(int command, Span<byte> attr)
    {
        fixed (byte* pointer = attr)
        {
            return Interop.syscall(Interop.NR_bpf, command, pointer, attr.Length);
        }
    }
}
