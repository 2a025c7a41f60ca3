using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Engine;

/// <summary>The conditional headers of a request and what they say about a resource (table 2.6).</summary>
/// <param name="IfMatch">null or empty: any; <c>*</c>: it must exist; else the etag it must have.</param>
/// <param name="IfNoneMatch"><c>*</c>: it must not exist.</param>
internal readonly record struct Precondition(string? IfMatch, string? IfNoneMatch)
{
    private const string Any = "*";

    /// <exception cref="RefusedException">412.</exception>
    public void Check(string reference, Node? existing, bool isDelete)
    {
        if (IfNoneMatch?.Trim() == Any && existing is not null)
        {
            throw Failed(reference, "it exists already, and If-None-Match is *. Leave that header out to replace it.");
        }

        string match = IfMatch?.Trim() ?? "";
        if (match.Length == 0 || (match == Any && (existing is not null || isDelete)))
        {
            return;
        }

        if (existing is null)
        {
            if (!isDelete)
            {
                throw Failed(reference, "it does not exist, and If-Match asks for one that does. Leave that header out to create it.");
            }
        }
        else if (match != Any && Opaque(match) != Opaque(existing.ETag))
        {
            throw Failed(reference, $"its etag is {existing.ETag}, not {match}: it changed since it was read. Read it again and repeat the change.");
        }
    }

    // Weak comparison (RFC 9110 §8.8.3.2); clients also drop the W/ or the quotes.
    private static string Opaque(string etag) => (etag.StartsWith("W/", StringComparison.OrdinalIgnoreCase) ? etag[2..] : etag).Trim('"');

    private static RefusedException Failed(string reference, string why) =>
        new(ErrorCodes.ValidationError, reference, $"{reference}: {why}", StatusCodes.Status412PreconditionFailed);
}
