using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;

namespace Hnv.Pki;

/// <summary>Something about a folder of certificates that has to be put right by a person; the message says how.</summary>
public sealed class PkiException(string message, Exception? inner = null) : Exception(message, inner);

/// <summary>One certificate of a <see cref="PkiDirectory"/>.</summary>
/// <param name="Path">Its folder, from the directory's root: <c>hosts/host1</c>; of an authority its file.</param>
/// <param name="Holder">What the holder is; <c>authority</c> for one.</param>
/// <param name="Addresses">Names and addresses it is valid for.</param>
/// <param name="NotAfter">When it ends.</param>
/// <param name="Thumbprint">SHA-256 of the certificate, hexadecimal.</param>
public sealed record PkiEntry(string Path, string Holder, IReadOnlyList<string> Addresses, DateTimeOffset NotAfter, string Thumbprint);

/// <summary>
/// The certificates of one deployment in one folder. Two authorities: <c>ca.pem</c> signs servers and people, <c>controllers-ca.pem</c>
/// signs only what controllers present to hosts. A host's <c>ovsdb-server</c> takes whoever its authority signed and asks no more,
/// so it is given the second: a tenant's or another host's certificate does not open it. Each holder has a folder of its own that can be
/// copied to its machine whole; keys are for their owner only.
/// </summary>
public sealed class PkiDirectory
{
    /// <summary>The authority of servers and people.</summary>
    public const string AuthorityFile = "ca.pem";

    /// <summary>The authority of controllers toward hosts.</summary>
    public const string ControllersAuthorityFile = "controllers-ca.pem";

    /// <summary>A holder's certificate.</summary>
    public const string CertificateFile = "cert.pem";

    /// <summary>A holder's key.</summary>
    public const string KeyFile = "key.pem";

    /// <summary>What a controller presents to hosts.</summary>
    public const string SouthboundCertificateFile = "southbound-cert.pem";

    /// <summary>The key of it.</summary>
    public const string SouthboundKeyFile = "southbound-key.pem";

    /// <summary>How long an authority is valid.</summary>
    public static readonly TimeSpan AuthorityLifetime = TimeSpan.FromDays(3650);

    /// <summary>How long a certificate is valid unless said otherwise.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(397);

    private const string AuthorityKeyFile = "ca-key.pem";
    private const string ControllersAuthorityKeyFile = "controllers-ca-key.pem";
    private const string Hosts = "hosts";
    private const string Controllers = "controllers";
    private const string Clients = "clients";
    private const int NameLengthMax = 63;
    private const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite;
    private const UnixFileMode Everybody = OwnerOnly | UnixFileMode.GroupRead | UnixFileMode.OtherRead;
    private const UnixFileMode Folder = Everybody | UnixFileMode.UserExecute | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute;

    private readonly string _root;
    private readonly TimeProvider _time;

    private PkiDirectory(string root, TimeProvider time)
    {
        _root = root;
        _time = time;
    }

    /// <summary>Makes both authorities.</summary>
    /// <exception cref="PkiException">There are some already.</exception>
    /// <exception cref="IOException">The folder cannot be written.</exception>
    public static PkiDirectory Init(string root, TimeProvider time)
    {
        PkiDirectory pki = new(root, time);
        if (File.Exists(pki.At(AuthorityFile)) || File.Exists(pki.At(ControllersAuthorityFile)))
        {
            throw new PkiException($"{root} holds authorities already. Every certificate they signed would become worthless: move them away first if that is what you want.");
        }

        Directory.CreateDirectory(root, Folder);
        pki.Write(AuthorityFile, AuthorityKeyFile, CertificateAuthority.Create("OpenHNV authority", AuthorityLifetime, time));
        pki.Write(ControllersAuthorityFile, ControllersAuthorityKeyFile, CertificateAuthority.Create("OpenHNV controllers' authority", AuthorityLifetime, time));
        return pki;
    }

    /// <summary>Takes up a folder that <see cref="Init"/> made.</summary>
    /// <exception cref="PkiException">It is none.</exception>
    public static PkiDirectory Open(string root, TimeProvider time)
    {
        PkiDirectory pki = new(root, time);
        return File.Exists(pki.At(AuthorityFile)) && File.Exists(pki.At(ControllersAuthorityFile))
            ? pki
            : throw new PkiException($"{root} holds no authorities. Make them with 'hnv pki init --directory {root}', or name another directory.");
    }

