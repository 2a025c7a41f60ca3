using System.Collections.Immutable;
using System.Diagnostics;
using System.Globalization;
using Hnv.Compiler;
using Hnv.Dataplane.Ebpf;
using Hnv.Dataplane.Userspace;
using Hnv.Linux;
using Hnv.Linux.Netlink;
using Hnv.Policy;
using Hnv.Primitives;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

/// <summary>
/// Figure 8 in real namespaces, in one process: two hosts in two provider subnets with a router between them, each with a compartment, a
/// switch and an executor; Contoso's and Fabrikam's SQL on host 1, their Web on host 2, and a second Contoso machine on host 1.
/// </summary>
public sealed class FigureEight : IDisposable
{
    public static readonly Vsid Contoso = Vsid.Create(5001);
    public static readonly Vsid Fabrikam = Vsid.Create(6001);

    private static readonly MacAddress s_routerMac = MacAddress.Parse("00-1D-D8-B7-1C-00");
    private static int s_count;

    private readonly string _prefix = string.Create(CultureInfo.InvariantCulture, $"hnv-t-linux-{Environment.ProcessId}-{Interlocked.Increment(ref s_count)}-");
    private readonly List<string> _names = [];
    private readonly List<NetworkNamespace> _namespaces = [];

    /// <summary>Builds it and puts policy in force.</summary>
    /// <param name="encapsulation">Of every mapping.</param>
    /// <param name="workers">Of each executor.</param>
    /// <param name="underlayMtu">Of the provider network; the hosts know it.</param>
    /// <param name="isIPv6">The provider network is IPv6.</param>
    /// <param name="isTeam">Host 2 has two uplinks, each with a provider address.</param>
    /// <param name="inKernel">With the fast path; null is what HNV_EXECUTOR says (<c>ebpf</c> or <c>userspace</c>).</param>
    /// <param name="inKernelOnFirst">With the fast path on host 1, when that differs.</param>
    /// <param name="change">What a host's policy has beside the figure's; null leaves it as it is.</param>
    /// <param name="isKept">What the kernel carries outlives an executor (<see cref="Host.Begin"/>).</param>
    public FigureEight(
        EncapsulationType encapsulation,
        int workers = 1,
        int underlayMtu = 1700,
        bool isIPv6 = false,
        bool isTeam = false,
        bool? inKernel = null,
        bool? inKernelOnFirst = null,
        Func<Host, HostPolicy, HostPolicy>? change = null,
        bool isKept = false)
    {
        IsKept = isKept;
        Encapsulation = encapsulation;
        UnderlayMtu = underlayMtu;
        IsInKernel = inKernel ?? Environment.GetEnvironmentVariable("HNV_EXECUTOR") == "ebpf";
        Change = change ?? (static (_, policy) => policy);
        Router = Make("tor");
        Router.Run(() => File.WriteAllText("/proc/sys/net/ipv4/ip_forward", "1"));
        Router.Run(() => File.WriteAllText("/proc/sys/net/ipv6/conf/all/forwarding", "1"));
        Host1 = new Host(this, "h1", isIPv6 ? [("fd00:1::10", "fd00:1::1")] : [("192.168.1.10", "192.168.1.1")], 1, workers, inKernelOnFirst ?? IsInKernel);
        List<(string, string)> second = isIPv6 ? [("fd00:2::20", "fd00:2::1")] : [("192.168.2.20", "192.168.2.1")];
        if (isTeam)
        {
            second.Add(isIPv6 ? ("fd00:3::20", "fd00:3::1") : ("192.168.3.20", "192.168.3.1"));
        }

        Host2 = new Host(this, "h2", second, 2, workers, IsInKernel);
        ContosoSql = new Guest(this, Host1, "c-sql", Contoso, "10.1.1.11", 0x06);
        ContosoWeb = new Guest(this, Host2, "c-web", Contoso, "10.1.1.12", 0x07);
        ContosoApp = new Guest(this, Host1, "c-app", Contoso, "10.1.1.13", 0x08);
        FabrikamSql = new Guest(this, Host1, "f-sql", Fabrikam, "10.1.1.11", 0x16);
        FabrikamWeb = new Guest(this, Host2, "f-web", Fabrikam, "10.1.1.12", 0x17);
        Guests = [ContosoSql, ContosoWeb, ContosoApp, FabrikamSql, FabrikamWeb];
        Host1.Start();
        Host2.Start();
    }

    public EncapsulationType Encapsulation { get; }

    public int UnderlayMtu { get; }

    public bool IsInKernel { get; }

    public bool IsKept { get; }

    public NetworkNamespace Router { get; }

    public Host Host1 { get; }

    public Host Host2 { get; }

    public Guest ContosoSql { get; }

    public Guest ContosoWeb { get; }

    public Guest ContosoApp { get; }

    public Guest FabrikamSql { get; }

    public Guest FabrikamWeb { get; }

    public IReadOnlyList<Guest> Guests { get; }

