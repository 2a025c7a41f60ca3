using System.Globalization;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Ovsdb;

/// <summary>
/// Where an OVSDB server listens, spelled as the OVS tools do: <c>unix:/run/x.sock</c>, <c>tcp:192.0.2.1:6640</c>,
/// <c>ssl:host:6640</c>; IPv6 addresses in square brackets.
/// </summary>
/// <param name="Scheme"><c>unix</c>, <c>tcp</c> or <c>ssl</c>.</param>
/// <param name="Host">The path of a unix socket, or the address or name of the host.</param>
/// <param name="Port">The TCP port; 0 for a unix socket.</param>
/// <param name="Tls">Certificates for <c>ssl</c>; null otherwise.</param>
public sealed record OvsdbEndpoint(string Scheme, string Host, int Port, OvsdbTls? Tls = null)
{
    /// <summary>Reads an endpoint.</summary>
    /// <exception cref="FormatException">It is not one; the message says what would be.</exception>
    public static OvsdbEndpoint Parse(string text, OvsdbTls? tls = null)
    {
        ArgumentNullException.ThrowIfNull(text);
        int colon = text.IndexOf(':', StringComparison.Ordinal);
        string scheme = colon < 0 ? string.Empty : text[..colon];
        string rest = text[(colon + 1)..];
        if (scheme == "unix" && rest.Length > 0)
        {
            return new OvsdbEndpoint(scheme, rest, 0);
        }

        int last = rest.LastIndexOf(':');
        if (scheme is "tcp" or "ssl" && last > 0 && ushort.TryParse(rest.AsSpan(last + 1), NumberStyles.None, CultureInfo.InvariantCulture, out ushort port))
        {
            return scheme == "ssl" && tls is null
                ? throw new FormatException($"OVSDB endpoint '{text}' needs certificates. Configure a client certificate and the authority that signed the server's.")
                : new OvsdbEndpoint(scheme, rest[..last].Trim('[', ']'), port, scheme == "ssl" ? tls : null);
        }

        throw new FormatException($"'{text}' is not an OVSDB endpoint. Write unix:/path, tcp:address:port or ssl:address:port.");
    }

    /// <summary>A unix socket.</summary>
    public static OvsdbEndpoint Unix(string path) => new("unix", path, 0);

    /// <inheritdoc/>
    public override string ToString() =>
        Scheme == "unix" ? $"unix:{Host}" : Host.Contains(':', StringComparison.Ordinal) ? $"{Scheme}:[{Host}]:{Port}" : $"{Scheme}:{Host}:{Port}";

    internal async Task<Stream> ConnectAsync(CancellationToken cancellation)
    {
        Socket socket = Scheme == "unix"
            ? new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified)
            : new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
        try
        {
            await (Scheme == "unix"
                ? socket.ConnectAsync(new UnixDomainSocketEndPoint(Host), cancellation)
                : socket.ConnectAsync(Host, Port, cancellation));
            NetworkStream plain = new(socket, ownsSocket: true);
            return Tls is null ? plain : await Tls.AuthenticateAsync(plain, Host, cancellation);
        }
        catch (Exception exception)
        {
            socket.Dispose();
            if (exception is SocketException or IOException or AuthenticationException)
            {
                throw new OvsdbConnectionException($"No OVSDB server answers at {this}: {exception.Message}", exception);
            }

            throw;
        }
    }
}

/// <summary>
/// Both sides of mutual TLS: who we are and whose signature we trust. Asked for at every connection, so that renewed certificates are
/// used by the next one. The caller owns the certificates.
/// </summary>
/// <param name="Certificate">Our certificate with its private key; it needs the client-authentication usage.</param>
/// <param name="Authorities">Who may have signed the server's certificate.</param>
/// <param name="ServerName">The name or address the server's certificate must carry; null takes the host of the endpoint.</param>
public sealed record OvsdbTls(Func<X509Certificate2> Certificate, Func<X509Certificate2Collection> Authorities, string? ServerName = null)
{
    private const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    internal async Task<Stream> AuthenticateAsync(Stream plain, string host, CancellationToken cancellation)
    {
        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(Authorities());
        policy.ApplicationPolicy.Add(new Oid(ServerAuthentication));
        SslPolicyErrors wrong = SslPolicyErrors.None;
        SslStream tls = new(plain);
        try
        {
            await tls.AuthenticateAsClientAsync(
                new SslClientAuthenticationOptions
                {
                    TargetHost = ServerName ?? host,
                    // A selected certificate is shown also to a server that asks for one of its own authority's in a way we cannot tell.
                    LocalCertificateSelectionCallback = (_, _, _, _, _) => Certificate(),
                    EnabledSslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
                    CertificateChainPolicy = policy,
                    RemoteCertificateValidationCallback = (_, _, _, errors) => (wrong = errors) == SslPolicyErrors.None,
                },
                cancellation);
            return tls;
        }
        catch (AuthenticationException exception) when (wrong != SslPolicyErrors.None)
        {
            await tls.DisposeAsync();
            throw new OvsdbConnectionException($"The certificate shown by {host} is not accepted ({wrong}): {exception.Message}", exception)
            {
                Certificate = wrong == SslPolicyErrors.RemoteCertificateNameMismatch ? CertificateFault.WrongName : CertificateFault.Untrusted,
            };
        }
        catch
        {
            await tls.DisposeAsync();
            throw;
        }
    }
}
