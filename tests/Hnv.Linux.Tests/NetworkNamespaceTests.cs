using Hnv.Linux.Netlink;

namespace Hnv.Linux.Tests;

public sealed class NetworkNamespaceTests : IDisposable
{
    private readonly NamespaceLab _lab = new();

    [Fact]
    public void Create_ThenList_HoldsItWithLoopbackUp()
    {
        NetworkNamespace ns = _lab.Make("a");

        using RouteSocket route = RouteSocket.Open(ns);

        Assert.Contains(ns.Name, NetworkNamespace.List());
        LinkInfo loopback = Assert.Single(route.Links());
        Assert.Equal(("lo", true), (loopback.Name, loopback.IsUp));
    }

    [Fact]
    public void Create_NameTaken_SaysExists()
    {
        NetworkNamespace ns = _lab.Make("a");

        LinuxException refusal = Assert.Throws<LinuxException>(() => NetworkNamespace.Create(ns.Name));

        Assert.True(refusal.IsExists);
        Assert.Contains(ns.Name, refusal.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("")]
    [InlineData("..")]
    [InlineData("a/b")]
    public void Create_NameIsNoFileName_IsRefused(string name) => Assert.Throws<ArgumentException>(() => NetworkNamespace.Create(name));

    [Fact]
    public void Open_Unknown_SaysNotFound()
    {
        LinuxException refusal = Assert.Throws<LinuxException>(() => NetworkNamespace.Open("hnv-t-linux-nowhere"));

        Assert.True(refusal.IsNotFound);
    }

    [Fact]
    public void Delete_Twice_IsSuccess()
    {
        NetworkNamespace ns = _lab.Make("a");

        NetworkNamespace.Delete(ns.Name);
        NetworkNamespace.Delete(ns.Name);

        Assert.False(NetworkNamespace.Exists(ns.Name));
    }

    [Fact]
    public void Run_LeavesTheCallingThreadWhereItWas()
    {
        NetworkNamespace ns = _lab.Make("a");
        string before = Where();

        string inside = ns.Run(Where);

        Assert.NotEqual(before, inside);
        Assert.Equal(before, Where());
    }

    [Fact]
    public void Run_FunctionThrows_CallerGetsItsException()
    {
        NetworkNamespace ns = _lab.Make("a");

        Assert.Throws<InvalidOperationException>(() => ns.Run(() => throw new InvalidOperationException("mine")));
    }

    public void Dispose() => _lab.Dispose();

    private static string Where() => new FileInfo("/proc/thread-self/ns/net").LinkTarget!;
}
