using System.Globalization;
using Hnv.Primitives;

namespace Hnv.Lab.Topology;

/// <summary>
/// One firewall rule, written as a sentence: <c>allow inbound tcp from 10.1.1.12 to 10.1.1.11 port 5432 priority 110</c>.
/// What is left out matches everything.
/// </summary>
/// <param name="Allows">Allow or deny.</param>
/// <param name="Direction">As the machine sees it.</param>
/// <param name="Protocol">REST spelling: TCP, UDP, ICMPv4, ICMPv6 or All.</param>
/// <param name="Source">A prefix, an address or <c>*</c>.</param>
/// <param name="SourcePorts">A port, a range or <c>*</c>.</param>
/// <param name="Destination">A prefix, an address or <c>*</c>.</param>
/// <param name="DestinationPorts">A port, a range or <c>*</c>.</param>
/// <param name="Priority">101 … 65000; the lowest is asked first.</param>
public sealed record LabAclRule(
    bool Allows,
    Direction Direction,
    string Protocol,
    string Source,
    string SourcePorts,
    string Destination,
    string DestinationPorts,
    int Priority)
{
    private const string Form = "write it as: allow|deny inbound|outbound tcp|udp|icmp|icmpv6|any [from ADDRESS [port N]] [to ADDRESS [port N]] [priority N]";

    /// <summary>Reads the sentence.</summary>
    /// <param name="text">The sentence.</param>
    /// <param name="defaultPriority">Taken when the sentence names none.</param>
    /// <param name="rule">The rule.</param>
    /// <param name="mistake">What is wrong with it, when the result is false.</param>
    public static bool TryParse(string text, int defaultPriority, out LabAclRule? rule, out string mistake)
    {
        rule = null;
        Queue<string> words = new(text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));
        string Next() => words.TryDequeue(out string? word) ? word.ToLowerInvariant() : "";

        string action = Next();
        string direction = Next();
        string protocolWord = Next();
        string? protocol = protocolWord switch { "tcp" => "TCP", "udp" => "UDP", "icmp" => "ICMPv4", "icmpv6" => "ICMPv6", "any" => "All", _ => null };
        if (action is not ("allow" or "deny") || direction is not ("inbound" or "outbound") || protocol is null)
        {
            mistake = $"'{text}' is not a rule; {Form}";
            return false;
        }

        string source = "*", sourcePorts = "*", destination = "*", destinationPorts = "*";
        int priority = defaultPriority;
        bool afterTo = false;
        while (words.Count > 0)
        {
            string word = Next();
            string value = Next();
            bool good = word switch
            {
                "from" => IsAddress(value),
                "to" => IsAddress(value),
                "port" => IsPorts(value),
                "priority" => int.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out priority) && priority is >= 101 and <= 65000,
                _ => false,
            };
            if (!good)
            {
                mistake = $"'{word} {value}' in '{text}' is wrong; {Form}; a priority lies between 101 and 65000";
                return false;
            }

            switch (word)
            {
                case "from": source = value; afterTo = false; break;
                case "to": destination = value; afterTo = true; break;
                case "port" when afterTo: destinationPorts = value; break;
                case "port": sourcePorts = value; break;
            }
        }

        rule = new LabAclRule(
            action == "allow",
            direction == "inbound" ? Direction.Inbound : Direction.Outbound,
            protocol,
            source,
            sourcePorts,
            destination,
            destinationPorts,
            priority);
        mistake = "";
        return true;
    }

    private static bool IsAddress(string text) => text is "*" || InetAddress.TryParse(text, out _) || IpPrefix.TryParse(text, out _);

    private static bool IsPorts(string text)
    {
        string[] ends = text.Split('-');
        return text == "*" || (ends.Length <= 2
            && ends.All(end => ushort.TryParse(end, NumberStyles.None, CultureInfo.InvariantCulture, out _))
            && int.Parse(ends[0], CultureInfo.InvariantCulture) <= int.Parse(ends[^1], CultureInfo.InvariantCulture));
    }
}
