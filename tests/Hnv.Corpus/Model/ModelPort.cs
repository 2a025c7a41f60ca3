using Hnv.Policy;
using Hnv.Primitives;

namespace Hnv.Corpus.Model;

/// <summary>What a port has to remember for its answers to be right: who talks to whom, under which names, and first fragments.</summary>
internal sealed class ModelPort(NicId nic)
{
    private const long FragmentLifetimeMs = 60_000;

    public NicId Nic { get; } = nic;

    public List<Conversation> Conversations { get; } = [];

    private Dictionary<object, (int Generation, long Time, Plan Plan)> Fragments { get; } = [];

    /// <summary>Everything has been idle for hours.</summary>
    public void Forget() => Conversations.Clear();

    public void Remember(TenantPacket first, bool isOutbound, int generation, long now, Plan plan) => Fragments[KeyOf(first, isOutbound)] = (generation, now, plan);

    /// <summary>What became of the first fragment of a later one.</summary>
    public Plan? Recall(TenantPacket later, bool isOutbound, int generation, long now) =>
        Fragments.TryGetValue(KeyOf(later, isOutbound), out (int Generation, long Time, Plan Plan) entry)
        && entry.Generation == generation && now - entry.Time <= FragmentLifetimeMs ? entry.Plan : null;

    /// <summary>Would a conversation of these names be taken for another one, by the guest or by the network?</summary>
    public bool IsTaken(Tuple5 guest, Tuple5 network) => Conversations.Any(each => each.Guest == guest || each.Network == network);

    /// <summary>Could a port of the pool be tried that the network knows another conversation by?</summary>
    public bool CollidesInPool(NatRule rule, Tuple5 guest) => Conversations.Any(each => each.Bound is null && each.Network is { } name
        && name.Remote == guest.Remote && name.RemotePort == guest.RemotePort && name.Protocol == guest.Protocol
        && rule.External.Any(prefix => prefix.Contains(name.Local)) && name.LocalPort >= rule.Ports.First && name.LocalPort <= rule.Ports.Last);

    /// <summary>Begins a conversation; what spoke untranslated under the name it gets can no longer be told from it.</summary>
    public void Add(Conversation conversation)
    {
        Conversations.Add(conversation);
        Conversations.RemoveAll(each => each.Network is null && each.Guest == conversation.Network);
    }

    /// <summary>The conversation that a packet of these names belongs to.</summary>
    /// <param name="tuple">The packet's names; null belongs to none.</param>
    /// <param name="isOutbound">Its direction.</param>
    /// <param name="isRenamed">True when the packet bears the names of one side and is to get those of the other.</param>
    public Conversation? Find(Tuple5? tuple, bool isOutbound, out bool isRenamed)
    {
        isRenamed = true;
        if (tuple is null)
        {
            return null;
        }

        if (!isOutbound && Conversations.FirstOrDefault(each => each.Network == tuple) is { } translated)
        {
            return translated;
        }

        Conversation? conversation = Conversations.FirstOrDefault(each => each.Guest == tuple);
        isRenamed = isOutbound && conversation?.Network is not null;
        return conversation;
    }

    /// <summary>The conversation of a packet, judged by the policy in force.</summary>
    public Conversation? Find(ModelHost host, PortPolicy port, TenantPacket packet, bool isOutbound, out bool isRenamed)
    {
        Conversation? conversation = Find(Tuple5.Of(packet, isOutbound), isOutbound, out isRenamed);
        if (conversation is null)
        {
            return null;
        }

        bool isOpening = packet.Protocol == 6 && (packet.TcpFlags & 0x12) == 0x02;
        if ((isOpening && (conversation.IsClosed || conversation.IsBlocked)) || !Stands(host, port, conversation))
        {
            Conversations.Remove(conversation);
            return null;
        }

        return conversation;
    }

    /// <summary>Judges a conversation by a policy that it has not been judged by.</summary>
    /// <returns>False when policy no longer has the names it goes by.</returns>
    public static bool Stands(ModelHost host, PortPolicy port, Conversation conversation)
    {
        if (conversation.JudgedAt == host.Generation)
        {
            return true;
        }

        conversation.JudgedAt = host.Generation;
        if (conversation.Network is { } network && !conversation.IsReturning)
        {
            (Tuple5 mine, Tuple5 other) = conversation.IsOutbound ? (conversation.Guest, network) : (network, conversation.Guest);
            TenantPacket beginning = mine.Beginning(conversation.IsOutbound);
            if (!port.Nat.Any(rule => Gives(rule, conversation.IsOutbound) && PortRules.Matches(rule, beginning, conversation.IsOutbound) && CouldBe(rule, mine, other, conversation.IsOutbound)))
            {
                return false;
            }
        }

        conversation.IsBlocked = !PortRules.Admits(host.Policy, port, conversation.Guest.Beginning(conversation.IsOutbound), conversation.IsOutbound);
        return true;
    }

