using System.Text.Json;
using System.Text.Json.Serialization;
using Hnv.Controller.Http;
using Hnv.Pki;

namespace Hnv.Controller;

/// <summary>The configuration file. Everything has a default; comments and trailing commas are allowed.</summary>
/// <remarks>Setters rather than init: generated readers assign every init property, the absent ones with null.</remarks>
internal sealed record ControllerOptions
{
    private const int Sha1Digits = 40;
    private const int Sha256Digits = 64;

    /// <summary>Where the store and its key live, for good.</summary>
    public string StateDirectory { get; set; } = "/var/lib/hnv/controller";

    /// <summary>Where sockets live; <c>controller.sock</c> in it always answers.</summary>
    public string RunDirectory { get; set; } = "/run/hnv/controller";

    /// <summary>Further URLs to listen on.</summary>
    public IReadOnlyList<string> Listen { get; set; } = ["http://127.0.0.1:8080"];

    public OvsdbSection Ovsdb { get; set; } = new();

    public SouthboundSection Southbound { get; set; } = new();

    /// <summary>Certificates of <c>https</c> addresses; null serves <c>http</c> only.</summary>
    public TlsSection? Tls { get; set; }

    /// <summary>Who may use the addresses of <see cref="Listen"/>. The local socket is its owner's.</summary>
    public AuthenticationSection Authentication { get; set; } = new();

    public LimitsSection Limits { get; set; } = new();

    public AuditSection Audit { get; set; } = new();

    /// <summary>The record of changes.</summary>
    [JsonIgnore]
    public string AuditPath => Audit.Path ?? Path.Combine(StateDirectory, "audit.jsonl");

    /// <summary>The socket for local tools.</summary>
    [JsonIgnore]
    public string SocketPath => Path.Combine(RunDirectory, "controller.sock");

    /// <summary>How clients say who they are.</summary>
    internal enum AuthenticationMode
    {
        /// <summary>Not at all; everybody may do everything.</summary>
        None,

        /// <summary>By a client certificate.</summary>
        X509,

        /// <summary>By a Kerberos ticket.</summary>
        Kerberos,
    }

    /// <summary>Three PEM files; read again when they change.</summary>
    internal sealed record TlsSection
    {
        /// <summary>Our certificate.</summary>
        public string Certificate { get; set; } = "";

        /// <summary>Its key.</summary>
        public string PrivateKey { get; set; } = "";

        /// <summary>Who signs our peers' certificates.</summary>
        public string Authorities { get; set; } = "";
    }

    /// <summary>Who may use the API.</summary>
    internal sealed record AuthenticationSection
    {
        public AuthenticationMode Mode { get; set; }

        /// <summary>True takes every certificate that <see cref="TlsSection.Authorities"/> signed, with the role that stands in it; false the listed ones only.</summary>
        public bool TrustAuthorities { get; set; } = true;

        /// <summary>For mode Kerberos.</summary>
        public KerberosSection? Kerberos { get; set; }

        /// <summary>Clients with a role of their own, whatever their certificate says; in mode Kerberos, all who have one.</summary>
        public IReadOnlyList<ClientEntry> Clients { get; set; } = [];
    }

    /// <summary>Our Kerberos service.</summary>
    internal sealed record KerberosSection
    {
        /// <summary>The file with the keys of <c>HTTP/HOST.NAME</c>, and of nothing else.</summary>
        public string Keytab { get; set; } = "";
    }

    /// <summary>One client that is known by its certificate or its principal.</summary>
    internal sealed record ClientEntry
    {
        /// <summary>SHA-256 or SHA-1 of its certificate, hexadecimal.</summary>
        public string? Thumbprint { get; set; }

        /// <summary>Its Kerberos principal, <c>ana@EXAMPLE.COM</c>, to the letter.</summary>
        public string? Principal { get; set; }

        /// <summary>What it may do; <c>None</c> withdraws a certificate.</summary>
        public CallerRole Role { get; set; } = CallerRole.Admin;

        /// <summary>Whose resources, for the role Tenant.</summary>
        public string? Tenant { get; set; }
    }

    /// <summary>What clients may cost.</summary>
    internal sealed record LimitsSection
    {
        /// <summary>Requests a second of one client, over time; 0 is no limit.</summary>
        public int RequestsPerSecond { get; set; } = 5000;

        /// <summary>Requests of one client at once, after a pause.</summary>
        public int RequestBurst { get; set; } = 10_000;

        /// <summary>Connections, all together.</summary>
        public int Connections { get; set; } = 4096;

        /// <summary>Connections of one address.</summary>
        public int ConnectionsPerClient { get; set; } = 512;

        /// <summary>Large request bodies in memory at once; further ones are told to come again.</summary>
        public int LargeBodies { get; set; } = 32;
    }

