using System.Runtime.InteropServices;

namespace Hnv.Linux.Bpf;

/// <summary>
/// A BPF file system of one's own at a folder: maps that have a name in it live as long as it is mounted, whoever made them. It is an instance of its
/// own, so that agents of several hosts on one kernel keep apart, and goes whole when it is unmounted.
/// </summary>
public static class BpfFileSystem
{
    private const string Type = "bpf";

    /// <summary>Mounts one, unless it is there.</summary>
    /// <param name="directory">A folder; made when it is absent.</param>
    /// <exception cref="LinuxException">The process may not (CAP_SYS_ADMIN), or the kernel has no BPF file system.</exception>
    public static void Ensure(string directory)
    {
        if (IsMounted(directory))
        {
            return;
        }

        _ = Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        nint options = Marshal.StringToCoTaskMemUTF8("mode=0700");
        try
        {
            if (Interop.mount(Type, directory, Type, 0, options) != 0)
            {
                throw LinuxException.Last("mount BPF file system", directory);
            }
        }
        finally
        {
            Marshal.FreeCoTaskMem(options);
        }
    }

    /// <summary>Unmounts it, and every map that nothing else holds goes. Absent is success.</summary>
    /// <exception cref="LinuxException">The process may not.</exception>
    public static void Remove(string directory)
    {
        if (IsMounted(directory) && Interop.umount2(directory, Interop.MNT_DETACH) != 0)
        {
            throw LinuxException.Last("unmount BPF file system", directory);
        }

        if (Directory.Exists(directory))
        {
            Directory.Delete(directory);
        }
    }

    /// <summary>True when one is mounted there, as this process sees it.</summary>
    public static bool IsMounted(string directory)
    {
        // mountinfo: id, parent, device, root, mount point, options, optional fields, "-", type.
        const int mountPoint = 4;
        string path = Path.GetFullPath(directory).TrimEnd('/');
        return File.ReadLines("/proc/self/mountinfo").Select(line => line.Split(' '))
            .Any(fields => fields[mountPoint] == path && fields[Array.IndexOf(fields, "-") + 1] == Type);
    }
}
