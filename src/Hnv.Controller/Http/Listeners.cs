using System.Buffers.Text;
using System.Collections.Concurrent;
using System.Net;
using System.Security.Authentication;
using Hnv.Pki;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Hnv.Controller.Http;

/// <summary>Where the controller listens, with which certificate, and what one client may cost before anybody knows who it is.</summary>
internal sealed class Listeners(ControllerOptions options, CertificateFiles? own, CertificateCallers? callers)
{
    // Slower than this nobody sends a document on purpose; without a lower bound, one byte a minute holds a connection and a buffer.
    private const double BytesPerSecondMin = 4096;

    // The time to read an answer grows with what was written so far, into the buffers of both kernels too: a lower rate would let who reads nothing stay for half an hour.
    private const double AnswerBytesPerSecondMin = 65_536;
    private static readonly TimeSpan s_slowGrace = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_handshakeMax = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan s_headersMax = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan s_idleMax = TimeSpan.FromSeconds(60);
    private const int HeaderBytesMax = 32 << 10;
    private const int StreamsPerConnectionMax = 32;

    private readonly ConcurrentDictionary<IPAddress, int> _connections = [];

    /// <summary>Sets the server up.</summary>
    /// <exception cref="InvalidDataException">An address cannot be served as configured.</exception>
    public void Configure(KestrelServerOptions kestrel)
    {
        kestrel.AddServerHeader = false;
        kestrel.Limits.MaxRequestBodySize = NetworkingApi.BodyMax;
        kestrel.Limits.MaxRequestHeadersTotalSize = HeaderBytesMax
            + (options.Authentication.Mode == ControllerOptions.AuthenticationMode.Kerberos ? Base64.GetMaxEncodedToUtf8Length(KerberosCallers.TokenBytesMax) : 0);
        kestrel.Limits.MaxConcurrentConnections = options.Limits.Connections;
        kestrel.Limits.RequestHeadersTimeout = s_headersMax;
        kestrel.Limits.KeepAliveTimeout = s_idleMax;
        kestrel.Limits.MinRequestBodyDataRate = new MinDataRate(BytesPerSecondMin, s_slowGrace);
        kestrel.Limits.MinResponseDataRate = new MinDataRate(AnswerBytesPerSecondMin, s_slowGrace);
        kestrel.Limits.Http2.MaxStreamsPerConnection = StreamsPerConnectionMax;
        kestrel.ListenUnixSocket(options.SocketPath, listener => listener.Use(next => connection =>
        {
            connection.Features.Set(new AccessGate.LocalConnection());
            return next(connection);
        }));
        foreach (string url in options.Listen)
        {
            Listen(kestrel, url);
        }
    }

    private void Listen(KestrelServerOptions kestrel, string url)
    {
        var address = BindingAddress.Parse(url);
        bool secure = address.Scheme == Uri.UriSchemeHttps;
        if (!secure && address.Scheme != Uri.UriSchemeHttp)
        {
            throw new InvalidDataException($"listen: {url} is not served. Write http://ADDRESS:PORT or https://ADDRESS:PORT.");
        }

        if (secure && own is null)
        {
            throw new InvalidDataException($"listen: {url} needs a certificate. Name tls.certificate, tls.privateKey and tls.authorities.");
        }

        if (!secure && options.Authentication.Mode != ControllerOptions.AuthenticationMode.None)
        {
            throw new InvalidDataException($"listen: {url} cannot ask its callers who they are, and authentication.mode is {options.Authentication.Mode}. Write https.");
        }

        void Set(ListenOptions listener)
        {
            listener.Use(OneClientAsync);
            if (options.Authentication.Mode == ControllerOptions.AuthenticationMode.Kerberos)
            {
                // Negotiate belongs to a connection, which in HTTP/2 is several requests at once (RFC 4559).
                listener.Protocols = HttpProtocols.Http1;
                listener.Use(next => async connection =>
                {
                    using KerberosCallers.Session session = new();
                    connection.Features.Set(session);
                    await next(connection);
                });
            }

            if (secure)
            {
                listener.UseHttps(Tls());
            }
        }

        if (address.Host == "localhost")
        {
            kestrel.ListenLocalhost(address.Port, Set);
        }
        else
        {
            kestrel.Listen(IPAddress.TryParse(address.Host.Trim('[', ']'), out IPAddress? ip) ? ip : IPAddress.IPv6Any, address.Port, Set);
        }
    }

    private HttpsConnectionAdapterOptions Tls() => new()
    {
        ServerCertificateSelector = (_, _) => own!.Certificate,
        SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        HandshakeTimeout = s_handshakeMax,

        // Allowed, not required: who has none gets an answer that says so. One that is no good ends the handshake.
        ClientCertificateMode = callers is null ? ClientCertificateMode.NoCertificate : ClientCertificateMode.AllowCertificate,
        ClientCertificateValidation = callers is null ? null : (certificate, chain, _) => callers.IsAcceptable(certificate, chain),
    };

    /// <summary>Ends connections of an address that has its share: one client cannot use them all up.</summary>
    private ConnectionDelegate OneClientAsync(ConnectionDelegate next) => async connection =>
    {
        IPAddress address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
        try
        {
            if (_connections.AddOrUpdate(address, 1, (_, count) => count + 1) <= options.Limits.ConnectionsPerClient)
            {
                await next(connection);
            }
        }
        finally
        {
            if (_connections.AddOrUpdate(address, 0, (_, count) => count - 1) == 0)
            {
                _ = _connections.TryRemove(KeyValuePair.Create(address, 0));
            }
        }
    };
}
