using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography.X509Certificates;
using Hnv.Pki;

namespace Hnv.Client;

/// <summary>
/// Where a service listens: <c>http://host:port</c>, or a Unix socket written as <c>unix:/run/hnv/controller.sock</c> or simply
/// as its absolute path.
/// </summary>
internal static class Endpoint
{
    private const string UnixScheme = "unix:";

    /// <summary>A client for that endpoint. The caller owns it.</summary>
    /// <param name="endpoint">The endpoint.</param>
    /// <param name="identity">For <c>https</c>: our certificate and whose signature we trust; null has none and trusts whom the system trusts.</param>
    /// <param name="limits">What it may cost; null bounds nothing.</param>
    /// <exception cref="FormatException">It is neither a URL nor a socket path.</exception>
    public static HttpClient Open(string endpoint, CertificateFiles? identity, ClientLimits? limits = null)
    {
        string? socketPath = endpoint.StartsWith(UnixScheme, StringComparison.OrdinalIgnoreCase) ? endpoint[UnixScheme.Length..]
            : endpoint.StartsWith('/') ? endpoint
            : null;
        if (socketPath is not null)
        {
            return new HttpClient(OverSocket(socketPath)) { BaseAddress = new Uri("http://localhost/"), Timeout = Timeout.InfiniteTimeSpan };
        }

        return Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? Limited(new HttpClient(OverTcp(uri, identity, limits)) { BaseAddress = uri, Timeout = Timeout.InfiniteTimeSpan }, limits)
            : throw new FormatException($"'{endpoint}' is no endpoint. Write http://HOST:PORT, https://HOST:PORT, or unix:/path/of/the/socket.");
    }

    private static HttpClient Limited(HttpClient client, ClientLimits? limits)
    {
        client.MaxResponseContentBufferSize = limits?.AnswerBytesMax ?? client.MaxResponseContentBufferSize;
        return client;
    }

    private static SocketsHttpHandler OverTcp(Uri uri, CertificateFiles? identity, ClientLimits? limits)
    {
        // Neither service redirects; whoever does sends us to somebody else.
        SocketsHttpHandler handler = new() { AllowAutoRedirect = false, UseCookies = false };
        if (limits is not null)
        {
            handler.ConnectTimeout = limits.ConnectTimeout;
            handler.UseProxy = false;
        }
        else if (uri.Scheme == Uri.UriSchemeHttps)
        {
            // Asked by Negotiate, we show the ticket that 'kinit' got; it is good for the service of that name and no other.
            handler.Credentials = new CredentialCache { { uri, "Negotiate", CredentialCache.DefaultNetworkCredentials } };
        }

        if (identity is null)
        {
            return handler;
        }

        X509ChainPolicy policy = new() { TrustMode = X509ChainTrustMode.CustomRootTrust, RevocationMode = X509RevocationMode.NoCheck, DisableCertificateDownloads = true };
        policy.CustomTrustStore.AddRange(identity.Authorities);
        policy.ApplicationPolicy.Add(new System.Security.Cryptography.Oid(CertificateAuthority.ServerAuthentication));
        handler.SslOptions = new SslClientAuthenticationOptions
        {
            // Chosen for every handshake: a renewed certificate is used by the next connection.
            LocalCertificateSelectionCallback = (_, _, _, _, _) => identity.Certificate,
            CertificateChainPolicy = policy,
        };
        return handler;
    }

    private static SocketsHttpHandler OverSocket(string path) => new()
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