    /// <summary>Certifies a host; again renews it.</summary>
    /// <param name="name">Its name, also one of its DNS names.</param>
    /// <param name="addresses">Addresses and names that the controller and tools reach it by; empty keeps those it has.</param>
    /// <param name="lifetime">How long; null for <see cref="Lifetime"/>.</param>
    /// <returns>The host's folder.</returns>
    public string IssueHost(string name, IReadOnlyList<string> addresses, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        Require(addresses);
        string folder = Prepare(Hosts, name, AuthorityFile, ControllersAuthorityFile);
        using CertificateAuthority authority = Authority(AuthorityFile, AuthorityKeyFile);
        Write($"{folder}/{CertificateFile}", $"{folder}/{KeyFile}", authority.Issue(Server(folder, name, CertificateRole.Host, addresses, lifetime)));
        return At(folder);
    }

    /// <summary>Certifies a controller, toward clients and toward hosts; again renews it.</summary>
    /// <param name="name">Its name, also one of its DNS names.</param>
    /// <param name="addresses">Addresses and names that clients reach it by; empty keeps those it has.</param>
    /// <param name="lifetime">How long; null for <see cref="Lifetime"/>.</param>
    /// <returns>The controller's folder.</returns>
    public string IssueController(string name, IReadOnlyList<string> addresses, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(addresses);
        Require(addresses);
        string folder = Prepare(Controllers, name, AuthorityFile);
        using CertificateAuthority authority = Authority(AuthorityFile, AuthorityKeyFile);
        Write($"{folder}/{CertificateFile}", $"{folder}/{KeyFile}", authority.Issue(Server(folder, name, CertificateRole.Controller, addresses, lifetime)));
        using CertificateAuthority controllers = Authority(ControllersAuthorityFile, ControllersAuthorityKeyFile);
        CertificateOrder southbound = new(name, new CertificateGrant(CertificateRole.Controller), [], IsServer: false, lifetime ?? Lifetime);
        Write($"{folder}/{SouthboundCertificateFile}", $"{folder}/{SouthboundKeyFile}", controllers.Issue(southbound));
        return At(folder);
    }

    /// <summary>Certifies a person or program that uses the controller; again renews it.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="grant">What it may do: <see cref="CertificateRole.Admin"/>, <see cref="CertificateRole.Reader"/> or <see cref="CertificateRole.Tenant"/>.</param>
    /// <param name="lifetime">How long; null for <see cref="Lifetime"/>.</param>
    /// <returns>The client's folder.</returns>
    public string IssueClient(string name, CertificateGrant grant, TimeSpan? lifetime = null)
    {
        ArgumentNullException.ThrowIfNull(grant);
        if (grant.Role is CertificateRole.Host or CertificateRole.Controller || grant.Role == CertificateRole.Tenant != CertificateGrant.IsTenantId(grant.Tenant))
        {
            throw new PkiException($"'{grant}' is nothing a client can be. It is admin, reader, or a tenant whose id has 1 to 64 letters, digits, - and _.");
        }

        string folder = Prepare(Clients, name, AuthorityFile);
        using CertificateAuthority authority = Authority(AuthorityFile, AuthorityKeyFile);
        Write($"{folder}/{CertificateFile}", $"{folder}/{KeyFile}", authority.Issue(new CertificateOrder(name, grant, [], IsServer: false, lifetime ?? Lifetime)));
        return At(folder);
    }

    /// <summary>Certifies everyone anew whose certificate ends within that time, with the same names and the same rights.</summary>
    /// <returns>The folders written to.</returns>
    public IReadOnlyList<string> Renew(TimeSpan within)
    {
        List<string> renewed = [];
        DateTimeOffset limit = _time.GetUtcNow() + within;
        foreach ((string kind, string name) in Holders())
        {
            using X509Certificate2 certificate = Load($"{kind}/{name}/{CertificateFile}");
            if (certificate.NotAfter.ToUniversalTime() > limit)
            {
                continue;
            }

            renewed.Add(kind switch
            {
                Hosts => IssueHost(name, []),
                Controllers => IssueController(name, []),
                _ => IssueClient(name, CertificateGrant.Of(certificate) ?? throw new PkiException($"{kind}/{name} says nothing about its holder. Issue it anew with 'hnv pki client {name} --role …'.")),
            });
        }

        return renewed;
    }

    /// <summary>Everything in the folder, authorities first.</summary>
    public IReadOnlyList<PkiEntry> List() =>
    [
        Entry(AuthorityFile, AuthorityFile),
        Entry(ControllersAuthorityFile, ControllersAuthorityFile),
        .. Holders().Select(holder => Entry($"{holder.Kind}/{holder.Name}", $"{holder.Kind}/{holder.Name}/{CertificateFile}")),
    ];

