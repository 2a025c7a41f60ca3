using System.Text.Json;
using System.Text.Json.Serialization;

namespace Hnv.HostAgent.Configuration;

/// <summary>Reads an agent's configuration file and says everything that is wrong with it at once.</summary>
public static class AgentConfiguration
{
    private static readonly JsonSerializerOptions s_json = new(JsonSerializerDefaults.Web)
    {
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        ReadCommentHandling = JsonCommentHandling.Skip,
        AllowTrailingCommas = true,
    };

    /// <summary>Reads and checks a file.</summary>
    /// <exception cref="AgentConfigurationException">It is missing, is no such JSON, or contradicts itself.</exception>
    public static AgentOptions Load(string path)
    {
        AgentOptions options;
        try
        {
            options = JsonSerializer.Deserialize<AgentOptions>(File.ReadAllText(path), s_json)
                ?? throw new AgentConfigurationException(path, ["the file holds null; it must hold one JSON object"]);
        }
        catch (JsonException error)
        {
            throw new AgentConfigurationException(path, [$"line {error.LineNumber + 1}: {error.Message}"]);
        }
        catch (Exception error) when (error is IOException or UnauthorizedAccessException)
        {
            throw new AgentConfigurationException(path, [$"cannot be read: {error.Message} Give another with --config FILE."]);
        }

        List<string> faults = [.. Faults(options)];
        return faults.Count == 0 ? options : throw new AgentConfigurationException(path, faults);
    }

    private static IEnumerable<string> Faults(AgentOptions options)
    {
        if (options.HostId == Guid.Empty)
        {
            yield return "hostId is empty; it must be the instanceId of this host's servers resource";
        }

        if (options.Uplinks is null or { Count: 0 })
        {
            yield return "uplinks is empty; name at least one network device, for example [\"eth0\"]";
        }
        else
        {
            foreach (string device in options.Uplinks.Where(device => device is not { Length: > 0 and <= 15 }))
            {
                yield return $"uplinks: '{device}' is no device name (1 to 15 characters)";
            }

            foreach (string device in options.Uplinks.GroupBy(device => device).Where(group => group.Count() > 1).Select(group => group.Key))
            {
                yield return $"uplinks: '{device}' is named twice";
            }
        }

        if (options.Workers is < 1 or > 64)
        {
            yield return $"workers is {options.Workers}; it must lie between 1 and 64";
        }

        if (options.Executor is not ("userspace" or "ebpf" or "auto"))
        {
            yield return $"executor is '{options.Executor}'; it must be userspace, ebpf or auto";
        }

        if (options.Compartment.Length == 0 || options.Compartment.Contains('/', StringComparison.Ordinal))
        {
            yield return $"compartment is '{options.Compartment}'; it must be a network namespace's name without a slash";
        }

        foreach (string remote in options.Ovsdb.Listen.Where(remote => !remote.StartsWith("ptcp:", StringComparison.Ordinal) && !remote.StartsWith("pssl:", StringComparison.Ordinal)))
        {
            yield return $"ovsdb: '{remote}' is no listener; write ptcp:PORT[:ADDRESS] or pssl:PORT[:ADDRESS]";
        }

        foreach (string secure in options.Ovsdb.Listen.Where(remote => remote.StartsWith("pssl:", StringComparison.Ordinal))
            .Concat(options.Channel.Listen.Where(url => url.StartsWith("https:", StringComparison.OrdinalIgnoreCase))).Where(_ => options.Tls is null))
        {
            yield return $"'{secure}' needs certificates; name them in tls: certificate, privateKey, authorities, controllersAuthorities";
        }

        if (options.Tls is { } tls && tls.Authorities == tls.ControllersAuthorities)
        {
            yield return "tls: authorities and controllersAuthorities are the same; whoever has a certificate could then write the policy database";
        }

        foreach (string url in options.Channel.Listen.Where(url => !Uri.TryCreate(url, UriKind.Absolute, out Uri? uri) || uri.Scheme is not ("http" or "https")))
        {
            yield return $"channel: '{url}' is no http or https URL";
        }
    }
}

/// <summary>A configuration file that cannot be used, with every fault found in it.</summary>
public sealed class AgentConfigurationException(string path, IReadOnlyList<string> faults)
    : Exception($"Configuration {path}:{string.Concat(faults.Select(fault => $"\n  - {fault}"))}");
