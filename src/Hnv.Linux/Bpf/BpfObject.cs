using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;

namespace Hnv.Linux.Bpf;

/// <summary>An object file of BPF programs and their maps, loaded into the kernel by libbpf. Programs that were attached outlive it.</summary>
/// <remarks>The object's maps are sized between <see cref="Open"/> and <see cref="Load"/>, and used after it.</remarks>
public sealed unsafe partial class BpfObject : IDisposable
{
    private const int LogBytes = 1 << 20;
    private const uint LogStatistics = 4;                   // BPF_LOG_STATS

    private readonly Dictionary<string, byte[]> _logs = new(StringComparer.Ordinal);
    private readonly string _name;
    private nint _object;

    private BpfObject(nint handle, string name)
    {
        _object = handle;
        _name = name;
    }

    /// <summary>Reads an object file.</summary>
    /// <param name="elf">Its bytes, as clang wrote them.</param>
    /// <param name="name">What errors call it.</param>
    /// <exception cref="LinuxException">It is none, or libbpf is not installed (ENOSYS).</exception>
    public static BpfObject Open(ReadOnlySpan<byte> elf, string name)
    {
        const int enosys = 38;
        try
        {
            // What it has to say comes back as an error, not on our standard error.
            _ = Interop.libbpf_set_print(0);
            fixed (byte* bytes = elf)
            {
                nint handle = Interop.bpf_object__open_mem(bytes, (nuint)elf.Length, null);
                return handle != 0 ? new BpfObject(handle, name) : throw LinuxException.Last("read BPF object", name);
            }
        }
        catch (DllNotFoundException)
        {
            throw new LinuxException("read BPF object", name, enosys, "libbpf.so.1 is not installed (Debian: apt-get install libbpf1)");
        }
    }

    /// <summary>Sets how many entries a map has.</summary>
    public void SetEntries(string map, int count) => Check(Interop.bpf_map__set_max_entries(FindMap(map), (uint)count), $"size map {map}");

    /// <summary>
    /// Has <see cref="Load"/> take the map of that name in a BPF file system, or make one and give it that name. An existing one must have the same sizes.
    /// </summary>
    public void Pin(string map, string path) => Check(Interop.bpf_map__set_pin_path(FindMap(map), path), $"pin map {map}");

    /// <summary>Sets the constants that the programs read (section .rodata); their order and sizes are the source's.</summary>
    public void SetConstants(ReadOnlySpan<byte> values)
    {
        fixed (byte* bytes = values)
        {
            Check(Interop.bpf_map__set_initial_value(FindMap(".rodata"), bytes, (nuint)values.Length), "set constants");
        }
    }

    /// <summary>Keeps what the verifier says of a program, for <see cref="VerifiedInstructions"/> and the error of <see cref="Load"/>.</summary>
    public void KeepLog(string program)
    {
        byte[] log = GC.AllocateArray<byte>(LogBytes, pinned: true);
        _logs[program] = log;
        fixed (byte* bytes = log)
        {
            _ = Interop.bpf_program__set_log_buf(FindProgram(program), bytes, LogBytes);
            _ = Interop.bpf_program__set_log_level(FindProgram(program), LogStatistics);
        }
    }

    /// <summary>Makes the maps and has the kernel verify the programs.</summary>
    /// <exception cref="LinuxException">It refused; the verifier's last words are in the message, where they were kept.</exception>
    public void Load()
    {
        int result = Interop.bpf_object__load(_object);
        if (result < 0)
        {
            string said = string.Join("; ", _logs.Values.Select(Text).Where(text => text.Length > 0).Select(text => text[Math.Max(0, text.Length - 300)..]));
            throw new LinuxException("load BPF object", _name, -result, said);
        }
    }

    /// <summary>Instructions that the verifier walked through for a program, all paths counted; its limit is a million. 0 when no log was kept.</summary>
    public int VerifiedInstructions(string program) =>
        _logs.TryGetValue(program, out byte[]? log) && Processed().Match(Text(log)) is { Success: true } match
            ? int.Parse(match.Groups["count"].ValueSpan, CultureInfo.InvariantCulture)
            : 0;

    /// <summary>A map, as typed; the sizes must be the map's.</summary>
    /// <exception cref="LinuxException">There is none, or its sizes differ.</exception>
    public BpfMap<TKey, TValue> Map<TKey, TValue>(string name)
        where TKey : unmanaged
        where TValue : unmanaged
    {
        nint map = FindMap(name);
        CheckSizes(name, map, sizeof(TKey), sizeof(TValue));
        return new BpfMap<TKey, TValue>(name, Interop.bpf_map__fd(map), this);
    }

