namespace Hnv.Ovsdb;

/// <summary>An OVSDB server could not be asked, or refused. The message says what was asked, of whom, and why not.</summary>
public class OvsdbException : Exception
{
    /// <summary>A failure without details.</summary>
    public OvsdbException()
    {
    }

    /// <summary>A failure and its reason.</summary>
    public OvsdbException(string message)
        : base(message)
    {
    }

    /// <summary>A failure, its reason and what caused it.</summary>
    public OvsdbException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }
}

/// <summary>
/// The connection could not be made or was lost. The outcome of a request that was under way is unknown: compare and ask again.
/// </summary>
public sealed class OvsdbConnectionException : OvsdbException
{
    /// <summary>A lost connection without details.</summary>
    public OvsdbConnectionException()
    {
    }

    /// <summary>A lost connection and its reason.</summary>
    public OvsdbConnectionException(string message)
        : base(message)
    {
    }

    /// <summary>A lost connection, its reason and what caused it.</summary>
    public OvsdbConnectionException(string message, Exception? innerException)
        : base(message, innerException)
    {
    }

    /// <summary>What was wrong with the certificate that the server showed.</summary>
    public CertificateFault Certificate { get; init; }
}

/// <summary>What was wrong with a server's certificate.</summary>
public enum CertificateFault
{
    /// <summary>Nothing, or it did not come to that.</summary>
    None,

    /// <summary>None was shown, or nobody we trust signed it for a server, or its time is over.</summary>
    Untrusted,

    /// <summary>It is good, and somebody else's: it does not carry the name or address that was connected to.</summary>
    WrongName,
}

/// <summary>The server refused a transaction and changed nothing. Retrying the same transaction is safe.</summary>
public sealed class OvsdbTransactionException : OvsdbException
{
    /// <summary>A refusal without details.</summary>
    public OvsdbTransactionException()
        : this("a transaction", "unknown", string.Empty)
    {
    }

    /// <summary>A refusal and its reason.</summary>
    public OvsdbTransactionException(string message)
        : this("a transaction", message, string.Empty)
    {
    }

    /// <summary>A refusal, its reason and what caused it.</summary>
    public OvsdbTransactionException(string message, Exception? innerException)
        : base(message, innerException) => (Operation, Error, Details) = ("a transaction", message, string.Empty);

    /// <summary>A refusal in the server's own words.</summary>
    /// <param name="operation">Which operation, as <c>insert into FW_Rules (operation 3)</c>, or <c>commit</c>.</param>
    /// <param name="error">The error of RFC 7047 §4.1.3, as <c>constraint violation</c>.</param>
    /// <param name="details">The server's explanation; may be empty.</param>
    public OvsdbTransactionException(string operation, string error, string details)
        : base($"The OVSDB server refused {operation}: {error}{(details.Length == 0 ? "" : ": " + details)}. Nothing was changed.")
    {
        Operation = operation;
        Error = error;
        Details = details;
    }

    /// <summary>The operation that failed, or <c>commit</c>.</summary>
    public string Operation { get; }

    /// <summary>The error of RFC 7047, as <c>constraint violation</c>, <c>referential integrity violation</c>, <c>timed out</c>.</summary>
    public string Error { get; }

    /// <summary>The server's explanation; may be empty.</summary>
    public string Details { get; }

    /// <summary>True when a <c>wait</c> found other rows than expected: somebody else was faster.</summary>
    public bool IsConflict => Error == "timed out";
}