    /// <summary>The record of changes.</summary>
    internal sealed record AuditSection
    {
        /// <summary>The file; null is <c>audit.jsonl</c> in the state directory.</summary>
        public string? Path { get; set; }

        /// <summary>Bytes of one file.</summary>
        public long FileBytesMax { get; set; } = 64 << 20;

        /// <summary>Full files that are kept.</summary>
        public int FilesKept { get; set; } = 8;
    }

    /// <summary>The store's server.</summary>
    internal sealed record OvsdbSection
    {
        /// <summary>The unprivileged user it runs as when we are root.</summary>
        public string? User { get; set; } = "nobody";

        /// <summary>The servers of a clustered store that several controllers share, <c>ssl:10.0.0.1:6642</c>; empty starts a server of our own.</summary>
        public IReadOnlyList<string> Endpoints { get; set; } = [];

        /// <summary>What we show to <c>ssl</c> endpoints, and who signs their certificates.</summary>
        public TlsSection? Tls { get; set; }
    }

    /// <summary>The hosts.</summary>
    internal sealed record SouthboundSection
    {
        /// <summary>Port of a host's policy database, unless its management address says another.</summary>
        public int Port { get; set; } = 6640;

        /// <summary>What we show to hosts, and who signs their certificates; null speaks plain TCP.</summary>
        public TlsSection? Tls { get; set; }
    }

    /// <summary>Reads a configuration file.</summary>
    /// <exception cref="InvalidDataException">It is not there, or wrong; the message says where.</exception>
    public static ControllerOptions Read(string path)
    {
        try
        {
            ControllerOptions options = JsonSerializer.Deserialize(File.ReadAllText(path), ControllerOptionsJson.Default.ControllerOptions) ?? new ControllerOptions();
            options.Check();
            return options;
        }
        catch (IOException e)
        {
            throw new InvalidDataException($"{path} cannot be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }

    /// <exception cref="InvalidDataException">Something contradicts itself; the message says what would be right.</exception>
    public void Check()
    {
        if (Authentication.Mode == AuthenticationMode.Kerberos && string.IsNullOrEmpty(Authentication.Kerberos?.Keytab))
        {
            throw new InvalidDataException("authentication.mode Kerberos needs authentication.kerberos.keytab, the file with the keys of HTTP/HOST.NAME.");
        }

        foreach (ClientEntry client in Authentication.Clients)
        {
            Check(client);
        }

        if (Authentication.Clients.GroupBy(client => client.Principal ?? CertificateCallers.Normal(client.Thumbprint!)).FirstOrDefault(same => same.Count() > 1) is { } twice)
        {
            throw new InvalidDataException($"authentication.clients: {twice.Key} is listed twice.");
        }

        if (Limits is { RequestsPerSecond: < 0 } or { RequestBurst: < 1 } or { Connections: < 1 } or { ConnectionsPerClient: < 1 } or { LargeBodies: < 1 }
            || Audit is { FileBytesMax: < 4096 } or { FilesKept: < 1 })
        {
            throw new InvalidDataException("limits and audit: every number is at least 1 (requestsPerSecond 0 is no limit, fileBytesMax at least 4096).");
        }
    }

    private void Check(ClientEntry client)
    {
        if (client.Principal is { } principal)
        {
            if (client.Thumbprint is not null || Authentication.Mode == AuthenticationMode.X509)
            {
                throw new InvalidDataException($"authentication.clients: principal '{principal}' has a thumbprint beside it, or mode X509, which asks for none. A principal counts in mode Kerberos, a thumbprint in mode X509.");
            }

            if (principal.Split('@') is not [{ Length: > 0 }, { Length: > 0 }])
            {
                throw new InvalidDataException($"authentication.clients: '{principal}' is no principal. Write NAME@REALM, as klist prints it.");
            }
        }
        else if (Authentication.Mode == AuthenticationMode.Kerberos)
        {
            throw new InvalidDataException($"authentication.clients: thumbprint '{client.Thumbprint}' in mode Kerberos, which asks for no certificates. Name a principal.");
        }
        else if (client.Thumbprint is null || CertificateCallers.Normal(client.Thumbprint).Length is not (Sha1Digits or Sha256Digits))
        {
            throw new InvalidDataException($"authentication.clients: '{client.Thumbprint}' is no thumbprint. Write the {Sha256Digits} hexadecimal digits that 'hnv pki show' prints, or the {Sha1Digits} that Windows does.");
        }

        if (client.Role == CallerRole.Tenant != CertificateGrant.IsTenantId(client.Tenant))
        {
            throw new InvalidDataException($"authentication.clients: tenant '{client.Tenant}' with role {client.Role}. Role Tenant, and no other, names a tenant: 1 to 64 letters, digits, - and _.");
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    UseStringEnumConverter = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ControllerOptions))]
internal sealed partial class ControllerOptionsJson : JsonSerializerContext;
