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
internal sealed class AccessGate(ControllerOptions.AuthenticationMode mode, CertificateCallers? certificates, ControllerOptions.LimitsSection limits) : IDisposable
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
        Caller? caller = CallerOf(context);
        if (caller is null)
        {
            await RefuseUnknownAsync(context);
            return;
        }

        using RateLimitLease lease = _rates.AttemptAcquire(caller);
        if (!lease.IsAcquired)
        {
            await Answer.Error(
                StatusCodes.Status429TooManyRequests,
                new ErrorBody(ErrorCodes.TooManyRequests, string.Create(CultureInfo.InvariantCulture, $"More than {limits.RequestsPerSecond} requests a second. Wait a second.")),
                KeyValuePair.Create("Retry-After", "1")).SendAsync(context.Response, context.RequestAborted);
            return;
        }

        context.Features.Set(caller);
        await next(context);
    }

    public void Dispose() => _rates.Dispose();

    private Caller? CallerOf(HttpContext context)
    {
        if (context.Features.Get<LocalConnection>() is not null)
        {
            return Caller.Local;
        }

        if (mode == ControllerOptions.AuthenticationMode.None)
        {
            return new Caller("anonymous", CallerRole.Admin, context.Connection.RemoteIpAddress?.ToString() ?? "");
        }

        return context.Connection.ClientCertificate is { } certificate ? certificates?.CallerOf(certificate) : null;
    }

    private static Task RefuseUnknownAsync(HttpContext context)
    {
        X509Certificate2? certificate = context.Connection.ClientCertificate;
        ErrorBody error = certificate is null
            ? new ErrorBody(ErrorCodes.Unauthorized, "A client certificate is needed. Send one that the controller's authority signed ('hnv pki client NAME --role …').")
            : new ErrorBody(ErrorCodes.Forbidden, $"The certificate of '{certificate.GetNameInfo(X509NameType.SimpleName, forIssuer: false)}' gives no access. It needs the role admin, reader or tenant, and time left.");
        return Answer.Error(certificate is null ? StatusCodes.Status401Unauthorized : StatusCodes.Status403Forbidden, error).SendAsync(context.Response, context.RequestAborted);
    }
}
