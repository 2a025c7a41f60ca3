using System.Formats.Asn1;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki;

/// <summary>What the holder of a certificate is.</summary>
public enum CertificateRole
{
    /// <summary>A host: its policy database and its host channel.</summary>
    Host,

    /// <summary>A network controller, toward hosts and toward clients.</summary>
    Controller,

    /// <summary>May do everything.</summary>
    Admin,

    /// <summary>May read everything.</summary>
    Reader,

    /// <summary>May read and change what belongs to one tenant.</summary>
    Tenant,
}

/// <summary>
/// What an authority says about the holder, as a URI among the subject alternative names (RFC 5280 §4.2.1.6):
/// <c>urn:openhnv:admin</c>, <c>urn:openhnv:tenant:contoso</c>. A certificate without such a name entitles to nothing.
/// </summary>
/// <param name="Role">What the holder is.</param>
/// <param name="Tenant">The tenant, for <see cref="CertificateRole.Tenant"/>; null otherwise.</param>
public sealed record CertificateGrant(CertificateRole Role, string? Tenant = null)
{
    private const string Prefix = "urn:openhnv:";
    private const string SubjectAlternativeName = "2.5.29.17";
    private const int TenantLengthMax = 64;

    private static readonly Asn1Tag s_uri = new(TagClass.ContextSpecific, 6);

    /// <summary>The URI.</summary>
    public string Uri => Role == CertificateRole.Tenant ? $"{Prefix}tenant:{Tenant}" : $"{Prefix}{NameOf(Role)}";

    /// <summary>True for 1 to 64 letters, digits, <c>-</c> and <c>_</c>: a GUID is one. No dot, so that no tenant's names begin with another's id and a dot.</summary>
    public static bool IsTenantId(string? text) =>
        text is { Length: > 0 and <= TenantLengthMax } && text.All(c => char.IsAsciiLetterOrDigit(c) || c is '-' or '_');

    /// <summary>Reads one URI.</summary>
    /// <returns>Null when it grants nothing.</returns>
    public static CertificateGrant? Parse(string uri)
    {
        ArgumentNullException.ThrowIfNull(uri);
        if (!uri.StartsWith(Prefix, StringComparison.Ordinal))
        {
            return null;
        }

        string[] parts = uri[Prefix.Length..].Split(':');
        return parts switch
        {
            ["tenant", var tenant] when IsTenantId(tenant) => new CertificateGrant(CertificateRole.Tenant, tenant),
            [var name] => Enum.GetValues<CertificateRole>().Where(role => role != CertificateRole.Tenant && NameOf(role) == name)
                .Select(role => new CertificateGrant(role)).FirstOrDefault(),
            _ => null,
        };
    }

    /// <summary>What a certificate entitles to; nothing when it says two things.</summary>
    public static CertificateGrant? Of(X509Certificate2 certificate)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        CertificateGrant[] grants = [.. Uris(certificate).Select(Parse).OfType<CertificateGrant>()];
        return grants.Length == 1 ? grants[0] : null;
    }

    /// <inheritdoc/>
    public override string ToString() => Role == CertificateRole.Tenant ? $"tenant {Tenant}" : NameOf(Role);

    private static string NameOf(CertificateRole role) => role switch
    {
        CertificateRole.Host => "host",
        CertificateRole.Controller => "controller",
        CertificateRole.Admin => "admin",
        CertificateRole.Reader => "reader",
        _ => "tenant",
    };

    private static List<string> Uris(X509Certificate2 certificate)
    {
        List<string> uris = [];
        if (certificate.Extensions[SubjectAlternativeName] is not { } extension)
        {
            return uris;
        }

        try
        {
            AsnReader names = new AsnReader(extension.RawData, AsnEncodingRules.DER).ReadSequence();
            while (names.HasData)
            {
                if (names.PeekTag() == s_uri)
                {
                    uris.Add(names.ReadCharacterString(UniversalTagNumber.IA5String, s_uri));
                }
                else
                {
                    _ = names.ReadEncodedValue();
                }
            }
        }
        catch (AsnContentException)
        {
            // Not readable is not granted.
            return [];
        }

        return uris;
    }
}
