using System.Collections.Frozen;
using System.Net.Security;
using Hnv.Contracts.Rest;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>
/// Tells from a Kerberos ticket who calls: HTTP Negotiate (RFC 4559) with SPNEGO (RFC 4178), the ticket checked by the system's
/// Kerberos library with the keys of <see cref="Keytab"/>. NTLM is not spoken.
/// </summary>
/// <param name="listed">Principals with their roles; any other has none.</param>
/// <param name="time">The clock.</param>
/// <param name="logger">Hears why tickets are refused.</param>
internal sealed partial class KerberosCallers(IReadOnlyList<ControllerOptions.ClientEntry> listed, TimeProvider time, ILogger<KerberosCallers> logger)
{
    /// <summary>Bytes of a token; what Windows allows (MaxTokenSize), whose tickets carry group lists.</summary>
    public const int TokenBytesMax = 48_000;

    private const string Scheme = "Negotiate";

    // One leg is Kerberos; more are SPNEGO agreeing on it.
    private const int LegsMax = 4;
    private static readonly TimeSpan s_rememberedFor = TimeSpan.FromMinutes(10);

    private readonly FrozenDictionary<string, Caller> _callers = listed
        .Where(entry => entry.Principal is not null)
        .ToFrozenDictionary(entry => entry.Principal!, entry => new Caller(entry.Principal!, entry.Role, $"principal {entry.Principal}", entry.Tenant), StringComparer.Ordinal);

    /// <summary>
    /// What one connection has said of itself. A connection whose ticket was good is its owner's for ten minutes without showing it again;
    /// TLS keeps everybody else out of it. Its requests come one after the other (HTTP/1.1).
    /// </summary>
    public sealed class Session : IDisposable
    {
        internal NegotiateAuthentication? Conversation { get; set; }

        internal int Legs { get; set; }

        internal Caller? Caller { get; set; }

        internal long Since { get; set; }

        /// <summary>Forgets everything.</summary>
        public void Dispose()
        {
            Conversation?.Dispose();
            Conversation = null;
            Caller = null;
            Legs = 0;
        }
    }

    /// <summary>Who sent a request.</summary>
    /// <param name="context">The request; given the header that proves us to the caller.</param>
    /// <param name="refusal">What to answer when it is not known, or not yet.</param>
    public Caller? CallerOf(HttpContext context, out Answer refusal)
    {
        Session session = context.Features.Get<Session>()!;
        if (context.Request.Headers.Authorization is not [{ } header])
        {
            refusal = Unauthorized("A Kerberos ticket is needed: 'kinit', and a client that speaks Negotiate (hnv does, and curl --negotiate -u :).");
            return session.Caller is not null && time.GetElapsedTime(session.Since) < s_rememberedFor ? session.Caller : null;
        }

        session.Caller = null;
        if (TokenOf(header) is not { } token)
        {
            session.Dispose();
            refusal = Unauthorized($"The header Authorization is '{Scheme}' and a token in base64, of {TokenBytesMax} bytes at most.");
            return null;
        }

        return Advance(context, session, token, out refusal);
    }

    private Caller? Advance(HttpContext context, Session session, byte[] token, out Answer refusal)
    {
        session.Conversation ??= new NegotiateAuthentication(new NegotiateAuthenticationServerOptions { Package = Scheme });
        byte[]? reply = session.Conversation.GetOutgoingBlob(token, out NegotiateAuthenticationStatusCode status);
        session.Legs++;
        if (status == NegotiateAuthenticationStatusCode.ContinueNeeded && session.Legs < LegsMax)
        {
            refusal = Unauthorized("The negotiation goes on.", reply);
            return null;
        }

        using NegotiateAuthentication ended = session.Conversation;
        (session.Conversation, session.Legs) = (null, 0);
        if (status != NegotiateAuthenticationStatusCode.Completed || ended.Package != "Kerberos")
        {
            Log.Refused(logger, context.Connection.RemoteIpAddress, status);
            refusal = Unauthorized($"The token was refused ({status}). It is a Kerberos ticket for this service's HTTP/ principal, in time, and used once; NTLM is not spoken.");
            return null;
        }

        string principal = ended.RemoteIdentity.Name ?? "";
        refusal = Answer.Error(
            StatusCodes.Status403Forbidden,
            new ErrorBody(ErrorCodes.Forbidden, $"'{principal}' has no access. The operator lists principals with their roles in authentication.clients."));
        if (_callers.GetValueOrDefault(principal) is not { Role: not CallerRole.None } caller)
        {
            return null;
        }

        (session.Caller, session.Since) = (caller, time.GetTimestamp());
        context.Response.Headers.WWWAuthenticate = Challenge(reply);
        return caller;
    }

    /// <summary>The token of a header; null when there is none that could be one.</summary>
    private static byte[]? TokenOf(string header)
    {
        if (!header.StartsWith($"{Scheme} ", StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        ReadOnlySpan<char> text = header.AsSpan(Scheme.Length).Trim();
        byte[] token = new byte[text.Length / 4 * 3];
        return Convert.TryFromBase64Chars(text, token, out int length) && length is > 0 and <= TokenBytesMax ? token[..length] : null;
    }

    private static Answer Unauthorized(string message, byte[]? reply = null) => Answer.Error(
        StatusCodes.Status401Unauthorized, new ErrorBody(ErrorCodes.Unauthorized, message), KeyValuePair.Create("WWW-Authenticate", Challenge(reply)));

    private static string Challenge(byte[]? reply) => reply is { Length: > 0 } ? $"{Scheme} {Convert.ToBase64String(reply)}" : Scheme;

    private static partial class Log
    {
        [LoggerMessage(EventId = 2112, Level = LogLevel.Information, Message = "A token from {Source} was refused: {Status}")]
        public static partial void Refused(ILogger logger, System.Net.IPAddress? source, NegotiateAuthenticationStatusCode status);
    }
}
