using System.ComponentModel;

namespace Hnv.Linux;

/// <summary>The kernel refused: which operation, on what, with which errno, and what to try.</summary>
public sealed class LinuxException : Exception
{
    /// <summary>A refusal with the kernel's own explanation, where it gave one.</summary>
    /// <param name="operation">What was tried, in the kernel's words: <c>setns</c>, <c>TUNSETIFF</c>, <c>RTM_NEWLINK</c>.</param>
    /// <param name="target">On which object: a device, namespace, address.</param>
    /// <param name="errno">The error number.</param>
    /// <param name="detail">Extended text (netlink extack, BPF verifier); empty when there is none.</param>
    public LinuxException(string operation, string target, int errno, string detail = "")
        : base(Describe(operation, target, errno, detail))
    {
        Operation = operation;
        Target = target;
        Errno = errno;
    }

    /// <summary>What was tried.</summary>
    public string Operation { get; }

    /// <summary>On which object.</summary>
    public string Target { get; }

    /// <summary>The error number of the kernel.</summary>
    public int Errno { get; }

    /// <summary>True when the object does not exist (any more).</summary>
    public bool IsNotFound => Errno is Interop.ENOENT or Interop.ENODEV or Interop.ENXIO or Interop.ESRCH or Interop.EADDRNOTAVAIL;

    /// <summary>True when the object exists already.</summary>
    public bool IsExists => Errno == Interop.EEXIST;

    /// <summary>True when somebody else holds the object.</summary>
    public bool IsInUse => Errno is Interop.EADDRINUSE or Interop.EBUSY;

    /// <summary>The failure of the last C call on this thread.</summary>
    internal static LinuxException Last(string operation, string target) =>
        new(operation, target, System.Runtime.InteropServices.Marshal.GetLastPInvokeError());

    private static string Describe(string operation, string target, int errno, string detail)
    {
        string reason = new Win32Exception(errno).Message;
        string kernel = detail.Length == 0 ? "" : $" The kernel says: {detail.Trim().TrimEnd('.')}.";
        return $"{target}: {operation} failed: {reason} (errno {errno}).{kernel}{Hint(errno)}";
    }

    private static string Hint(int errno) => errno switch
    {
        Interop.EPERM or Interop.EACCES => " Run as root, or give the process CAP_NET_ADMIN, CAP_NET_RAW, CAP_SYS_ADMIN and CAP_BPF.",
        Interop.ENODEV or Interop.ENXIO => " Check the name with `ip link` in the same network namespace.",
        Interop.ENOENT or Interop.ESRCH => " Check that it exists in this network namespace (`ip netns`, `ip link`, `ip route`).",
        Interop.EBUSY => " Something else uses it: stop that program, or detach the device there first.",
        Interop.EEXIST => " One of that name is there already: choose another name or delete the old one.",
        Interop.EADDRINUSE => " Another program holds this address and port: find it with `ss -lnup` in that network namespace.",
        Interop.EADDRNOTAVAIL => " The address is on no interface of that network namespace: check with `ip address`.",
        Interop.ENETDOWN => " Bring the device (and the one below it) up with `ip link set DEVICE up`.",
        Interop.ENETUNREACH or Interop.EHOSTUNREACH => " No route leads there: check address, prefix length and gateway.",
        Interop.EOPNOTSUPP or Interop.EPROTONOSUPPORT or Interop.EAFNOSUPPORT or Interop.ENOPROTOOPT => " This kernel lacks the feature: compare `uname -r` and the loaded modules with the requirements.",
        Interop.ENOMEM or Interop.ENOBUFS => " The kernel is out of memory or over a limit for this: see `dmesg`.",
        Interop.EMSGSIZE => " It is larger than the device's MTU.",
        _ => "",
    };
}
