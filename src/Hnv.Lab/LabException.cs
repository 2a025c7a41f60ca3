namespace Hnv.Lab;

/// <summary>The lab cannot be made, used or removed; the message says what failed, on what, and what to do.</summary>
public sealed class LabException : Exception
{
    /// <summary>Makes the exception.</summary>
    public LabException(string message)
        : base(message)
    {
    }

    /// <summary>Makes the exception.</summary>
    public LabException(string message, Exception inner)
        : base(message, inner)
    {
    }
}
