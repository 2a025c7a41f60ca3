using System.CommandLine;
using System.Globalization;
using Hnv.Pki;

namespace Hnv.Cli;

/// <summary><c>hnv pki …</c>: the certificates of a deployment.</summary>
internal static class PkiCommands
{
    private const int RenewDays = 30;

    private static Option<string> DirectoryOption { get; } = new("--directory", "-d")
    {
        Description = "Where the authorities and certificates are",
        DefaultValueFactory = _ => Environment.GetEnvironmentVariable("HNV_PKI") ?? "/etc/openhnv/pki",
        Recursive = true,
        HelpName = "DIR",
    };

    private static Option<int> DaysOption { get; } = new("--days")
    {
        Description = "How long the certificate is valid",
        DefaultValueFactory = _ => (int)PkiDirectory.Lifetime.TotalDays,
        HelpName = "DAYS",
    };

    public static Command Create() => new Command("pki", "Certificates for controllers, hosts and people")
        .With(DirectoryOption, Init(), Host(), Controller(), Client(), Renew(), Show())
        .Example("hnv pki init", "hnv pki controller nc --address 10.0.0.10", "hnv pki host host1 --address 10.0.0.1", "hnv pki client ana --role tenant --tenant contoso");

    private static Command Init() => new Command("init", "Make the authorities").Does((parsed, _) =>
    {
        string directory = parsed.GetRequiredValue(DirectoryOption);
        Try(() => PkiDirectory.Init(directory, TimeProvider.System));
        Console.Out.WriteLine($"{directory} holds the authorities. Its two *-key.pem make anyone who reads them anyone they like: keep the directory off the hosts.");
        return Task.FromResult(0);
    });

    private static Command Host() => Server("host", "Certify a host, or renew it", (pki, name, addresses, lifetime) => pki.IssueHost(name, addresses, lifetime))
        .Example("hnv pki host host1 --address 10.0.0.1");

    private static Command Controller() => Server("controller", "Certify a network controller, or renew it", (pki, name, addresses, lifetime) => pki.IssueController(name, addresses, lifetime))
        .Example("hnv pki controller nc --address nc.example.net --address 10.0.0.10");

    private static Command Server(string verb, string description, Func<PkiDirectory, string, IReadOnlyList<string>, TimeSpan, string> issue)
    {
        Argument<string> name = new("name") { Description = "Its name, also one of its DNS names" };
        Option<string[]> address = new("--address") { Description = "An IP address or DNS name it is reached by; none keeps what an earlier certificate says", HelpName = "ADDRESS" };
        return new Command(verb, description).With(name, address, DaysOption).Does((parsed, _) =>
            Issued(parsed, (pki, lifetime) => issue(pki, parsed.GetRequiredValue(name), parsed.GetValue(address) ?? [], lifetime)));
    }

    private static Command Client()
    {
        Argument<string> name = new("name") { Description = "Who it is; the audit log shows it" };
        Option<string> role = new Option<string>("--role") { Description = "What they may do", Required = true }.AcceptOnlyFromAmong("admin", "tenant", "reader");
        Option<string?> tenant = new("--tenant") { Description = "Whose resources, as in resourceMetadata.tenantId; for --role tenant", HelpName = "ID" };
        return new Command("client", "Certify a person or a program, or renew it").With(name, role, tenant, DaysOption)
            .Example("hnv pki client ana --role admin", "hnv pki client web-team --role tenant --tenant contoso")
            .Does((parsed, _) => Issued(parsed, (pki, lifetime) =>
            {
                string? id = parsed.GetValue(tenant);
                CertificateGrant grant = parsed.GetRequiredValue(role) switch
                {
                    "tenant" => new CertificateGrant(CertificateRole.Tenant, id ?? throw new CommandException("Which tenant? Add --tenant ID.")),
                    _ when id is not null => throw new CommandException("--tenant goes with --role tenant only."),
                    "admin" => new CertificateGrant(CertificateRole.Admin),
                    _ => new CertificateGrant(CertificateRole.Reader),
                };
                return pki.IssueClient(parsed.GetRequiredValue(name), grant, lifetime);
            }));
    }

    private static Command Renew()
    {
        Option<int> within = new("--within") { Description = "Certificates that end within so many days", DefaultValueFactory = _ => RenewDays, HelpName = "DAYS" };
        return new Command("renew", "Certify everyone anew whose certificate ends soon").With(within).Example("hnv pki renew", "hnv pki renew --within 60").Does((parsed, _) =>
        {
            IReadOnlyList<string> renewed = Try(() => Open(parsed).Renew(TimeSpan.FromDays(parsed.GetValue(within))));
            Console.Out.WriteLine(renewed.Count == 0 ? "Nobody's certificate ends that soon." : string.Join(Environment.NewLine, renewed));
            return Task.FromResult(0);
        });
    }

    private static Command Show() => new Command("show", "Every certificate, what it is for and when it ends").Does((parsed, _) =>
    {
        IReadOnlyList<PkiEntry> entries = Try(() => Open(parsed).List());
        Output.Rows(
            parsed.GetValue(CommandLine.OutputOption),
            ["Certificate", "Holder", "Addresses", "Ends", "Thumbprint"],
            entries.Select(entry => new string?[]
            {
                entry.Path, entry.Holder, string.Join(", ", entry.Addresses), entry.NotAfter.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture), entry.Thumbprint,
            }),
            "None.");
        return Task.FromResult(0);
    });

    private static Task<int> Issued(ParseResult parsed, Func<PkiDirectory, TimeSpan, string> issue)
    {
        int days = parsed.GetValue(DaysOption);
        if (days is < 1 or > 3650)
        {
            throw new CommandException($"--days {days} is not acceptable. Choose 1 to 3650.");
        }

        Console.Out.WriteLine(Try(() => issue(Open(parsed), TimeSpan.FromDays(days))));
        return Task.FromResult(0);
    }

    private static PkiDirectory Open(ParseResult parsed) => PkiDirectory.Open(parsed.GetRequiredValue(DirectoryOption), TimeProvider.System);

    private static T Try<T>(Func<T> action)
    {
        try
        {
            return action();
        }
        catch (PkiException e)
        {
            throw new CommandException(e.Message);
        }
    }
}
