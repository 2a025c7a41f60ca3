using System.Net.Sockets;

namespace Hnv.Client;

/// <summary>
/// Where a service listens: <c>http://host:port</c>, or a Unix socket written as <c>unix:/run/hnv/controller.sock</c> or simply
/// as its absolute path.
/// </summary>
internal static class Endpoint
{
    private const string UnixScheme = "unix:";

    /// <summary>A client for that endpoint. The caller owns it.</summary>
    /// <exception cref="FormatException">It is neither a URL nor a socket path.</exception>
    public static HttpClient Open(string endpoint)
    {
        string? socketPath = endpoint.StartsWith(UnixScheme, StringComparison.OrdinalIgnoreCase) ? endpoint[UnixScheme.Length..]
            : endpoint.StartsWith('/') ? endpoint
            : null;
        if (socketPath is not null)
        {
            return new HttpClient(OverSocket(socketPath)) { BaseAddress = new Uri("http://localhost/"), Timeout = Timeout.InfiniteTimeSpan };
        }

        return Uri.TryCreate(endpoint, UriKind.Absolute, out Uri? uri) && uri.Scheme is "http" or "https"
            ? new HttpClient { BaseAddress = uri, Timeout = Timeout.InfiniteTimeSpan }
            : throw new FormatException($"'{endpoint}' is no endpoint. Write http://HOST:PORT, or unix:/path/of/the/socket.");
    }

    private static SocketsHttpHandler OverSocket(string path) => new()
    {
        ConnectCallback = async (_, cancellation) =>
        {
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
            try
            {
                await socket.ConnectAsync(new UnixDomainSocketEndPoint(path), cancellation);
                return new NetworkStream(socket, ownsSocket: true);
            }
            catch
            {
                socket.Dispose();
                throw;
            }
        },
    };
}
