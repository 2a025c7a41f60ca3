using System.Diagnostics;
using System.Globalization;
using Hnv.Linux.Netlink;

namespace Hnv.Linux.Tests;

/// <summary>Namespaces of one test, named after the process and taken away with it.</summary>
public sealed class NamespaceLab : IDisposable
{
    private static int s_count;

    private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"hnv-t-linux-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}-");
    private readonly List<NetworkNamespace> _namespaces = [];
    private readonly List<string> _names = [];

    public string NameOf(string name)
    {
        _names.Add(_prefix + name);
        return _prefix + name;
    }

    public NetworkNamespace Make(string name)
    {
        NetworkNamespace ns = NetworkNamespace.Create(NameOf(name));
        _namespaces.Add(ns);
        return ns;
    }

    /// <summary>Joins two namespaces with a veth pair that is up at both ends.</summary>
    public static void Join(NetworkNamespace left, string leftName, NetworkNamespace right, string rightName, int mtu = 1700)
    {
        using RouteSocket leftRoute = RouteSocket.Open(left);
        using RouteSocket rightRoute = RouteSocket.Open(right);
        leftRoute.CreateVeth(leftName, rightName, right, mtu);
        leftRoute.SetUp(leftName);
        rightRoute.SetUp(rightName);
    }

    public static (int ExitCode, string Output) Execute(string namespaceName, params string[] command)
    {
        ProcessStartInfo start = new("ip", ["netns", "exec", namespaceName, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd() + process.StandardError.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output);
    }

    public static bool Pings(string namespaceName, string address) => Execute(namespaceName, "ping", "-c", "3", "-i", "0.2", "-W", "1", address).ExitCode == 0;

    public void Dispose()
    {
        _namespaces.ForEach(ns => ns.Dispose());
        _names.ForEach(PaCompartment.Remove);
    }
}
