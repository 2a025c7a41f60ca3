using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Hnv.Cli;

/// <summary>Sends the smallest Ethernet frames there are, over UDP, as fast as one core can; ends by itself.</summary>
internal static class UdpGenerator
{
    /// <summary>64 bytes with FCS: 14 Ethernet, 20 IPv4, 8 UDP, 4 FCS, and this.</summary>
    private const int PayloadSize = 18;

    /// <summary>Packets between two looks at the clock.</summary>
    private const int Burst = 256;

    public static void Run(string target, int port, TimeSpan duration)
    {
        using Socket socket = new(SocketType.Dgram, ProtocolType.Udp);
        socket.Connect(IPAddress.Parse(target), port);
        byte[] payload = new byte[PayloadSize];
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            for (int i = 0; i < Burst; i++)
            {
                try
                {
                    _ = socket.Send(payload, SocketFlags.None);
                }
                catch (SocketException error) when (error.SocketErrorCode is SocketError.ConnectionRefused or SocketError.NoBufferSpaceAvailable or SocketError.WouldBlock)
                {
                    // Nobody listens there, which is as wanted; or the device is full, which is what we are here for.
                }
            }
        }
    }
}
