using Hnv.Controller.Model;

namespace Hnv.Controller.Http;

/// <summary>What a caller may do.</summary>
internal enum CallerRole
{
    /// <summary>Nothing: a certificate that was withdrawn.</summary>
    None,

    /// <summary>Everything.</summary>
    Admin,

    /// <summary>Reads everything.</summary>
    Reader,

    /// <summary>Reads and changes what belongs to one tenant.</summary>
    Tenant,
}

/// <summary>Who sent a request.</summary>
/// <param name="Name">For the audit log: a certificate's common name, a principal, <c>local</c>, <c>anonymous</c>.</param>
/// <param name="Role">What it may do.</param>
/// <param name="Key">Tells callers apart, for rates and repeated requests.</param>
/// <param name="Tenant">The tenant, for <see cref="CallerRole.Tenant"/>.</param>
internal sealed record Caller(string Name, CallerRole Role, string Key, string? Tenant = null)
{
    /// <summary>The owner of the local socket.</summary>
    public static Caller Local { get; } = new("local", CallerRole.Admin, "local");

    /// <summary>What it sees.</summary>
    public Visibility Who { get; } = Role == CallerRole.Tenant ? new Visibility(Tenant ?? "") : Visibility.All;
}
