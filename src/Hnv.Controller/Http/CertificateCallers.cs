using System.Collections.Frozen;
using System.Runtime.CompilerServices;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Hnv.Pki;

namespace Hnv.Controller.Http;

/// <summary>Tells from a client certificate who calls: the configured list of thumbprints first, else what our authority wrote into it.</summary>
/// <param name="authorities">Who may have signed it; null takes listed certificates only.</param>
/// <param name="listed">Certificates by thumbprint.</param>
/// <param name="time">The clock.</param>
internal sealed class CertificateCallers(CertificateFiles? authorities, IReadOnlyList<ControllerOptions.ClientEntry> listed, TimeProvider time)
{
    private readonly FrozenDictionary<string, ControllerOptions.ClientEntry> _listed =
        listed.Where(entry => entry.Thumbprint is not null).ToFrozenDictionary(entry => Normal(entry.Thumbprint!), StringComparer.Ordinal);

    // One object per connection, and as long as it: reading names and hashing is not done for every request.
    private readonly ConditionalWeakTable<X509Certificate2, Caller> _known = [];

    /// <summary>True when the handshake may go on: a certificate that nobody vouches for ends the connection.</summary>
    public bool IsAcceptable(X509Certificate2 certificate, X509Chain? sent) => Entry(certificate) is not null
        ? IsForClients(certificate) && IsInTime(certificate)
        : authorities is not null
            && PeerCheck.Fault(certificate, authorities.Authorities, CertificateAuthority.ClientAuthentication, time.GetUtcNow(), sent?.ChainPolicy.ExtraStore) is null;

    /// <summary>Who holds a certificate that was acceptable; null when it entitles to nothing, or its time has run out since.</summary>
    public Caller? CallerOf(X509Certificate2 certificate) => IsInTime(certificate)
        && _known.GetValue(certificate, Read) is { Role: not CallerRole.None } caller
            ? caller
            : null;

    /// <summary>A thumbprint as people copy it: colons, blanks and case do not count.</summary>
    public static string Normal(string thumbprint) => string.Concat(thumbprint.Where(char.IsAsciiHexDigit)).ToUpperInvariant();

    private static bool IsForClients(X509Certificate2 certificate) =>
        certificate.Extensions.OfType<X509EnhancedKeyUsageExtension>().FirstOrDefault() is not { } usages
        || usages.EnhancedKeyUsages.Cast<Oid>().Any(usage => usage.Value == CertificateAuthority.ClientAuthentication);

    private bool IsInTime(X509Certificate2 certificate)
    {
        DateTime now = time.GetUtcNow().UtcDateTime;
        return certificate.NotBefore.ToUniversalTime() <= now && now <= certificate.NotAfter.ToUniversalTime();
    }

    // SHA-1 is what Windows shows as the thumbprint; finding a second certificate for a given one is still out of reach.
    private ControllerOptions.ClientEntry? Entry(X509Certificate2 certificate) =>
        _listed.GetValueOrDefault(certificate.GetCertHashString(HashAlgorithmName.SHA256)) ?? _listed.GetValueOrDefault(certificate.Thumbprint);

    private Caller Read(X509Certificate2 certificate)
    {
        string name = certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false);
        string key = certificate.GetCertHashString(HashAlgorithmName.SHA256);
        if (Entry(certificate) is { } entry)
        {
            return new Caller(name, entry.Role, key, entry.Tenant);
        }

        CertificateGrant? grant = CertificateGrant.Of(certificate);
        return new Caller(
            name,
            grant?.Role switch
            {
                CertificateRole.Admin => CallerRole.Admin,
                CertificateRole.Reader => CallerRole.Reader,
                CertificateRole.Tenant => CallerRole.Tenant,
                _ => CallerRole.None,
            },
            key,
            grant?.Tenant);
    }
}