    private Func<Host, HostPolicy, HostPolicy> Change { get; }

    public void Dispose()
    {
        Host1.Dispose();
        Host2.Dispose();
        _namespaces.ForEach(ns => ns.Dispose());
        _names.ForEach(PaCompartment.Remove);
    }

    private string NameOf(string name)
    {
        _names.Add(_prefix + name);
        return _prefix + name;
    }

    private NetworkNamespace Make(string name)
    {
        NetworkNamespace ns = NetworkNamespace.Create(NameOf(name));
        _namespaces.Add(ns);
        return ns;
    }

    /// <summary>One machine: a namespace with eth0, whose other end is a device of its host.</summary>
    public sealed class Guest
    {
        internal Guest(FigureEight lab, Host host, string name, Vsid vsid, string address, byte macEnd)
        {
            Namespace = lab.Make(name);
            Host = host;
            Device = name;
            Vsid = vsid;
            Address = CustomerAddress.Parse(address);
            Mac = MacAddress.FromNumber(s_routerMac.Value + macEnd);
            Nic = new NicId(Guid.NewGuid());
            using RouteSocket there = RouteSocket.Open(host.Namespace);
            there.CreateVeth(name, "eth0", Namespace, 1500);
            there.SetUp(name);
            using RouteSocket here = RouteSocket.Open(Namespace);
            here.SetMac("eth0", Mac);
            here.SetUp("eth0");
            here.AddAddress(here.GetLink("eth0"), Address.Value, 24);
            here.SetRoute(new RouteInfo(IpPrefix.Parse("0.0.0.0/0"), InetAddress.Parse("10.1.1.1"), here.GetLink("eth0").Index));
            host.Guests.Add(this);
        }

        public NetworkNamespace Namespace { get; }

        public Host Host { get; }

        public string Device { get; }

        public Vsid Vsid { get; }

        public CustomerAddress Address { get; }

        public MacAddress Mac { get; }

        public NicId Nic { get; }

        public VPort Port => Host.Switch.TryGetPort(Nic)!;

        public bool Pings(string address, int count = 3) =>
            Execute("ping", "-c", count.ToString(CultureInfo.InvariantCulture), "-i", "0.2", "-W", "1", address).ExitCode == 0;

        public (int ExitCode, string Output) Execute(params string[] command)
        {
            using Process process = Start(command);
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd() + errors.Result;
            process.WaitForExit();
            return (process.ExitCode, output);
        }

        public Process StartToTalk(params string[] command) => Process.Start(
            new ProcessStartInfo("ip", ["netns", "exec", Namespace.Name, .. command]) { RedirectStandardInput = true, RedirectStandardOutput = true })!;

        public Process Start(params string[] command) => Process.Start(
            new ProcessStartInfo("ip", ["netns", "exec", Namespace.Name, .. command]) { RedirectStandardOutput = true, RedirectStandardError = true })!;
    }

    /// <summary>One host: its namespace, compartment, switch and executor.</summary>
    public sealed class Host : IDisposable
    {
        private readonly FigureEight _lab;
        private readonly IReadOnlyList<(string Address, string Gateway)> _addresses;
        private readonly uint _number;
        private readonly int _workers;
        private readonly bool _isInKernel;

        internal Host(FigureEight lab, string name, IReadOnlyList<(string Address, string Gateway)> addresses, uint number, int workers, bool isInKernel)
        {
            _lab = lab;
            _addresses = addresses;
            _number = number;
            Addresses = [.. addresses.Select(pair => ProviderAddress.Parse(pair.Address))];
            Namespace = lab.Make(name);
            Compartment = lab.NameOf(name + "-pa");
            using RouteSocket here = RouteSocket.Open(Namespace);
            using RouteSocket router = RouteSocket.Open(lab.Router);
            for (int i = 0; i < addresses.Count; i++)
            {
                string uplink = $"eth{i}", link = i == 0 ? name : $"{name}-{i}";
                here.CreateVeth(uplink, link, lab.Router, lab.UnderlayMtu);
                here.SetUp(uplink);
                router.SetUp(link);
                router.AddAddress(router.GetLink(link), InetAddress.Parse(addresses[i].Gateway), PrefixLength);
            }

            _workers = workers;
            _isInKernel = isInKernel;
            Pins = lab.IsKept ? $"/run/{Compartment}" : null;
            Load();
        }

        /// <summary>Where the maps are kept; null when they are not.</summary>
        public string? Pins { get; }

        public NetworkNamespace Namespace { get; }

        public string Compartment { get; }

        public ProviderAddress Address => Addresses[0];

        public ImmutableArray<ProviderAddress> Addresses { get; }

        private int PrefixLength => Address.Value.IsIPv4 ? 24 : 64;

        public VSwitch Switch { get; private set; } = null!;

        public UserspaceExecutor Executor { get; private set; } = null!;

        /// <summary>The kernel's share; null without one.</summary>
        public FastPath? FastPath { get; private set; }

