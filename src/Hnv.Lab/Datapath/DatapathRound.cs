namespace Hnv.Lab.Datapath;

/// <summary>Times of one kind of round trip, microseconds.</summary>
/// <param name="P50">The median.</param>
/// <param name="P90">Ninety of a hundred took no longer.</param>
/// <param name="P99">Ninety-nine of a hundred took no longer.</param>
public sealed record RoundTrip(double P50, double P90, double P99);

/// <summary>What one round measured of one contender.</summary>
/// <param name="TcpGbitPerSecond">One TCP stream, as the receiver saw it.</param>
/// <param name="TcpCpuSecondsPerGbit">Busy processor time of the whole machine per gigabit of that stream, sender and receiver included.</param>
/// <param name="Tcp8GbitPerSecond">Eight TCP streams together.</param>
/// <param name="UdpKiloPacketsPerSecond">64-byte frames that arrived at the receiving machine's device while the sender sent all it could.</param>
/// <param name="Ping">An ICMP echo, which the other machine's kernel answers.</param>
/// <param name="Request">64 bytes over UDP, which a process answers.</param>
/// <param name="KiloConnectionsPerSecond">TCP connections that were opened and reset.</param>
/// <param name="KiloFlowsPerSecond">First packets of new UDP 5-tuples that arrived at a process of the receiving machine.</param>
/// <param name="BystanderSent">Datagrams that a machine of another tenant sent meanwhile in one flow of its own.</param>
/// <param name="BystanderLost">How many of these did not arrive.</param>
public sealed record DatapathRound(
    double TcpGbitPerSecond,
    double TcpCpuSecondsPerGbit,
    double Tcp8GbitPerSecond,
    double UdpKiloPacketsPerSecond,
    RoundTrip Ping,
    RoundTrip Request,
    double KiloConnectionsPerSecond,
    double KiloFlowsPerSecond,
    long BystanderSent,
    long BystanderLost);

/// <summary>All rounds of one contender.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Rounds">In the order they were measured.</param>
public sealed record DatapathResult(string Name, IReadOnlyList<DatapathRound> Rounds)
{
    /// <summary>The median of one figure over the rounds.</summary>
    public double Median(Func<DatapathRound, double> figure)
    {
        double[] sorted = [.. Rounds.Select(figure).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }

    /// <summary>
    /// The median of this one's ratio to another, round by round: what was measured one behind the other met the same machine, as quick or as busy.
    /// </summary>
    public double Ratio(DatapathResult other, Func<DatapathRound, double> figure)
    {
        double[] sorted = [.. Rounds.Zip(other.Rounds, (own, its) => figure(own) / figure(its)).Order()];
        return sorted.Length % 2 == 1 ? sorted[sorted.Length / 2] : (sorted[(sorted.Length / 2) - 1] + sorted[sorted.Length / 2]) / 2;
    }
}

/// <summary>A column of the table and a panel of the chart.</summary>
/// <param name="Name">What is measured.</param>
/// <param name="Unit">In what.</param>
/// <param name="Format">How its numbers are written.</param>
/// <param name="IsMoreBetter">False when less is.</param>
/// <param name="Of">The figure.</param>
public sealed record DatapathFigure(string Name, string Unit, string Format, bool IsMoreBetter, Func<DatapathRound, double> Of)
{
    /// <summary>All of them, in the order they are shown.</summary>
    public static IReadOnlyList<DatapathFigure> All { get; } =
    [
        new("TCP, 1 stream", "Gbit/s", "F2", true, round => round.TcpGbitPerSecond),
        new("TCP, 8 streams", "Gbit/s", "F2", true, round => round.Tcp8GbitPerSecond),
        new("CPU per gigabit", "s", "F3", false, round => round.TcpCpuSecondsPerGbit),
        new("64-byte UDP received", "kpps", "F0", true, round => round.UdpKiloPacketsPerSecond),
        new("Ping p50", "us", "F1", false, round => round.Ping.P50),
        new("Ping p90", "us", "F1", false, round => round.Ping.P90),
        new("Ping p99", "us", "F1", false, round => round.Ping.P99),
        new("Request p50", "us", "F1", false, round => round.Request.P50),
        new("Request p90", "us", "F1", false, round => round.Request.P90),
        new("Request p99", "us", "F1", false, round => round.Request.P99),
        new("TCP connections", "k/s", "F2", true, round => round.KiloConnectionsPerSecond),
        new("New UDP flows", "k/s", "F1", true, round => round.KiloFlowsPerSecond),
    ];
}
