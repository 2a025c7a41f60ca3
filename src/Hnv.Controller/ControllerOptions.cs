using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hnv.Controller;

/// <summary>The configuration file. Everything has a default; comments and trailing commas are allowed.</summary>
/// <remarks>Setters rather than init: generated readers assign every init property, the absent ones with null.</remarks>
internal sealed record ControllerOptions
{
    /// <summary>Where the store and its key live, for good.</summary>
    public string StateDirectory { get; set; } = "/var/lib/hnv/controller";

    /// <summary>Where sockets live; <c>controller.sock</c> in it always answers.</summary>
    public string RunDirectory { get; set; } = "/run/hnv/controller";

    /// <summary>Further URLs to listen on.</summary>
    public IReadOnlyList<string> Listen { get; set; } = ["http://127.0.0.1:8080"];

    public OvsdbSection Ovsdb { get; set; } = new();

    public SouthboundSection Southbound { get; set; } = new();

    /// <summary>The socket for local tools.</summary>
    [JsonIgnore]
    public string SocketPath => Path.Combine(RunDirectory, "controller.sock");

    /// <summary>The store's server.</summary>
    internal sealed record OvsdbSection
    {
        /// <summary>The unprivileged user it runs as when we are root.</summary>
        public string? User { get; set; } = "nobody";
    }

    /// <summary>The hosts.</summary>
    internal sealed record SouthboundSection
    {
        /// <summary>Port of a host's policy database, unless its management address says another.</summary>
        public int Port { get; set; } = 6640;
    }

    /// <summary>Reads a configuration file.</summary>
    /// <exception cref="InvalidDataException">It is not there, or wrong; the message says where.</exception>
    public static ControllerOptions Read(string path)
    {
        try
        {
            return JsonSerializer.Deserialize(File.ReadAllText(path), ControllerOptionsJson.Default.ControllerOptions) ?? new ControllerOptions();
        }
        catch (IOException e)
        {
            throw new InvalidDataException($"{path} cannot be read: {e.Message}", e);
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{path}: {e.Message}", e);
        }
    }
}

[JsonSourceGenerationOptions(
    PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase,
    ReadCommentHandling = JsonCommentHandling.Skip,
    AllowTrailingCommas = true,
    UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow)]
[JsonSerializable(typeof(ControllerOptions))]
internal sealed partial class ControllerOptionsJson : JsonSerializerContext;
