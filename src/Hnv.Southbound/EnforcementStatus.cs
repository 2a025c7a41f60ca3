namespace Hnv.Southbound;

/// <summary>How far a host is with something it was asked for.</summary>
public enum EnforcementState
{
    /// <summary>Nobody has looked at it yet.</summary>
    Pending,

    /// <summary>In force.</summary>
    Running,

    /// <summary>Deliberately passing no traffic, as a port without policy.</summary>
    Blocked,

    /// <summary>The host tried and could not.</summary>
    Failed,
}

/// <summary>What the host agent says about one port or provider address; the source of <c>configurationState</c>.</summary>
/// <param name="State">How far it is.</param>
/// <param name="Code">The configurationState code, as <c>PortBlocked</c>; empty when all is well.</param>
/// <param name="Message">What happened, for people; empty when all is well.</param>
public sealed record EnforcementStatus(EnforcementState State, string Code, string Message)
{
    /// <summary>Nobody has looked yet.</summary>
    public static EnforcementStatus Pending { get; } = new(EnforcementState.Pending, string.Empty, string.Empty);

    /// <summary>In force.</summary>
    public static EnforcementStatus Running { get; } = new(EnforcementState.Running, string.Empty, string.Empty);

    /// <summary>The <c>status</c> map of a row.</summary>
    public IReadOnlyDictionary<string, string> ToMap() => new Dictionary<string, string>(StringComparer.Ordinal)
    {
        ["state"] = State.ToString(),
        ["code"] = Code,
        ["message"] = Message,
    };

    /// <summary>Reads a <c>status</c> map; one that says nothing intelligible is <see cref="Pending"/>.</summary>
    public static EnforcementStatus FromMap(IReadOnlyDictionary<string, string> map) =>
        Enum.TryParse(map.GetValueOrDefault("state"), out EnforcementState state) && Enum.IsDefined(state)
            ? new EnforcementStatus(state, map.GetValueOrDefault("code", string.Empty), map.GetValueOrDefault("message", string.Empty))
            : Pending;
}
