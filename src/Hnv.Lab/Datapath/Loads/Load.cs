using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.Win32.SafeHandles;

namespace Hnv.Lab.Datapath.Loads;

/// <summary>What a load found, as it writes it on its standard output.</summary>
/// <param name="Count">Packets sent or received, or conversations that succeeded.</param>
/// <param name="Seconds">How long that took.</param>
/// <param name="P50">Median of its times, microseconds; 0 when it takes none.</param>
/// <param name="P90">Ninety of a hundred took no longer.</param>
/// <param name="P99">Ninety-nine of a hundred took no longer.</param>
public sealed record LoadReport(long Count, double Seconds, double P50 = 0, double P90 = 0, double P99 = 0)
{
    /// <summary>What could not be measured is written as such.</summary>
    internal static JsonSerializerOptions Json { get; } = new() { NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals };
}

/// <summary>
/// The programs that the datapath's measurement runs inside machines: <c>hnv bench load KIND</c>. Each is one side of one load, ends by itself and
/// writes one line of JSON.
/// </summary>
public static class Load
{
    /// <summary>UDP port of what is only to arrive: the receiving machine drops it as soon as its device has it.</summary>
    public const int DiscardPort = 9;

    internal const int EchoPort = 7007;
    internal const int ConnectPort = 7008;
    internal const int PacedPort = 7010;

    private const int LatencyWarmUp = 200;
    private const int PacedRate = 1000;
    private const int ConnectorCount = 8;
    private const int PacedPayload = 64;

    /// <summary>What a server writes when it can be spoken to.</summary>
    internal const string Ready = "ready";

    /// <summary>The loads by name.</summary>
    public static IReadOnlyList<string> Kinds { get; } = ["flood", "flows", "ping", "ask", "echo", "connect", "accept", "paced", "sink", "tell"];

    /// <summary>Runs one.</summary>
    /// <param name="kind">One of <see cref="Kinds"/>.</param>
    /// <param name="target">The other machine; servers need none.</param>
    /// <param name="seconds">How long it lasts.</param>
    /// <param name="port">UDP port of new flows.</param>
    /// <param name="limit">Where it stops before that: flows or connections.</param>
    public static void Run(string kind, IPAddress target, int seconds, int port, int limit)
    {
        if (kind == "tell")
        {
            Tell(port);
            return;
        }

        TimeSpan duration = TimeSpan.FromSeconds(Math.Clamp(seconds, 1, 600));
        LoadReport report = kind switch
        {
            "flood" => Flood(target, duration),
            "flows" => NewFlows(target, port, limit),
            "ping" => Pings(target, duration),
            "ask" => Ask(target, duration),
            "echo" => Echo(duration),
            "connect" => Connect(target, duration, limit),
            "accept" => Accept(duration),
            "paced" => Paced(target, duration),
            "sink" => Sink(duration),
            _ => throw new LabException($"'{kind}' is no load; there are {string.Join(", ", Kinds)}."),
        };
        Console.Out.WriteLine(JsonSerializer.Serialize(report, LoadReport.Json));
    }

    /// <summary>
    /// The smallest Ethernet frames there are, many per system call: the kernel of the machine cuts each call's bytes into datagrams before its device
    /// (its offload of that is off), so that making them costs little beside carrying them.
    /// </summary>
    private static LoadReport Flood(IPAddress target, TimeSpan duration)
    {
        // 64 bytes with FCS: 14 Ethernet, 20 IPv4, 8 UDP, 4 FCS, and this.
        const int payload = 18, perCall = 64, udpLevel = 17, udpSegment = 103;
        using Socket socket = Udp();
        socket.Connect(target, DiscardPort);
        socket.SetRawSocketOption(udpLevel, udpSegment, BitConverter.GetBytes(payload));
        byte[] datagrams = new byte[payload * perCall];
        long sent = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            if (TrySend(socket, datagrams))
            {
                sent += perCall;
            }
        }

