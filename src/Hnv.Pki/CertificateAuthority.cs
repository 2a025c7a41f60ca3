using System.Net;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki;

/// <summary>What to certify.</summary>
/// <param name="Name">Common name.</param>
/// <param name="Grant">What the holder is.</param>
/// <param name="Addresses">DNS names and IP addresses a server is reached by.</param>
/// <param name="IsServer">True adds the server-authentication usage to the client-authentication one.</param>
/// <param name="Lifetime">How long it is valid; it never outlives its authority.</param>
public sealed record CertificateOrder(string Name, CertificateGrant Grant, IReadOnlyList<string> Addresses, bool IsServer, TimeSpan Lifetime);

/// <summary>A certificate and its private key, both in PEM (RFC 7468).</summary>
/// <param name="Certificate">The certificate.</param>
/// <param name="PrivateKey">The key, PKCS #8.</param>
public sealed record IssuedCertificate(string Certificate, string PrivateKey);

/// <summary>
/// A certificate authority of one key: ECDSA on P-256 with SHA-256, which every TLS of the last decade takes. Authorities are
/// self-signed, not chained, because OpenSSL (and with it <c>ovsdb-server</c>) trusts whole chains only.
/// </summary>
public sealed class CertificateAuthority : IDisposable
{
    /// <summary>Usage of a TLS server's certificate (RFC 5280 §4.2.1.12).</summary>
    public const string ServerAuthentication = "1.3.6.1.5.5.7.3.1";

    /// <summary>Usage of a TLS client's certificate.</summary>
    public const string ClientAuthentication = "1.3.6.1.5.5.7.3.2";

    private const int SerialSize = 16;

    // The clocks of hosts differ a little, and a certificate is used the moment it is made.
    private static readonly TimeSpan s_backdate = TimeSpan.FromMinutes(5);

    private readonly X509Certificate2 _certificate;
    private readonly TimeProvider _time;

    private CertificateAuthority(X509Certificate2 certificate, TimeProvider time)
    {
        _certificate = certificate;
        _time = time;
    }

    /// <summary>The authority's own certificate in PEM.</summary>
    public string Certificate => _certificate.ExportCertificatePem();

    /// <summary>Makes an authority.</summary>
    public static IssuedCertificate Create(string name, TimeSpan lifetime, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(time);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(Subject(name), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, hasPathLengthConstraint: true, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, critical: true));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        DateTimeOffset now = time.GetUtcNow();
        using X509Certificate2 certificate = request.CreateSelfSigned(now - s_backdate, now + lifetime);
        return new IssuedCertificate(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <summary>Takes an authority up again.</summary>
    /// <exception cref="CryptographicException">The texts are no certificate and the key of it.</exception>
    public static CertificateAuthority Open(IssuedCertificate authority, TimeProvider time)
    {
        ArgumentNullException.ThrowIfNull(authority);
        return new CertificateAuthority(X509Certificate2.CreateFromPem(authority.Certificate, authority.PrivateKey), time);
    }

    /// <summary>Certifies a new key.</summary>
    public IssuedCertificate Issue(CertificateOrder order)
    {
        ArgumentNullException.ThrowIfNull(order);
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        CertificateRequest request = new(Subject(order.Name), key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: false, hasPathLengthConstraint: false, pathLengthConstraint: 0, critical: true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.DigitalSignature, critical: true));
        OidCollection usages = [new Oid(ClientAuthentication)];
        if (order.IsServer)
        {
            usages.Add(new Oid(ServerAuthentication));
        }

        request.CertificateExtensions.Add(new X509EnhancedKeyUsageExtension(usages, critical: false));
        request.CertificateExtensions.Add(AlternativeNames(order));
        request.CertificateExtensions.Add(new X509SubjectKeyIdentifierExtension(request.PublicKey, critical: false));
        request.CertificateExtensions.Add(X509AuthorityKeyIdentifierExtension.CreateFromCertificate(_certificate, includeKeyIdentifier: true, includeIssuerAndSerial: false));

        DateTimeOffset now = _time.GetUtcNow();
        DateTimeOffset authorityEnd = new(_certificate.NotAfter.ToUniversalTime());
        DateTimeOffset authorityBegin = new(_certificate.NotBefore.ToUniversalTime());
        DateTimeOffset begin = now - s_backdate < authorityBegin ? authorityBegin : now - s_backdate;
        DateTimeOffset end = now + order.Lifetime > authorityEnd ? authorityEnd : now + order.Lifetime;
        using X509Certificate2 certificate = request.Create(_certificate, begin, end, Serial());
        return new IssuedCertificate(certificate.ExportCertificatePem(), key.ExportPkcs8PrivateKeyPem());
    }

    /// <inheritdoc/>
    public void Dispose() => _certificate.Dispose();

    private static X500DistinguishedName Subject(string name)
    {
        X500DistinguishedNameBuilder subject = new();
        subject.AddCommonName(name);
        return subject.Build();
    }

    private static X509Extension AlternativeNames(CertificateOrder order)
    {
        SubjectAlternativeNameBuilder names = new();
        foreach (string address in order.Addresses)
        {
            if (IPAddress.TryParse(address, out IPAddress? ip))
            {
                names.AddIpAddress(ip);
            }
            else
            {
                names.AddDnsName(address);
            }
        }

        names.AddUri(new Uri(order.Grant.Uri));
        return names.Build();
    }

    /// <summary>Random, positive and of full length (RFC 5280 §4.1.2.2), so that no two authorities need to agree on numbers.</summary>
    private static byte[] Serial()
    {
        byte[] serial = RandomNumberGenerator.GetBytes(SerialSize);
        serial[0] = (byte)((serial[0] & 0x7F) | 0x40);
        return serial;
    }
}
