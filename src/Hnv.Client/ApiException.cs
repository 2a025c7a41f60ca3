using System.Net;
using Hnv.Contracts.Rest;

namespace Hnv.Client;

/// <summary>The service answered and refused; or it could not be reached at all (<see cref="Status"/> 0).</summary>
public sealed class ApiException : Exception
{
    /// <summary>A refusal as the service put it.</summary>
    public ApiException(HttpStatusCode status, ErrorBody error)
        : base(error.Message)
    {
        Status = status;
        Error = error;
    }

    /// <summary>No answer.</summary>
    public ApiException(string message, Exception inner)
        : base(message, inner) => Error = new ErrorBody(UnreachableCode, message);

    /// <summary><see cref="ErrorBody.Code"/> of an error made here because nobody answered.</summary>
    public const string UnreachableCode = "Unreachable";

    /// <summary>The HTTP status; 0 without an answer.</summary>
    public HttpStatusCode Status { get; }

    /// <summary>Code, message, target and details.</summary>
    public ErrorBody Error { get; }

    /// <summary>The documented code.</summary>
    public string Code => Error.Code;

    /// <summary>The resourceRef concerned, when the service named one.</summary>
    public string? Target => Error.Target;
}