        return new LoadReport(sent, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>
    /// First packets of UDP flows, each 5-tuple once. What arrived is told by <see cref="Tell"/> on standard input, and no more are on the way than one
    /// port may have waiting; so the rate is what the path admits, however quick the sender is.
    /// </summary>
    private static LoadReport NewFlows(IPAddress target, int port, int limit)
    {
        const int header = 8, payload = 18, window = 2048, warmUp = 1000, ports = 60_000, firstPort = 2000;
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Udp);
        socket.Connect(target, 0);
        using Stream told = Console.OpenStandardInput();
        byte[] datagram = new byte[header + payload], counts = new byte[4096];
        (datagram[2], datagram[3], datagram[5]) = ((byte)(port >> 8), (byte)port, (byte)datagram.Length);
        int first = Random.Shared.Next(ports);
        long sent = 0, arrived = 0, under = 0, started = 0, before = 0;
        while (arrived < limit + warmUp)
        {
            if (started == 0 && arrived >= warmUp)
            {
                (started, before) = (Stopwatch.GetTimestamp(), arrived);
            }

            while (under < window && sent < ports)
            {
                int source = firstPort + (int)((first + sent++) % ports);
                (datagram[0], datagram[1]) = ((byte)(source >> 8), (byte)source);
                under += TrySend(socket, datagram) ? 1 : 0;
            }

            int read = told.Read(counts);
            foreach (byte count in counts.AsSpan(0, read))
            {
                // Nothing for a while: what is under way is lost.
                (arrived, under) = count == 0 ? (arrived, 0) : (arrived + count, Math.Max(under - count, 0));
            }

            if (read == 0 || (under == 0 && sent == ports))
            {
                break;
            }
        }

        return new LoadReport(arrived - before, started == 0 ? double.NaN : Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>Says on standard output what arrives: a byte for so many datagrams, 0 when none came for a while. Ends when nobody listens.</summary>
    private static void Tell(int port)
    {
        const byte perByte = 32;
        using Socket socket = Server(port, ready: null);
        socket.ReceiveTimeout = 100;

        // Not the console's stream: that one keeps to itself that nobody listens any more.
        const int standardOutput = 1;
        using FileStream output = new(new SafeFileHandle(standardOutput, ownsHandle: false), FileAccess.Write, bufferSize: 0);
        byte[] datagram = new byte[2048];
        byte count = 0;
        while (true)
        {
            bool isQuiet = false;
            try
            {
                _ = socket.Receive(datagram);
                count++;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.TimedOut)
            {
                isQuiet = true;
            }

            if (isQuiet || count == perByte)
            {
                try
                {
                    output.WriteByte(count);
                }
                catch (IOException)
                {
                    return;
                }

                count = 0;
            }
        }
    }

    /// <summary>Requests that the other machine's kernel answers: the network's part of a round trip, and no process's.</summary>
    private static LoadReport Pings(IPAddress target, TimeSpan duration)
    {
        const int header = 8, ipHeader = 20, payload = 56, requestType = 8;
        ushort identifier = (ushort)Random.Shared.Next(1, ushort.MaxValue);
        using Socket socket = new(AddressFamily.InterNetwork, SocketType.Raw, ProtocolType.Icmp) { ReceiveTimeout = 1000 };
        socket.Connect(target, 0);
        byte[] request = new byte[header + payload], reply = new byte[2048];
        request[0] = requestType;
        (request[4], request[5]) = ((byte)(identifier >> 8), (byte)identifier);
        uint sum = ((uint)requestType << 8) + identifier;
        ushort checksum = (ushort)~((sum & 0xffff) + (sum >> 16));
        (request[2], request[3]) = ((byte)(checksum >> 8), (byte)checksum);
        return RoundTrips(duration, () =>
        {
            _ = socket.Send(request);
            int length;
            do
            {
                length = socket.Receive(reply);
            }
            while (length < ipHeader + header || reply[ipHeader] != 0 || reply[ipHeader + 4] != request[4] || reply[ipHeader + 5] != request[5]);
        });
    }

    /// <summary>Requests over UDP that a process answers.</summary>
    private static LoadReport Ask(IPAddress target, TimeSpan duration)
    {
        using Socket socket = Udp();
        socket.ReceiveTimeout = 1000;
        socket.Connect(target, EchoPort);
        byte[] request = new byte[PacedPayload], reply = new byte[2048];
        return RoundTrips(duration, () =>
        {
            _ = socket.Send(request);
            _ = socket.Receive(reply);
        });
    }

    private static LoadReport Echo(TimeSpan duration)
    {
        using Socket socket = Server(EchoPort);
        byte[] datagram = new byte[2048];
        SocketAddress from = new(AddressFamily.InterNetwork);
        long answered = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            try
            {
                int length = socket.ReceiveFrom(datagram, SocketFlags.None, from);
                _ = socket.SendTo(datagram.AsSpan(0, length), SocketFlags.None, from);
                answered++;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.TimedOut)
            {
                // Look at the clock.
            }
        }

        return new LoadReport(answered, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>TCP connections one behind the other in several threads, each reset as soon as it stands, so that neither side keeps it.</summary>
    private static LoadReport Connect(IPAddress target, TimeSpan duration, int limit)
    {
        long opened = 0, started = Stopwatch.GetTimestamp();
        Thread[] connectors = [.. Enumerable.Range(0, ConnectorCount).Select(_ => new Thread(() =>
        {
            while (Stopwatch.GetElapsedTime(started) < duration && Volatile.Read(ref opened) < limit)
            {
                using Socket socket = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp) { LingerState = new LingerOption(true, 0) };
                try
                {
                    socket.Connect(target, ConnectPort);
                    Interlocked.Increment(ref opened);
                }
                catch (SocketException)
                {
                    // Not one that counts.
                }
            }
        }))];
        Array.ForEach(connectors, thread => thread.Start());
        Array.ForEach(connectors, thread => thread.Join());
        return new LoadReport(opened, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static LoadReport Accept(TimeSpan duration)
    {
        const int backlog = 4096;
        using Socket listener = new(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp);
        listener.Bind(new IPEndPoint(IPAddress.Any, ConnectPort));
        listener.Listen(backlog);
        Console.Out.WriteLine(Ready);
        long accepted = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) is { } passed && passed < duration)
        {
            if (listener.Poll(duration - passed, SelectMode.SelectRead))
            {
                listener.Accept().Dispose();
                accepted++;
            }
        }

        return new LoadReport(accepted, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    /// <summary>A quiet stream of one flow, whose every datagram should arrive.</summary>
    private static LoadReport Paced(IPAddress target, TimeSpan duration)
    {
        using Socket socket = Udp();
        socket.Connect(target, PacedPort);
        byte[] datagram = new byte[PacedPayload];
        long sent = 0, started = Stopwatch.GetTimestamp();
        for (TimeSpan passed = default; passed < duration; passed = Stopwatch.GetElapsedTime(started))
        {
            for (long due = (long)(passed.TotalSeconds * PacedRate); sent < due; sent++)
            {
                _ = socket.Send(datagram);
            }

            Thread.Sleep(1);
        }

        return new LoadReport(sent, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static LoadReport Sink(TimeSpan duration)
    {
        using Socket socket = Server(PacedPort);
        byte[] datagram = new byte[2048];
        long received = 0, started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            try
            {
                _ = socket.Receive(datagram);
                received++;
            }
            catch (SocketException error) when (error.SocketErrorCode == SocketError.TimedOut)
            {
                // Look at the clock.
            }
        }

        return new LoadReport(received, Stopwatch.GetElapsedTime(started).TotalSeconds);
    }

    private static LoadReport RoundTrips(TimeSpan duration, Action exchange)
    {
        List<double> microseconds = [];
        int warmUp = LatencyWarmUp;
        long started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < duration)
        {
            long sent = Stopwatch.GetTimestamp();
            try
            {
                exchange();
                if (warmUp-- <= 0)
                {
                    microseconds.Add(Stopwatch.GetElapsedTime(sent).TotalMicroseconds);
                }
            }
            catch (SocketException error) when (error.SocketErrorCode is SocketError.TimedOut or SocketError.WouldBlock or SocketError.ConnectionRefused)
            {
                // Lost; not a round trip.
            }
        }

        microseconds.Sort();
        double Part(double part) => microseconds.Count == 0 ? double.NaN : microseconds[Math.Min((int)(microseconds.Count * part), microseconds.Count - 1)];
        return new LoadReport(microseconds.Count, Stopwatch.GetElapsedTime(started).TotalSeconds, Part(0.5), Part(0.9), Part(0.99));
    }

    private static Socket Udp() => new(AddressFamily.InterNetwork, SocketType.Dgram, ProtocolType.Udp);

    private static Socket Server(int port, string? ready = Ready)
    {
        const int buffer = 4 << 20, lookMs = 200;
        Socket socket = Udp();
        socket.ReceiveBufferSize = buffer;
        socket.ReceiveTimeout = lookMs;
        socket.Bind(new IPEndPoint(IPAddress.Any, port));
        if (ready is not null)
        {
            Console.Out.WriteLine(ready);
        }

        return socket;
    }

    private static bool TrySend(Socket socket, byte[] datagrams)
    {
        try
        {
            _ = socket.Send(datagrams);
            return true;
        }
        catch (SocketException error) when (IsBusy(error))
        {
            return false;
        }
    }

    private static bool IsBusy(SocketException error) =>
        error.SocketErrorCode is SocketError.ConnectionRefused or SocketError.NoBufferSpaceAvailable or SocketError.WouldBlock;
}