    /// <summary>An array that is mapped into this process.</summary>
    /// <exception cref="LinuxException">There is none, or its element's size differs.</exception>
    public BpfArray<T> Array<T>(string name)
        where T : unmanaged
    {
        nint map = FindMap(name);
        CheckSizes(name, map, sizeof(uint), sizeof(T));
        return BpfArray<T>.Map(name, Interop.bpf_map__fd(map), (int)Interop.bpf_map__max_entries(map));
    }

    /// <summary>
    /// Hangs a program on the ingress hook of a device of the calling thread's namespace, in place of any program whose name begins with one of the
    /// prefixes; one of its own name is exchanged for it at once, so that every packet meets one of them. It stays until detached or the device goes.
    /// </summary>
    public void AttachIngress(string program, string device, params ReadOnlySpan<string> inPlaceOf)
    {
        int link = DeviceFilters.IndexOf(device), descriptor = Interop.bpf_program__fd(FindProgram(program));
        List<(uint Id, string Name)> before = BpfProgram.Attached(link, Interop.BPF_TCX_INGRESS, device);
        int same = before.FindIndex(attached => attached.Name == program);
        if (same >= 0)
        {
            BpfProgram.Exchange(before[same].Id, descriptor, link, Interop.BPF_TCX_INGRESS, device);
            before.RemoveAt(same);
        }
        else
        {
            BpfProgram.Attach(descriptor, link, Interop.BPF_TCX_INGRESS, device);
        }

        foreach ((uint id, string name) in before)
        {
            foreach (string prefix in inPlaceOf)
            {
                if (name.StartsWith(prefix, StringComparison.Ordinal))
                {
                    BpfProgram.Detach(link, Interop.BPF_TCX_INGRESS, id, device);
                    break;
                }
            }
        }
    }

    /// <summary>True when a program of that name hangs on the ingress hook of a device of the calling thread's namespace.</summary>
    /// <param name="program">Its name.</param>
    /// <param name="device">The device.</param>
    /// <param name="mapPath">A map, by its name in a BPF file system, that it must use; null is any.</param>
    public static bool IsAttachedIngress(string program, string device, string? mapPath = null)
    {
        List<(uint Id, string Name)> attached = BpfProgram.Attached(DeviceFilters.IndexOf(device), Interop.BPF_TCX_INGRESS, device);
        return attached.Exists(one => one.Name == program)
            && (mapPath is null || (BpfProgram.MapIdAt(mapPath) is not 0 and uint map
                && attached.Exists(one => one.Name == program && BpfProgram.MapsOf(one.Id).Contains(map))));
    }

    /// <summary>Takes all programs of that name off the ingress hook of a device of the calling thread's namespace, whoever attached them.</summary>
    public static void DetachIngress(string program, string device) =>
        DeviceFilters.Remove(device, Interop.BPF_TCX_INGRESS, program);

    /// <summary>Runs a traffic-control program on a packet that lies nowhere (BPF_PROG_TEST_RUN).</summary>
    /// <param name="program">Its name.</param>
    /// <param name="packet">The frame.</param>
    /// <param name="run">What is known beside the frame; on return what the program made of it.</param>
    /// <param name="output">Room for the frame after the program.</param>
    /// <returns>Bytes written.</returns>
    public int TestRun(string program, ReadOnlySpan<byte> packet, ref BpfTestRun run, Span<byte> output) =>
        BpfProgram.TestRun(Interop.bpf_program__fd(FindProgram(program)), packet, ref run, output);

    /// <inheritdoc/>
    public void Dispose()
    {
        if (Interlocked.Exchange(ref _object, 0) is not 0 and nint handle)
        {
            Interop.bpf_object__close(handle);
        }
    }

    private static string Text(byte[] log) => Encoding.ASCII.GetString(log.AsSpan(0, Math.Max(0, log.AsSpan().IndexOf((byte)0)))).Trim();

    private nint FindMap(string name) =>
        Interop.bpf_object__find_map_by_name(_object, name) is not 0 and nint map ? map : throw new LinuxException("find BPF map", name, Interop.ENOENT);

    private nint FindProgram(string name) =>
        Interop.bpf_object__find_program_by_name(_object, name) is not 0 and nint program
            ? program
            : throw new LinuxException("find BPF program", name, Interop.ENOENT);

    private void CheckSizes(string name, nint map, int key, int value)
    {
        if (Interop.bpf_map__key_size(map) != (uint)key || Interop.bpf_map__value_size(map) != (uint)value)
        {
            throw new LinuxException("open BPF map", $"{_name}:{name}", Interop.EINVAL, "its key or value has another size: the programs were built from another source");
        }
    }

    private void Check(int result, string operation)
    {
        if (result < 0)
        {
            throw new LinuxException(operation, _name, -result);
        }
    }

    [GeneratedRegex("processed (?<count>[0-9]+) insns")]
    private static partial Regex Processed();
}
