using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Linux;

/// <summary>
/// A network namespace with a name, kept alive by a bind mount under <see cref="DirectoryPath"/> as <c>ip netns</c> does, so both see
/// each other's. Disposing closes the handle; the namespace stays until <see cref="Delete"/>.
/// </summary>
/// <remarks>
/// A process started by <c>ip netns exec</c> has a mount namespace of its own: what it creates here nobody else sees and it dies with
/// the process. Start services with <c>nsenter --net=/run/netns/NAME</c> instead.
/// </remarks>
public sealed class NetworkNamespace : IDisposable
{
    /// <summary>Where the names live.</summary>
    public const string DirectoryPath = "/run/netns";

    private readonly SafeFileHandle _handle;

    private NetworkNamespace(string name, SafeFileHandle handle)
    {
        Name = name;
        _handle = handle;
    }

    /// <summary>The name; empty for a namespace opened without one.</summary>
    public string Name { get; }

    internal SafeFileHandle Handle => _handle;

    /// <summary>The names of all namespaces, those of <c>ip netns</c> too.</summary>
    public static IReadOnlyList<string> List() =>
        Directory.Exists(DirectoryPath)
            ? [.. Directory.EnumerateFiles(DirectoryPath).Select(path => Path.GetFileName(path)).Where(Exists).Order(StringComparer.Ordinal)]
            : [];

    /// <summary>True when a namespace of that name is there; a file left behind without its mount does not count.</summary>
    public static bool Exists(string name)
    {
        using SafeFileHandle handle = Interop.open(PathOf(name), Interop.O_RDONLY | Interop.O_CLOEXEC, 0);
        return !handle.IsInvalid && IsNamespace(handle);
    }

    /// <summary>Makes a namespace with nothing in it but <c>lo</c>, which is brought up.</summary>
    /// <exception cref="LinuxException">The name is taken, or the process may not.</exception>
    public static NetworkNamespace Create(string name)
    {
        string path = PathOf(name);
        if (Exists(name))
        {
            throw new LinuxException("create network namespace", name, Interop.EEXIST);
        }

        PrepareDirectory();
        using (SafeFileHandle file = Interop.open(path, Interop.O_RDONLY | Interop.O_CREAT | Interop.O_CLOEXEC, 0))
        {
            if (file.IsInvalid)
            {
                throw LinuxException.Last("create", path);
            }
        }

        try
        {
            OnThread($"netns {name}", () =>
            {
                if (Interop.unshare(Interop.CLONE_NEWNET) != 0)
                {
                    throw LinuxException.Last("unshare(CLONE_NEWNET)", name);
                }

                if (Interop.mount("/proc/thread-self/ns/net", path, null, Interop.MS_BIND, 0) != 0)
                {
                    throw LinuxException.Last("bind mount of the network namespace", path);
                }

                return 0;
            });
        }
        catch
        {
            _ = Interop.unlink(path);
            throw;
        }

        NetworkNamespace created = Open(name);
        using Netlink.RouteSocket route = Netlink.RouteSocket.Open(created);
        route.SetUp("lo");
        return created;
    }

    /// <summary>Opens the namespace of that name.</summary>
    /// <exception cref="LinuxException">There is none.</exception>
    public static NetworkNamespace Open(string name)
    {
        SafeFileHandle handle = Interop.open(PathOf(name), Interop.O_RDONLY | Interop.O_CLOEXEC, 0);
        if (handle.IsInvalid)
        {
            throw LinuxException.Last("open network namespace", name);
        }

        if (!IsNamespace(handle))
        {
            handle.Dispose();
            throw new LinuxException("open network namespace", $"{PathOf(name)} (a file left behind, not a namespace)", Interop.EINVAL);
        }

        return new NetworkNamespace(name, handle);
    }

    /// <summary>Opens the namespace the calling thread is in.</summary>
    public static NetworkNamespace OpenCurrent()
    {
        SafeFileHandle handle = Interop.open("/proc/thread-self/ns/net", Interop.O_RDONLY | Interop.O_CLOEXEC, 0);
        return handle.IsInvalid ? throw LinuxException.Last("open", "/proc/thread-self/ns/net") : new NetworkNamespace("", handle);
    }

    /// <summary>
    /// Takes the name away; the namespace itself goes when the last process, socket and handle in it is gone. Absent is success.
    /// </summary>
    public static void Delete(string name)
    {
        string path = PathOf(name);
        int error = Interop.umount2(path, Interop.MNT_DETACH) == 0 ? 0 : Marshal.GetLastPInvokeError();
        if (error is not (0 or Interop.EINVAL or Interop.ENOENT))
        {
            throw new LinuxException("umount", path, error);
        }

        if (Interop.unlink(path) != 0 && Marshal.GetLastPInvokeError() is int unlinkError and not Interop.ENOENT)
        {
            throw new LinuxException("unlink", path, unlinkError);
        }
    }

    /// <summary>
    /// Runs the function inside this namespace, on a thread made for it that ends with it: a pool thread never changes its namespace.
    /// Sockets and handles opened there belong to the namespace for good; everything else of the process stays as it is.
    /// </summary>
    public T Run<T>(Func<T> function) => OnThread($"netns {Name}", () =>
    {
        Enter();
        return function();
    });

    /// <summary>Runs the action inside this namespace; see <see cref="Run{T}"/>.</summary>
    public void Run(Action action) => Run(() =>
    {
        action();
        return 0;
    });

    /// <summary>Moves the calling thread into this namespace for the rest of its life; only for threads the caller made and will not reuse.</summary>
    public void Enter()
    {
        if (Interop.setns(_handle, Interop.CLONE_NEWNET) != 0)
        {
            throw LinuxException.Last("setns", Name);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _handle.Dispose();

    private static T OnThread<T>(string name, Func<T> function)
    {
        T result = default!;
        ExceptionDispatchInfo? failure = null;
        Thread thread = new(() =>
        {
            try
            {
                result = function();
            }
            catch (Exception exception)
            {
                failure = ExceptionDispatchInfo.Capture(exception);
            }
        })
        { IsBackground = true, Name = name };
        thread.Start();
        thread.Join();
        failure?.Throw();
        return result;
    }

    private static string PathOf(string name) =>
        name.Length is > 0 and <= 255 && !name.Contains('/', StringComparison.Ordinal) && name is not ("." or "..")
            ? Path.Combine(DirectoryPath, name)
            : throw new ArgumentException($"'{name}' cannot name a network namespace: it becomes a file name in {DirectoryPath}.", nameof(name));

    private static bool IsNamespace(SafeFileHandle handle) => Interop.ioctl(handle, Interop.NS_GET_NSTYPE, 0) == Interop.CLONE_NEWNET;

    /// <summary>As `ip netns` does: a shared mount, so that mounts and unmounts reach every mount namespace.</summary>
    private static void PrepareDirectory()
    {
        if (Interop.mkdir(DirectoryPath, 0b111_101_101) != 0 && Marshal.GetLastPInvokeError() is int error and not Interop.EEXIST)
        {
            throw new LinuxException("mkdir", DirectoryPath, error);
        }

        if (Interop.mount("", DirectoryPath, "none", Interop.MS_SHARED | Interop.MS_REC, 0) == 0)
        {
            return;
        }

        // EINVAL: not a mount point yet, so make it one.
        if (Interop.mount(DirectoryPath, DirectoryPath, "none", Interop.MS_BIND | Interop.MS_REC, 0) != 0
            || Interop.mount("", DirectoryPath, "none", Interop.MS_SHARED | Interop.MS_REC, 0) != 0)
        {
            throw LinuxException.Last("mount", DirectoryPath);
        }
    }
}