    private static bool Gives(NatRule rule, bool isOutbound) => rule.Kind switch
    {
        NatKind.Static or NatKind.Prefix => true,
        NatKind.Destination => !isOutbound,
        _ => isOutbound,
    };

    private static bool CouldBe(NatRule rule, Tuple5 mine, Tuple5 other, bool isOutbound)
    {
        switch (rule.Kind)
        {
            case NatKind.Static or NatKind.Prefix:
                (IpPrefix from, IpPrefix to) = isOutbound ? (rule.Internal[0], rule.External[0]) : (rule.External[0], rule.Internal[0]);
                return PortRules.Exchange(mine.Local, from, to, rule.Kind == NatKind.Prefix) == other.Local;
            case NatKind.Source:
                return rule.External.Any(prefix => prefix.Contains(other.Local)) && other.LocalPort >= Math.Max(1, (int)rule.Ports.First) && other.LocalPort <= rule.Ports.Last;
            default:
                (InetAddress address, int number) = isOutbound ? (other.Remote, other.RemotePort) : (other.Local, other.LocalPort);
                bool hasPorts = mine.Protocol is 6 or 17 or 132;
                return rule.Targets.Any(target => target.Address == address && (target.Port == 0 || !hasPorts || target.Port == number));
        }
    }

    private static object KeyOf(TenantPacket packet, bool isOutbound) =>
        (packet.Source, packet.Destination, packet.SourceMac, packet.DestinationMac, packet.Protocol, packet.Identification, isOutbound);
}

/// <summary>Two ends that talk, because one of them began and was admitted.</summary>
internal sealed class Conversation(Tuple5 guest, Tuple5? network, bool isOutbound, int judgedAt)
{
    /// <summary>Its names at the guest.</summary>
    public Tuple5 Guest { get; } = guest;

    /// <summary>Its names beyond the translation; null without one.</summary>
    public Tuple5? Network { get; } = network;

    /// <summary>The guest began it.</summary>
    public bool IsOutbound { get; } = isOutbound;

    /// <summary>The answering half of a conversation of a port with itself.</summary>
    public bool IsReturning { get; init; }

    /// <summary>Whose binding of a pool it holds: the endpoint at the guest, and what it is outside.</summary>
    public (InetAddress Address, int Port)? Bound { get; init; }

    public int JudgedAt { get; set; } = judgedAt;

    public bool IsBlocked { get; set; }

    public bool IsClosed => IsReset || (HasFinished[0] && HasFinished[1]);

    private bool IsReset { get; set; }

    private bool[] HasFinished { get; } = new bool[2];

    public void Observe(TenantPacket packet, bool isOutbound)
    {
        if (packet.Protocol == 6 && !packet.IsLaterPart)
        {
            IsReset |= (packet.TcpFlags & 4) != 0;
            HasFinished[isOutbound ? 0 : 1] |= (packet.TcpFlags & 1) != 0;
        }
    }
}

/// <summary>What is to become of a packet at its sender's or receiver's port.</summary>
internal sealed record Plan
{
    /// <summary>Why it ends here; null when it does not.</summary>
    public string? Drop { get; init; }

    /// <summary>What the port says itself.</summary>
    public byte[]? Answer { get; init; }

    /// <summary>Why later fragments of what is answered end: nothing is said about them.</summary>
    public string? Silence { get; init; }

    /// <summary>Where it goes.</summary>
    public IReadOnlyList<Copy> Copies { get; init; } = [];

    /// <summary>Who gets a copy of it as it is at the guest.</summary>
    public TenantEndpoint? Mirror { get; init; }
}

/// <summary>One way a packet goes.</summary>
/// <param name="Edit">What is made of it.</param>
/// <param name="Local">The port of this host that it is for; null when it is encapsulated, or received.</param>
/// <param name="Remote">The mapping it is encapsulated by.</param>
/// <param name="IsRouted">The router has handled it.</param>
internal sealed record Copy(Func<TenantPacket, TenantPacket> Edit, ModelPort? Local = null, CaPaMapping? Remote = null, bool IsRouted = false);
