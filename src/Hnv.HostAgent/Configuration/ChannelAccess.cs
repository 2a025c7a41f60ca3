using System.Net;
using System.Runtime.CompilerServices;
using System.Security.Authentication;
using System.Security.Cryptography.X509Certificates;
using System.Text.Json;
using Hnv.Contracts;
using Hnv.Contracts.Rest;
using Hnv.Pki;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;

namespace Hnv.HostAgent.Configuration;

/// <summary>
/// Who may use the host channel. The local socket and <c>http</c> listeners ask nobody; over <c>https</c> a controller or an admin may do
/// everything, a reader may read. A host's certificate, or a tenant's, opens nothing.
/// </summary>
internal sealed class ChannelAccess
{
    private static readonly TimeSpan s_handshakeMax = TimeSpan.FromSeconds(5);

    private readonly CertificateFiles? _people;
    private readonly CertificateFiles? _controllers;
    private readonly TimeProvider _time;

    // One object per connection, and as long as it.
    private readonly ConditionalWeakTable<X509Certificate2, CertificateGrant> _admitted = [];

    private ChannelAccess(CertificateFiles? people, CertificateFiles? controllers, TimeProvider time)
    {
        _people = people;
        _controllers = controllers;
        _time = time;
    }

    /// <exception cref="PkiException">A file is missing or holds something else.</exception>
    public static ChannelAccess Open(TlsOptions? tls, TimeProvider time) => tls is null
        ? new ChannelAccess(null, null, time)
        : new ChannelAccess(
            CertificateFiles.Open(tls.Certificate, tls.PrivateKey, tls.Authorities),
            CertificateFiles.Open(tls.Certificate, tls.PrivateKey, tls.ControllersAuthorities),
            time);

    /// <summary>Listens on the URLs of the configuration.</summary>
    public void Listen(KestrelServerOptions kestrel, IReadOnlyList<string> urls)
    {
        foreach (Uri uri in urls.Select(url => new Uri(url)))
        {
            kestrel.Listen(IPAddress.Parse(uri.Host), uri.Port, listener =>
            {
                if (uri.Scheme == Uri.UriSchemeHttps)
                {
                    listener.UseHttps(Tls());
                }
            });
        }
    }

    /// <summary>One request.</summary>
    public Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        if (!context.Request.IsHttps)
        {
            return next(context);
        }

        if (context.Connection.ClientCertificate is not { } certificate)
        {
            return RefuseAsync(context, HttpStatusCode.Unauthorized, "Unauthorized", "A client certificate is needed: a controller's, an admin's or a reader's.");
        }

        CertificateGrant? grant = certificate.NotAfter.ToUniversalTime() >= _time.GetUtcNow() && _admitted.TryGetValue(certificate, out CertificateGrant? known) ? known : GrantOf(certificate, null);
        return grant?.Role switch
        {
            CertificateRole.Controller or CertificateRole.Admin => next(context),
            CertificateRole.Reader when HttpMethods.IsGet(context.Request.Method) => next(context),
            _ => RefuseAsync(context, HttpStatusCode.Forbidden, "Forbidden", $"{grant?.ToString() ?? "Nobody"} may not {context.Request.Method} {context.Request.Path} here. A controller or an admin may."),
        };
    }

    private HttpsConnectionAdapterOptions Tls() => new()
    {
        ServerCertificateSelector = (_, _) => _people!.Certificate,
        SslProtocols = SslProtocols.Tls12 | SslProtocols.Tls13,
        HandshakeTimeout = s_handshakeMax,
        ClientCertificateMode = ClientCertificateMode.AllowCertificate,
        ClientCertificateValidation = (certificate, chain, _) =>
        {
            if (GrantOf(certificate, chain) is not { } grant)
            {
                return false;
            }

            _admitted.AddOrUpdate(certificate, grant);
            return true;
        },
    };

    /// <summary>What a certificate entitles to here: which authority may say what is part of it.</summary>
    private CertificateGrant? GrantOf(X509Certificate2 certificate, X509Chain? chain)
    {
        CertificateGrant? grant = CertificateGrant.Of(certificate);
        CertificateFiles? authority = grant?.Role switch
        {
            CertificateRole.Controller => _controllers,
            CertificateRole.Admin or CertificateRole.Reader => _people,
            _ => null,
        };
        return authority is not null
            && PeerCheck.Fault(certificate, authority.Authorities, CertificateAuthority.ClientAuthentication, _time.GetUtcNow(), chain?.ChainPolicy.ExtraStore) is null
            ? grant
            : null;
    }

    private static async Task RefuseAsync(HttpContext context, HttpStatusCode status, string code, string message)
    {
        context.Response.StatusCode = (int)status;
        context.Response.ContentType = "application/json; charset=utf-8";
        await JsonSerializer.SerializeAsync(context.Response.Body, new ErrorResponse(new ErrorBody(code, message)), ContractJson.Default.ErrorResponse, context.RequestAborted);
    }
}
