using System.Net;
using Hnv.Primitives;

namespace Hnv.Controller.HostChannel;

/// <summary>
/// Where a host's agent is to be spoken to. The host says on which URLs it listens; we take scheme and port from one of them and the address from the
/// <c>servers</c> resource, so that a host that was broken into cannot send us anywhere else.
/// </summary>
internal static class ChannelAddress
{
    /// <summary>The endpoint to use; null when none of the host's listeners can be it.</summary>
    /// <param name="management">The management address of the server: address or name, with or without a port, or <c>unix:PATH</c>.</param>
    /// <param name="listeners">As the host published them.</param>
    /// <param name="secure">True takes <c>https</c> only, false <c>http</c> only.</param>
    public static string? Choose(string management, string listeners, bool secure)
    {
        // A database on a local socket is on this machine, and so is its agent.
        bool isLocal = management.StartsWith("unix:", StringComparison.Ordinal);
        string host = isLocal ? IPAddress.Loopback.ToString() : HostOf(management);
        Uri[] fitting =
        [
            .. listeners.Split(' ', StringSplitOptions.RemoveEmptyEntries)
                .Select(url => Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) ? uri : null)
                .OfType<Uri>()
                .Where(uri => uri.Scheme == (secure ? Uri.UriSchemeHttps : Uri.UriSchemeHttp) && uri.Port > 0),
        ];
        bool isAddress = IPAddress.TryParse(host, out IPAddress? address);
        Uri? chosen = fitting.FirstOrDefault(uri => IPAddress.TryParse(uri.Host, out IPAddress? own) && own.Equals(address))
            ?? fitting.FirstOrDefault(IsEverywhere)

            // Whether a name means a listener's address is the resolver's to know; one on loopback it does not mean.
            ?? fitting.FirstOrDefault(uri => !isAddress && !uri.IsLoopback);
        return chosen is null ? null : new UriBuilder(chosen.Scheme, host, chosen.Port).Uri.ToString();
    }

    private static bool IsEverywhere(Uri uri) => IPAddress.TryParse(uri.Host, out IPAddress? address) && (address.Equals(IPAddress.Any) || address.Equals(IPAddress.IPv6Any));

    private static string HostOf(string management)
    {
        if (InetAddress.TryParse(management, out InetAddress plain))
        {
            return plain.ToString();
        }

        string host = management[..(management.LastIndexOf(':') is >= 0 and int colon ? colon : management.Length)];
        return host.Trim('[', ']');
    }
}