        public List<Guest> Guests { get; } = [];

        public List<VPort> Lost { get; } = [];

        public System.Collections.Concurrent.ConcurrentQueue<Exception> Faults { get; } = [];

        /// <summary>The policy that the host began with.</summary>
        public HostPolicy InForce { get; private set; } = HostPolicy.Empty;

        public long UnderlayDrops(DropReason reason) => Switch.UnderlayDrops.GetValueOrDefault(reason);

        public void Dispose()
        {
            End();
            if (Pins is not null)
            {
                Namespace.Run(() => FastPath.Release(Pins));
            }
        }

        /// <summary>The executor ends as its process would: what it knew is gone, what is in the kernel stays.</summary>
        public void End()
        {
            Executor.Dispose();
            FastPath?.Dispose();
        }

        /// <summary>Another executor begins, and adopts what it finds.</summary>
        /// <param name="policy">The policy that it finds in force; null is the one that was.</param>
        /// <param name="options">Settings of the fast path; null are those that were.</param>
        public (int Adopted, int Rejected) Begin(HostPolicy? policy = null, FastPathOptions? options = null)
        {
            Load(options);
            Start(policy);
            return Executor.Adopt();
        }

        /// <summary>Another executor begins, and gets no further than its ports.</summary>
        public void BeginWithoutAdopting(HostPolicy? policy = null)
        {
            Load();
            Start(policy);
        }

        private void Load(FastPathOptions? options = null)
        {
            Switch = new VSwitch();
            FastPath = _isInKernel ? Namespace.Run(() => FastPath.Load(Switch, (options ?? new FastPathOptions()) with { PinDirectory = Pins })) : null;
            Executor = Namespace.Run(() => new UserspaceExecutor(Switch, new ExecutorOptions { FastPath = FastPath, Workers = _workers, PortLost = (port, _) => Lost.Add(port), WorkerFault = Faults.Enqueue }));
        }

        internal void Start(HostPolicy? policy = null)
        {
            PaInterface[] interfaces =
            [
                .. _addresses.Select((pair, member) => new PaInterface
                {
                    TeamMember = member,
                    Uplink = $"eth{member}",
                    Address = Addresses[member],
                    PrefixLength = PrefixLength,
                    Mac = MacAddress.FromNumber(s_routerMac.Value + 0x100 + (ulong)(member * 16) + _number),
                    Gateway = InetAddress.Parse(pair.Gateway),
                }),
            ];
            Namespace.Run(() => PaCompartment.Ensure(Compartment, interfaces).Dispose());
            foreach (Guest guest in Guests)
            {
                _ = Switch.AddPort(guest.Nic, guest.Device);
            }

            InForce = policy ?? _lab.Change(this, Policy());
            Install(InForce);
            Executor.Start();
            Guests.ForEach(guest => Executor.AttachPort(guest.Port));
            Executor.SetProviderEndpoints(Compartment, [.. Addresses.Select((address, member) => new ProviderEndpoint(member, address))]);
        }

        /// <summary>Puts a policy in force.</summary>
        public void Install(HostPolicy policy)
        {
            CompileResult compiled = HostCompiler.Compile(policy, new HostFacts(_lab.UnderlayMtu));
            Assert.Empty(compiled.Errors);
            Switch.Install(compiled.Program);
        }

        /// <summary>The figure's policy for this host.</summary>
        public HostPolicy Policy()
        {
            IpPrefix prefix = IpPrefix.Parse("10.1.1.0/24");
            CustomerAddress gateway = CustomerAddress.Parse("10.1.1.1");
            return new HostPolicy(
                1,
                s_routerMac,
                [.. _addresses.Select((pair, member) => new ProviderAddressPolicy(
                    member, Addresses[member], IpPrefix.Create(Addresses[member].Value, PrefixLength), default, 0, InetAddress.Parse(pair.Gateway), []))],
                [
                    new VirtualNetworkPolicy(new RoutingDomainId(Guid.NewGuid()), "contoso", true, [new VirtualSubnetPolicy(Contoso, Guid.NewGuid(), "web", prefix, gateway)]),
                    new VirtualNetworkPolicy(new RoutingDomainId(Guid.NewGuid()), "fabrikam", true, [new VirtualSubnetPolicy(Fabrikam, Guid.NewGuid(), "web", prefix, gateway)]),
                ],
                [.. _lab.Guests.Select(guest => new CaPaMapping(new TenantEndpoint(guest.Vsid, guest.Address), guest.Mac, guest.Host.Address, _lab.Encapsulation))],
                [.. Guests.Select(guest => new PortPolicy(guest.Nic, guest.Device, guest.Vsid, guest.Mac, [guest.Address], PortSettings.Default, ImmutableArray<AclRule>.Empty))])
            {
                Teams = [.. ((Host[])[_lab.Host1, _lab.Host2]).Where(host => host.Addresses.Length > 1).Select(host => new ProviderTeam(host.Addresses))],
            };
        }
    }
}
