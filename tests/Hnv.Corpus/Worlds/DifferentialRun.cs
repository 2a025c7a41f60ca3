using System.Globalization;
using Hnv.Compiler;
using Hnv.Corpus.InMemory;
using Hnv.Corpus.Model;
using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Worlds;

/// <summary>
/// One world, some executor's hosts and the model beside each other: every packet is carried by the hosts and predicted by the model, and both must
/// say the same, to the byte. Independently of the model, nothing may reach another routing domain unless the two are joined.
/// </summary>
public sealed class DifferentialRun
{
    private const int UnderlayMtu = 1500;
    private const long HoursMs = 3 * 3_600_000;

    private readonly RandomWorld _world;
    private readonly RandomTraffic _traffic;
    private readonly Random _random;
    private readonly Fabric _fabric = new();
    private readonly PacketModel _model = new();
    private readonly Dictionary<NicId, int> _plugged = [];

    /// <summary>A run of a seed.</summary>
    /// <param name="seed">Decides world, changes and packets.</param>
    /// <param name="makeHost">A host of the executor to be tried.</param>
    public DifferentialRun(int seed, Func<IFabricHost> makeHost)
    {
        _world = new RandomWorld(seed);
        _traffic = new RandomTraffic(_world, seed + 1);
        _random = new Random(seed + 2);
        for (int host = 0; host < _world.HostCount; host++)
        {
            _fabric.Add(makeHost(), _world.ProvidersOf(host));
            _model.AddHost(UnderlayMtu);
        }

        Follow(isComplete: true);
    }

    /// <summary>How often each kind of end was met, and each reason: a run that never met one has proved nothing about it.</summary>
    public SortedDictionary<string, int> Seen { get; } = new(StringComparer.Ordinal);

    /// <inheritdoc cref="PacketModel.Met"/>
    public SortedDictionary<string, int> Met => _model.Met;

    /// <summary>Carries packets until the two disagree.</summary>
    /// <param name="packets">At most so many.</param>
    /// <returns>The disagreement, with the number of the packet; null when there was none.</returns>
    public string? Carry(int packets)
    {
        for (int i = 0; i < packets; i++)
        {
            _fabric.Now += 25;
            _model.Now = _fabric.Now;
            if (_random.Next(150) == 0)
            {
                _world.Change();
                Follow(isComplete: _random.Next(3) != 0);
            }
            else if (_random.Next(4000) == 0)
            {
                _fabric.Now += HoursMs;
                _model.Now = _fabric.Now;
                _fabric.Age();
                _model.ForgetIdle();
            }

            if ((_random.Next(20) == 0 ? Inject() : Send()) is { } disagreement)
            {
                return string.Create(CultureInfo.InvariantCulture, $"packet {i + 1}: {disagreement}");
            }
        }

        return null;
    }

    private string? Send()
    {
        (WorldNic nic, TenantPacket packet) = _traffic.Next();
        if (!_plugged.TryGetValue(nic.Id, out int host))
        {
            return null;
        }

        bool isTagged = _random.Next(200) == 0, isCongested = _random.Next(5) == 0;
        byte[] frame = packet.Frame();
        frame = isTagged ? [.. frame[..12], 0x81, 0x00, 0x00, 0x64, .. frame[12..]] : frame;
        IReadOnlyList<Hop> hops = _fabric.Send(_fabric.Hosts[host], nic.Id, frame, isCongested);
        IReadOnlyList<string> expected = _model.Expect(host, nic.Id, packet, isTagged, isCongested, hops);
        return Compare(nic, packet, expected, hops);
    }

