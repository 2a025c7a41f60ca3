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

    public void CountPacket(int bytes)
    {
        _packets++;
        _bytes += bytes;
    }

    public void CountHit() => _hits++;

    public void CountSlowPath() => _slowPath++;

    public void CountUncached() => _uncached++;

    public void CountDrop(DropReason reason) => _drops[(int)reason]++;

    public PortCounts Snapshot(Direction direction) => new(
        direction,
        Volatile.Read(ref _packets),
        Volatile.Read(ref _bytes),
        Volatile.Read(ref _hits),
        Volatile.Read(ref _slowPath),
        Volatile.Read(ref _uncached),
        DropReasons.NonZero(_drops));
}

/// <summary>The counters of a port in one direction, as they stood.</summary>
/// <param name="Direction">As the VM sees it.</param>
/// <param name="Packets">Packets decided, dropped ones included; a super-packet counts as one.</param>
/// <param name="Bytes">Their bytes, as the VM sees them.</param>
/// <param name="UnifiedFlowHits">Packets that a remembered decision was found for.</param>
/// <param name="SlowPathEvaluations">Packets that the layers were asked about.</param>
/// <param name="Uncached">Decisions that were not remembered because the tables were full.</param>
/// <param name="Drops">Drops by reason; reasons that never came up are left out.</param>
public sealed record PortCounts(
    Direction Direction,
    long Packets,
    long Bytes,
    long UnifiedFlowHits,
    long SlowPathEvaluations,
    long Uncached,
    IReadOnlyDictionary<DropReason, long> Drops);

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
