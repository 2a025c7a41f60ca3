namespace Hnv.Southbound;

/// <summary>A host could not be written to, for the reason of its session's state. Look at the state and try again when it changes.</summary>
public sealed class HostSessionException : Exception
{
    /// <summary>A refusal without details.</summary>
    public HostSessionException()
    {
    }

    /// <summary>A refusal and its reason.</summary>
    public HostSessionException(string message)
        : base(message)
    {
    }

    /// <summary>A refusal, its reason and what caused it.</summary>
    public HostSessionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>A refusal because of a session's state.</summary>
    public HostSessionException(HostSessionState state, string message)
        : base(message) => State = state;

    /// <summary>The state that stood in the way.</summary>
    public HostSessionState State { get; }
}