    /// <summary>Somebody in the provider network makes up a packet for a NIC.</summary>
    private string? Inject()
    {
        WorldNic target = Pick(_world.Nics), claimed = Pick(_world.Nics);
        TenantPacket packet = _traffic.Forge(target);
        uint vsid = _random.Next(4) switch
        {
            0 => claimed.Subnet.Vsid.Value,
            1 => (uint)_random.Next(1 << 24),
            _ => target.Subnet.Vsid.Value,
        };
        ProviderAddress source = _random.Next(3) == 0 ? ProviderAddress.Parse("192.168.99.1") : Pick(_world.ProvidersOf(_random.Next(_world.HostCount)));
        ProviderAddress[] own = [.. _world.ProvidersOf(target.Host).Where(address => address.Value.IsIPv4 == source.Value.IsIPv4)];
        byte trafficClass = (byte)_random.Next(4);
        EncapsulationType type = _random.Next(2) == 0 ? EncapsulationType.Vxlan : EncapsulationType.Nvgre;
        IReadOnlyList<Hop> hops = _fabric.Inject(
            _fabric.Hosts[target.Host], Encapsulated.Write(type, vsid, source, own[0], (uint)_random.Next(), trafficClass, packet.Frame()));
        string expected = _model.ExpectInjected(target.Host, vsid, source, trafficClass, packet, hops);
        string actual = Line.OfAll(hops);
        Count(hops);
        return expected == actual ? null : $"forged {packet} in {vsid} from {source}\nexpected\n{expected}\nbut was\n{actual}";
    }

    private string? Compare(WorldNic nic, TenantPacket packet, IReadOnlyList<string> expected, IReadOnlyList<Hop> hops)
    {
        string actual = Line.OfAll(hops);
        Count(hops);
        WorldNetwork? intruded = hops.Where(hop => hop.Kind == HopKind.Delivered).Select(hop => _world.Nics.First(each => each.Id == hop.Nic).Network)
            .FirstOrDefault(network => network != nic.Network && network != nic.Network.Peer);
        if (intruded is not null)
        {
            return $"a packet of network {nic.Network.Index} reached network {intruded.Index}: {packet}\n{actual}";
        }

        if (!expected.Contains(actual))
        {
            return $"{nic.Id} at host {_plugged[nic.Id]} sent {packet}\nexpected\n{string.Join("\nor\n", expected)}\nbut was\n{actual}\n{_model.Explain(_plugged[nic.Id], nic.Id, packet)}{Others(nic, packet, hops)}";
        }

        _traffic.Note(_model.LastReceived);
        return null;
    }

    private string Others(WorldNic sender, TenantPacket packet, IReadOnlyList<Hop> hops) => string.Concat(hops
        .Select(hop => hop.Nic).Distinct().Where(nic => nic != default && nic != sender.Id && _plugged.ContainsKey(nic))
        .Select(nic => $"\n{nic}:\n{_model.Explain(_plugged[nic], nic, packet)}"));

    private void Count(IReadOnlyList<Hop> hops)
    {
        foreach (Hop hop in hops)
        {
            string name = hop.Kind == HopKind.Dropped ? hop.Reason.ToString() : hop.Kind.ToString();
            Seen[name] = Seen.GetValueOrDefault(name) + 1;
        }
    }

    /// <summary>Makes the hosts what the world has become: ports first, then policy, of all hosts or, for a while, of only some.</summary>
    private void Follow(bool isComplete)
    {
        _traffic.LoseParts();
        foreach (WorldNic nic in _world.Nics)
        {
            int? wanted = nic.IsPlugged ? nic.Host : null;
            int? actual = _plugged.TryGetValue(nic.Id, out int host) ? host : null;
            if (wanted == actual)
            {
                continue;
            }

            if (actual is { } old)
            {
                _fabric.Hosts[old].Detach(nic.Id);
                _model.Detach(old, nic.Id);
                _plugged.Remove(nic.Id);
            }

            if (wanted is { } at)
            {
                _fabric.Hosts[at].Attach(nic.Id);
                _model.Attach(at, nic.Id);
                _plugged.Add(nic.Id, at);
            }
        }

        for (int host = 0; host < _world.HostCount; host++)
        {
            if (isComplete || _random.Next(2) == 0)
            {
                HostPolicy policy = _world.PolicyOf(host);
                _fabric.Hosts[host].Install(policy, new HostFacts(UnderlayMtu));
                _model.Install(host, policy);
            }
        }
    }

    private T Pick<T>(IReadOnlyList<T> from) => from[_random.Next(from.Count)];
}