    /// <summary>Names and addresses among the subject alternative names.</summary>
    internal static IReadOnlyList<string> AddressesOf(X509Certificate2 certificate) =>
    [
        .. certificate.Extensions.OfType<X509SubjectAlternativeNameExtension>()
            .SelectMany(names => names.EnumerateDnsNames().Concat(names.EnumerateIPAddresses().Select(ip => ip.ToString()))),
    ];

    private CertificateOrder Server(string folder, string name, CertificateRole role, IReadOnlyList<string> addresses, TimeSpan? lifetime)
    {
        string path = $"{folder}/{CertificateFile}";
        if (addresses.Count == 0 && File.Exists(At(path)))
        {
            using X509Certificate2 before = Load(path);
            addresses = AddressesOf(before);
        }

        return new CertificateOrder(name, new CertificateGrant(role), [.. addresses.Prepend(name).Distinct(StringComparer.OrdinalIgnoreCase)], IsServer: true, lifetime ?? Lifetime);
    }

    /// <summary>Before anything is written: an order that is refused leaves nothing behind.</summary>
    private static void Require(IReadOnlyList<string> addresses)
    {
        if (addresses.FirstOrDefault(address => Uri.CheckHostName(address) == UriHostNameType.Unknown) is { } wrong)
        {
            throw new PkiException($"'{wrong}' is neither a DNS name nor an IP address.");
        }
    }

    private string Prepare(string kind, string name, params ReadOnlySpan<string> authorities)
    {
        if (name.Length is 0 or > NameLengthMax || !char.IsAsciiLetterOrDigit(name[0]) || !name.All(c => char.IsAsciiLetterOrDigit(c) || c is '.' or '-' or '_' or ':'))
        {
            throw new PkiException($"'{name}' is no name for a certificate. Use 1 to {NameLengthMax} letters, digits, dots, - and _, a letter or digit first.");
        }

        string folder = $"{kind}/{name}";
        Directory.CreateDirectory(At(folder), Folder);
        foreach (string authority in authorities)
        {
            Write($"{folder}/{authority}", File.ReadAllText(At(authority)), Everybody);
        }

        return folder;
    }

    private IEnumerable<(string Kind, string Name)> Holders() =>
        from kind in new[] { Controllers, Hosts, Clients }
        where Directory.Exists(At(kind))
        from folder in Directory.EnumerateDirectories(At(kind)).Order(StringComparer.Ordinal)
        where File.Exists(Path.Combine(folder, CertificateFile))
        select (kind, Path.GetFileName(folder));

    private PkiEntry Entry(string path, string file)
    {
        using X509Certificate2 certificate = Load(file);
        return new PkiEntry(
            path,
            CertificateGrant.Of(certificate)?.ToString() ?? "authority",
            AddressesOf(certificate),
            new DateTimeOffset(certificate.NotAfter.ToUniversalTime()),
            certificate.GetCertHashString(HashAlgorithmName.SHA256));
    }

    private CertificateAuthority Authority(string file, string keyFile)
    {
        try
        {
            return CertificateAuthority.Open(new IssuedCertificate(File.ReadAllText(At(file)), File.ReadAllText(At(keyFile))), _time);
        }
        catch (Exception e) when (e is CryptographicException or IOException or UnauthorizedAccessException)
        {
            throw new PkiException($"The authority {At(file)} cannot be used: {e.Message} Restore it and {keyFile} from a backup.", e);
        }
    }

    private X509Certificate2 Load(string file)
    {
        try
        {
            return X509Certificate2.CreateFromPem(File.ReadAllText(At(file)));
        }
        catch (CryptographicException e)
        {
            throw new PkiException($"{At(file)} is no certificate: {e.Message}", e);
        }
    }

    // The certificate last: who looks for a new one finds its key already there.
    private void Write(string certificateFile, string keyFile, IssuedCertificate issued)
    {
        Write(keyFile, issued.PrivateKey, OwnerOnly);
        Write(certificateFile, issued.Certificate, Everybody);
    }

    /// <summary>Replaces a file whole, so that nobody ever reads half of one; its mode is right before its content is there.</summary>
    private void Write(string path, string text, UnixFileMode mode)
    {
        string temporary = At($"{path}.new");
        File.Delete(temporary);
        using (FileStream file = new(temporary, new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write, UnixCreateMode = mode }))
        using (StreamWriter writer = new(file))
        {
            writer.WriteLine(text);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        File.Move(temporary, At(path), overwrite: true);
    }

    private string At(string path) => Path.Combine(_root, path);
}
