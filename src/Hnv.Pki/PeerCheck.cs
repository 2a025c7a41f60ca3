using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki;

/// <summary>Whether a peer's certificate is one to trust.</summary>
public static class PeerCheck
{
    /// <summary>Checks signature, dates and usage. Names are the caller's to check: a client has none.</summary>
    /// <param name="certificate">What the peer presented.</param>
    /// <param name="authorities">Who may have signed it.</param>
    /// <param name="usage"><see cref="CertificateAuthority.ClientAuthentication"/> or <see cref="CertificateAuthority.ServerAuthentication"/>.</param>
    /// <param name="now">The time.</param>
    /// <param name="sent">Authorities in between that the peer sent along.</param>
    /// <returns>What is wrong with it; null when nothing is.</returns>
    public static string? Fault(X509Certificate2 certificate, X509Certificate2Collection authorities, string usage, DateTimeOffset now, X509Certificate2Collection? sent = null)
    {
        ArgumentNullException.ThrowIfNull(certificate);
        using X509Chain chain = new();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.CustomTrustStore.AddRange(authorities);
        if (sent is not null)
        {
            chain.ChainPolicy.ExtraStore.AddRange(sent);
        }

        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.DisableCertificateDownloads = true;
        chain.ChainPolicy.ApplicationPolicy.Add(new Oid(usage));
        chain.ChainPolicy.VerificationTime = now.LocalDateTime;
        return chain.Build(certificate)
            ? null
            : string.Join(" ", chain.ChainStatus.Select(status => status.StatusInformation.Trim()).Distinct());
    }
}
