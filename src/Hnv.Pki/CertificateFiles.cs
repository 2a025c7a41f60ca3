using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki;

/// <summary>A certificate and its key in files, and the authorities of its peers. Read again when they change, so that a renewal needs no restart. Thread-safe.</summary>
public sealed class CertificateFiles
{
    private readonly string _certificatePath;
    private readonly string _keyPath;
    private readonly string _authoritiesPath;
    private readonly Lock _gate = new();
    private Content _content;

    private CertificateFiles(string certificatePath, string keyPath, string authoritiesPath)
    {
        _certificatePath = certificatePath;
        _keyPath = keyPath;
        _authoritiesPath = authoritiesPath;
        _content = Read();
    }

    private sealed record Content(X509Certificate2 Certificate, X509Certificate2Collection Authorities, (DateTime, DateTime, DateTime) Written);

    /// <summary>The certificate with its key. Not the caller's to dispose of.</summary>
    public X509Certificate2 Certificate => Fresh().Certificate;

    /// <summary>The authorities that may have signed a peer's certificate.</summary>
    public X509Certificate2Collection Authorities => Fresh().Authorities;

    /// <summary>Reads the files.</summary>
    /// <exception cref="PkiException">One is missing or holds something else; the message names it.</exception>
    public static CertificateFiles Open(string certificatePath, string keyPath, string authoritiesPath) => new(certificatePath, keyPath, authoritiesPath);

    private Content Fresh()
    {
        Content known = Volatile.Read(ref _content);
        if (known.Written == WrittenAt())
        {
            return known;
        }

        lock (_gate)
        {
            try
            {
                if (_content.Written != WrittenAt())
                {
                    Volatile.Write(ref _content, Read());
                }
            }
            catch (PkiException)
            {
                // Half of a renewal: the old certificate is good until both files are there, and the next look sees them.
            }

            return _content;
        }
    }

    private (DateTime, DateTime, DateTime) WrittenAt() =>
        (File.GetLastWriteTimeUtc(_certificatePath), File.GetLastWriteTimeUtc(_keyPath), File.GetLastWriteTimeUtc(_authoritiesPath));

    private Content Read()
    {
        (DateTime, DateTime, DateTime) written = WrittenAt();
        try
        {
            X509Certificate2Collection authorities = [];
            authorities.ImportFromPemFile(_authoritiesPath);
            return authorities.Count > 0
                ? new Content(X509Certificate2.CreateFromPemFile(_certificatePath, _keyPath), authorities, written)
                : throw new PkiException($"{_authoritiesPath} holds no certificate.");
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException or ArgumentException)
        {
            throw new PkiException($"{_certificatePath}, {_keyPath} and {_authoritiesPath} cannot be used: {e.Message} Make them with 'hnv pki', or name others.", e);
        }
    }
}
