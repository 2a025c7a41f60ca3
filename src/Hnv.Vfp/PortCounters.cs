using Hnv.Primitives;

namespace Hnv.Vfp;

/// <summary>What a port counted in one direction. Written without locks; a lost increment between two workers is accepted.</summary>
internal sealed class PortCounters
{
    private readonly long[] _drops = new long[DropReasons.Count];
    private long _packets;
    private long _bytes;
    private long _hits;
    private long _slowPath;
    private long _uncached;
    private long _syn;
    private long _fin;
    private long _reset;
    private long _billed;
    private long _unbilled;

    public void CountPacket(int bytes)
    {
        _packets++;
        _bytes += bytes;
    }

    /// <summary>Counts packets that were decided here and carried out elsewhere.</summary>
    public void CountOffloaded(long packets, long bytes)
    {
        _packets += packets;
        _bytes += bytes;
        _hits += packets;
    }

    public void CountHit() => _hits++;

    public void CountSlowPath() => _slowPath++;

    public void CountUncached() => _uncached++;

    public void CountDrop(DropReason reason) => _drops[(int)reason]++;

    public void CountDrops(DropReason reason, long packets) => _drops[(int)reason] += packets;

    /// <summary>Counts the TCP flags byte of a packet that has at least one of SYN, FIN and RST.</summary>
    public void CountTcp(byte flags)
    {
        _fin += flags & 1;
        _syn += (flags >> 1) & 1;
        _reset += (flags >> 2) & 1;
    }

    public void CountMeter(MeterClass meter, long bytes)
    {
        if (meter == MeterClass.Billed)
        {
            _billed += bytes;
        }
        else
        {
            _unbilled += bytes;
        }
    }

    public PortCounts Snapshot(Direction direction) => new(
        direction,
        Volatile.Read(ref _packets),
        Volatile.Read(ref _bytes),
        Volatile.Read(ref _hits),
        Volatile.Read(ref _slowPath),
        Volatile.Read(ref _uncached),
        new TcpCounts(Volatile.Read(ref _syn), Volatile.Read(ref _fin), Volatile.Read(ref _reset)),
        Volatile.Read(ref _billed),
        Volatile.Read(ref _unbilled),
        DropReasons.NonZero(_drops));
}

/// <summary>The counters of a port in one direction, as they stood.</summary>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Packets">Packets decided, dropped ones included; a super-packet counts as one.</param>
/// <param name="Bytes">Their bytes, as the VM sees them.</param>
/// <param name="UnifiedFlowHits">Packets that a remembered decision was found for.</param>
/// <param name="SlowPathEvaluations">Packets that the layers were asked about.</param>
/// <param name="Uncached">Decisions that were not remembered because the tables were full.</param>
/// <param name="Tcp">TCP packets with flags of their own.</param>
/// <param name="BilledBytes">Bytes of inner IP packets that were forwarded out of the tenant's networks.</param>
/// <param name="UnbilledBytes">Bytes of inner IP packets that were forwarded within them.</param>
/// <param name="Drops">Drops by reason; reasons that never came up are left out.</param>
public sealed record PortCounts(
    Direction Direction,
    long Packets,
    long Bytes,
    long UnifiedFlowHits,
    long SlowPathEvaluations,
    long Uncached,
    TcpCounts Tcp,
    long BilledBytes,
    long UnbilledBytes,
    IReadOnlyDictionary<DropReason, long> Drops);

/// <summary>TCP packets by the flags that open and close connections.</summary>
public readonly record struct TcpCounts(long Syn, long Fin, long Reset);

/// <summary>Arrays indexed by <see cref="DropReason"/>.</summary>
internal static class DropReasons
{
    /// <summary>Slots: one for each value the enum can take.</summary>
    public const int Count = 256;

    public static IReadOnlyDictionary<DropReason, long> NonZero(long[] counts)
    {
        Dictionary<DropReason, long> result = [];
        for (int reason = 0; reason < counts.Length; reason++)
        {
            if (Volatile.Read(ref counts[reason]) is > 0 and long count)
            {
                result.Add((DropReason)reason, count);
            }
        }

        return result;
    }
}
