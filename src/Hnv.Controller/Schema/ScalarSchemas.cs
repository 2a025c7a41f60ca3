using System.Globalization;
using System.Text.Json.Nodes;
using Hnv.Primitives;

namespace Hnv.Controller.Schema;

/// <summary>Any text, up to a bound.</summary>
internal sealed class TextSchema(int lengthMax = 4096) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        Scalar(value) is { } text && text.Length <= lengthMax
            ? JsonValue.Create(text)
            : scope.Fail(Show(value), $"Send a string of at most {lengthMax} characters.");

    public override JsonObject Describe() => new() { ["type"] = "string", ["maxLength"] = lengthMax };
}

/// <summary>A whole number, read as number or string.</summary>
internal sealed class IntegerSchema(long min, long max, bool asString = false) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        long.TryParse(Scalar(value), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out long number) && number >= min && number <= max
            ? asString ? JsonValue.Create(number.ToString(CultureInfo.InvariantCulture)) : JsonValue.Create(number)
            : scope.Fail(Show(value), $"Send a whole number from {min} to {max}.");

    public override JsonObject Describe() => asString
        ? new() { ["type"] = "string", ["pattern"] = "^[0-9]+$" }
        : new() { ["type"] = "integer", ["minimum"] = min, ["maximum"] = max };
}

/// <summary>True or false, read as boolean or string in any case.</summary>
internal sealed class BooleanSchema(bool asString = false) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        bool.TryParse(Scalar(value), out bool truth)
            ? asString ? JsonValue.Create(truth ? "True" : "False") : JsonValue.Create(truth)
            : scope.Fail(Show(value), "Send true or false.");

    public override JsonObject Describe() => asString
        ? new() { ["type"] = "string", ["enum"] = new JsonArray("True", "False") }
        : new() { ["type"] = "boolean" };
}

/// <summary>One of a few words, read in any case and in other known spellings.</summary>
internal sealed class EnumSchema(params string[] words) : ValueSchema
{
    /// <summary>Spelling read → word stored.</summary>
    public Dictionary<string, string> Synonyms { get; init; } = [];

    /// <summary>Word stored → word shown, where the wire knows no such word.</summary>
    public Dictionary<string, string> ShownAs { get; init; } = [];

    public override JsonNode? Read(JsonNode value, ReadScope scope)
    {
        string? text = Scalar(value);
        string? word = words.FirstOrDefault(w => string.Equals(w, text, StringComparison.OrdinalIgnoreCase))
            ?? Synonyms.FirstOrDefault(s => string.Equals(s.Key, text, StringComparison.OrdinalIgnoreCase)).Value;
        return word is not null ? JsonValue.Create(word) : scope.Fail(Show(value), $"Send one of {string.Join(", ", words)}.");
    }

    public override JsonObject Describe()
    {
        var schema = new JsonObject { ["type"] = "string", ["enum"] = new JsonArray([.. words.Select(w => JsonValue.Create(w))]) };
        if (Synonyms.Count + ShownAs.Count > 0)
        {
            schema["x-openhnv-spellings"] = new JsonObject(Synonyms.Concat(ShownAs).Select(pair => KeyValuePair.Create<string, JsonNode?>(pair.Key, pair.Value)));
        }

        return schema;
    }
}

/// <summary>An IPv4 or IPv6 address.</summary>
/// <param name="emptyIsAbsent">True reads an empty text as if nothing had been sent.</param>
internal sealed class AddressSchema(bool emptyIsAbsent = false) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        emptyIsAbsent && Scalar(value) is "" ? null
        : InetAddress.TryParse(Scalar(value), out InetAddress address)
            ? JsonValue.Create(address.ToString())
            : scope.Fail(Show(value), "Write an IP address as 10.1.1.11 or 2001:db8::11.");

    public override JsonObject Describe() => new() { ["type"] = "string", ["format"] = "ip-address", ["description"] = "IPv4 or IPv6 address" };
}

/// <summary>An IP prefix without host bits.</summary>
internal sealed class PrefixSchema : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        IpPrefix.TryParse(Scalar(value), out IpPrefix prefix)
            ? JsonValue.Create(prefix.ToString())
            : scope.Fail(Show(value), Suggest(Scalar(value)));

    public override JsonObject Describe() => new() { ["type"] = "string", ["format"] = "ip-prefix", ["description"] = "address/length" };

    private static string Suggest(string? text)
    {
        string[] parts = text?.Split('/') ?? [];
        return parts.Length == 2 && InetAddress.TryParse(parts[0], out InetAddress address)
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out int length) && length <= (address.IsIPv4 ? 32 : 128)
            ? $"It has host bits set; did you mean {IpPrefix.Create(address, length)}?"
            : "Write a prefix as 10.1.1.0/24 or 2001:db8::/64.";
    }
}

/// <summary>A MAC address, in dashes or as twelve hex digits.</summary>
internal sealed class MacSchema(bool dashes) : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        MacAddress.TryParse(Scalar(value), out MacAddress mac)
            ? JsonValue.Create(Format(mac, dashes))
            : scope.Fail(Show(value), "Write a MAC address as 00-1D-D8-B7-1C-06 or 001DD8B71C06.");

    public static string Format(MacAddress mac, bool dashes) => dashes ? mac.ToString() : mac.ToString().Replace("-", "", StringComparison.Ordinal);

    public override JsonObject Describe() => new() { ["type"] = "string", ["format"] = "mac-address", ["description"] = "MAC address" };
}

/// <summary>A GUID.</summary>
internal sealed class GuidSchema : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope) =>
        Guid.TryParse(Scalar(value), out Guid guid)
            ? JsonValue.Create(guid.ToString("D"))
            : scope.Fail(Show(value), "Write a GUID as 6c0e1d6e-8c1c-4c1f-9a35-0d2c9d2f7a11.");

    public override JsonObject Describe() => new() { ["type"] = "string", ["format"] = "uuid" };
}

/// <summary>An autonomous system number of four bytes, read as <c>0.64512</c> (XX.YY) or as one number, stored as XX.YY.</summary>
internal sealed class AutonomousSystemSchema : ValueSchema
{
    public override JsonNode? Read(JsonNode value, ReadScope scope)
    {
        string[] halves = (Scalar(value) ?? "").Split('.');
        return halves.Length == 1 && uint.TryParse(halves[0], NumberStyles.None, CultureInfo.InvariantCulture, out uint whole)
                ? JsonValue.Create(Format(whole))
            : halves.Length == 2 && ushort.TryParse(halves[0], NumberStyles.None, CultureInfo.InvariantCulture, out ushort high)
                && ushort.TryParse(halves[1], NumberStyles.None, CultureInfo.InvariantCulture, out ushort low)
                ? JsonValue.Create(Format(((uint)high << 16) | low))
            : scope.Fail(Show(value), "Write an autonomous system number as 0.64512 or 64512.");
    }

    /// <summary>The number behind the canonical form.</summary>
    public static uint Number(string text)
    {
        string[] halves = text.Split('.');
        return (uint.Parse(halves[0], CultureInfo.InvariantCulture) << 16) | uint.Parse(halves[1], CultureInfo.InvariantCulture);
    }

    public override JsonObject Describe() => new() { ["type"] = "string", ["format"] = "as-number", ["pattern"] = @"^\d+\.\d+$" };

    private static string Format(uint number) => string.Create(CultureInfo.InvariantCulture, $"{number >> 16}.{number & 0xFFFF}");
}
