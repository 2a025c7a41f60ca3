using System.Globalization;
using System.Security.Cryptography.X509Certificates;
using System.Threading.RateLimiting;
using Hnv.Contracts.Rest;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>
/// In front of everything that is served: says who calls, and turns away whom nobody knows and who asks too often. What a caller
/// may do with a resource is decided where the resource is.
/// </summary>
/// <param name="mode">How callers say who they are.</param>
/// <param name="certificates">Knows them by certificate, in mode X509.</param>
/// <param name="tickets">Knows them by ticket, in mode Kerberos.</param>
/// <param name="limits">What one caller may cost.</param>
internal sealed class AccessGate(
    ControllerOptions.AuthenticationMode mode, CertificateCallers? certificates, KerberosCallers? tickets, ControllerOptions.LimitsSection limits) : IDisposable
{
    private readonly PartitionedRateLimiter<Caller> _rates = PartitionedRateLimiter.Create<Caller, string>(caller => limits.RequestsPerSecond == 0 || caller == Caller.Local
        ? RateLimitPartition.GetNoLimiter(Caller.Local.Key)
        : RateLimitPartition.GetTokenBucketLimiter(caller.Key, _ => new TokenBucketRateLimiterOptions
        {
            TokenLimit = limits.RequestBurst,
            TokensPerPeriod = Math.Max(1, limits.RequestsPerSecond / 10),
            ReplenishmentPeriod = TimeSpan.FromMilliseconds(100),
            QueueLimit = 0,
        }));

    /// <summary>Marks the connections of the local socket.</summary>
    public sealed class LocalConnection;

    /// <summary>One request.</summary>
    public async Task InvokeAsync(HttpContext context, RequestDelegate next)
    {
        // Looking at a ticket is work, so those who show one are counted before it is done.
        if (context.Request.Headers.Authorization.Count > 0 && tickets is not null && !MayAsk(Unproven(context)))
        {
            await TooMany().SendAsync(context.Response, context.RequestAborted);
            return;
        }

        Caller? caller = CallerOf(context, out Answer refusal);
        if (caller is null)
        {
            await refusal.SendAsync(context.Response, context.RequestAborted);
            return;
        }

        if (!MayAsk(caller))
        {
            await TooMany().SendAsync(context.Response, context.RequestAborted);
            return;
        }

        context.Features.Set(caller);
        await next(context);
    }

    public void Dispose() => _rates.Dispose();

    private bool MayAsk(Caller caller)
    {
        using RateLimitLease lease = _rates.AttemptAcquire(caller);
        return lease.IsAcquired;
    }

    private Answer TooMany() => Answer.Error(
        StatusCodes.Status429TooManyRequests,
        new ErrorBody(ErrorCodes.TooManyRequests, string.Create(CultureInfo.InvariantCulture, $"More than {limits.RequestsPerSecond} requests a second. Wait a second.")),
        KeyValuePair.Create("Retry-After", "1"));

    /// <summary>Somebody at an address, for counting.</summary>
    private static Caller Unproven(HttpContext context) => new("", CallerRole.None, $"address {context.Connection.RemoteIpAddress}");

    private Caller? CallerOf(HttpContext context, out Answer refusal)
    {
        refusal = Answer.Empty(StatusCodes.Status401Unauthorized);
        if (context.Features.Get<LocalConnection>() is not null)
        {
            return Caller.Local;
        }

        if (mode == ControllerOptions.AuthenticationMode.None)
        {
            return new Caller("anonymous", CallerRole.Admin, context.Connection.RemoteIpAddress?.ToString() ?? "");
        }

        if (tickets is not null)
        {
            return tickets.CallerOf(context, out refusal);
        }

        X509Certificate2? certificate = context.Connection.ClientCertificate;
        refusal = certificate is null
            ? Answer.Error(StatusCodes.Status401Unauthorized, new ErrorBody(ErrorCodes.Unauthorized, "A client certificate is needed. Send one that the controller's authority signed ('hnv pki client NAME --role …')."))
            : Answer.Error(StatusCodes.Status403Forbidden, new ErrorBody(ErrorCodes.Forbidden, $"The certificate of '{certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)}' gives no access. It needs the role admin, reader or tenant, and time left."));
        return certificate is null ? null : certificates?.CallerOf(certificate);
    }
}
