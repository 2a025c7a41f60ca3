using Hnv.Vfp;
using Hnv.Wire;

namespace Hnv.Dataplane.Userspace;

/// <summary>
/// Sends one worker's ports the router advertisements that no guest asked for: when a port comes, when its program changes, and every few minutes
/// (RFC 4861 §6.2.4).
/// </summary>
internal sealed class Advertisements(Departures departures)
{
    private const int LookMs = 1000;
    private readonly byte[] _frame = new byte[RouterAdvertisement.FrameLengthMax];
    private long _lookAt;

    /// <summary>Looks at the ports among the sources, once a second.</summary>
    public void Run(List<object?> sources, long now)
    {
        if (now < _lookAt)
        {
            return;
        }

        _lookAt = now + LookMs;
        foreach (object? source in sources)
        {
            if (source is PortChannel channel && channel.Advertisement.IsDue(channel.Port.Program, now))
            {
                Send(channel);
            }
        }

        departures.Flush();
    }

    private void Send(PortChannel channel)
    {
        int length = channel.Port.WriteRouterAdvertisement(_frame);
        if (length > 0)
        {
            int message = departures.BeginFrame(channel, default, length);
            _frame.AsSpan(0, length).CopyTo(departures.AppendScratch(message, length));
        }
    }
}

/// <summary>When one port is to be told of its router again (RFC 4861 §6.2.1, §10). One worker's.</summary>
internal sealed class AdvertisementTimer
{
    /// <summary>MinRtrAdvInterval, milliseconds.</summary>
    private const int PauseMinMs = 200_000;

    /// <summary>MaxRtrAdvInterval, milliseconds; what is between the two is left to chance, so that ports do not fall into step.</summary>
    private const int PauseMaxMs = 600_000;

    /// <summary>MIN_DELAY_BETWEEN_RAS, milliseconds: policy may change more often than a guest needs to hear.</summary>
    private const int DelayMinMs = 3_000;

    private PortProgram? _program;
    private long _notBefore;
    private long _next;

    /// <summary>Is it time, or has the program changed? When yes, the time begins anew.</summary>
    public bool IsDue(PortProgram? program, long now)
    {
        if (now < _notBefore || (now < _next && ReferenceEquals(program, _program)))
        {
            return false;
        }

        _program = program;
        _notBefore = now + DelayMinMs;
        _next = now + Random.Shared.Next(PauseMinMs, PauseMaxMs);
        return true;
    }
}
