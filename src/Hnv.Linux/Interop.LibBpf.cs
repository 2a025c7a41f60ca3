using System.Runtime.InteropServices;

namespace Hnv.Linux;

/// <summary>Imports from libbpf 1.x, spelled as in C. What can be done with bpf(2) alone is not among them.</summary>
internal static unsafe partial class Interop
{
    private const string LibBpf = "libbpf.so.1";

    [LibraryImport(LibBpf, SetLastError = true)]
    internal static partial nint libbpf_set_print(nint function);

    [LibraryImport(LibBpf, SetLastError = true)]
    internal static partial nint bpf_object__open_mem(void* bytes, nuint size, void* options);

    [LibraryImport(LibBpf, SetLastError = true)]
    internal static partial int bpf_object__load(nint obj);

    [LibraryImport(LibBpf)]
    internal static partial void bpf_object__close(nint obj);

    [LibraryImport(LibBpf, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint bpf_object__find_map_by_name(nint obj, string name);

    [LibraryImport(LibBpf, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial nint bpf_object__find_program_by_name(nint obj, string name);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_map__set_max_entries(nint map, uint count);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_map__set_initial_value(nint map, void* value, nuint size);

    [LibraryImport(LibBpf, StringMarshalling = StringMarshalling.Utf8)]
    internal static partial int bpf_map__set_pin_path(nint map, string path);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_map__fd(nint map);

    [LibraryImport(LibBpf)]
    internal static partial uint bpf_map__max_entries(nint map);

    [LibraryImport(LibBpf)]
    internal static partial uint bpf_map__key_size(nint map);

    [LibraryImport(LibBpf)]
    internal static partial uint bpf_map__value_size(nint map);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_program__fd(nint program);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_program__set_log_buf(nint program, byte* buffer, nuint size);

    [LibraryImport(LibBpf)]
    internal static partial int bpf_program__set_log_level(nint program, uint level);

    [LibraryImport(Libc, SetLastError = true)]
    internal static partial void* mmap(void* address, nuint length, int protection, int flags, int fd, nint offset);

    [LibraryImport(Libc, SetLastError = true)]
    internal static partial int munmap(void* address, nuint length);
}
