using System.CommandLine;
using System.Text.Json.Nodes;
using Hnv.Client;

namespace Hnv.Cli.Resources;

/// <summary><c>hnv wait RESOURCE…</c>: returns once all of them are as far as they should be.</summary>
internal static class WaitCommand
{
    private static readonly TimeSpan s_pause = TimeSpan.FromMilliseconds(100);

    public static Command Create()
    {
        Argument<string[]> resources = ResourceCommands.Words("Their paths, or a type and names: networkInterfaces/web-nic0, nic web-nic0 sql-nic0");
        Option<string> until = new("--for")
        {
            Description = "provisioned (the controller has it), enforced (the hosts have it), deleted, or PROPERTY=VALUE",
            DefaultValueFactory = _ => "provisioned",
            HelpName = "STATE",
        };
        Option<double> timeout = ApplyCommands.TimeoutOption(60);
        return new Command("wait", "Wait until resources are provisioned, enforced, deleted, or have a value").With(resources, until, timeout)
            .Example("hnv wait nic contoso-web-nic0 --for enforced", "hnv wait vnet/contoso --for deleted --timeout 10", "hnv wait vnet/a/virtualNetworkPeerings/b --for peeringState=Connected")
            .Does(async (parsed, cancellation) =>
            {
                using ControllerClient controller = Endpoints.Controller(parsed);
                Condition condition = Condition.Parse(parsed.GetRequiredValue(until));
                double seconds = parsed.GetValue(timeout);
                using CancellationTokenSource patience = ApplyCommands.Patience(seconds, cancellation);
                foreach (string path in ResourceNames.Paths(parsed.GetRequiredValue(resources)))
                {
                    await WaitAsync(controller, path, condition, seconds, patience.Token, cancellation);
                    if (parsed.GetValue(CommandLine.OutputOption) == OutputFormat.Table)
                    {
                        Console.Out.WriteLine($"{path}: {condition.Name}");
                    }
                }

                return 0;
            });
    }

    private static async Task WaitAsync(ControllerClient controller, string path, Condition condition, double seconds, CancellationToken patience, CancellationToken interrupted)
    {
        string seen = "the controller did not answer";
        try
        {
            while (true)
            {
                JsonNode? document = await controller.GetAsync("/" + path, patience);
                if (document is not null && condition.IsOfTree && path.Split('/') is { Length: > 2 } segments)
                {
                    document = await controller.GetAsync($"/{segments[0]}/{segments[1]}", patience);
                }

                (bool isMet, seen) = condition.Check(document);
                if (isMet)
                {
                    return;
                }

                if (document is null && condition.IsInVain(path))
                {
                    throw new CommandException(ResourceNames.Absent(path));
                }

                await Task.Delay(s_pause, patience);
            }
        }
        catch (OperationCanceledException) when (!interrupted.IsCancellationRequested)
        {
            throw new CommandException(string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{path} is not {condition.Name} after {seconds} s: {Output.Clean(seen)}"));
        }
    }

    /// <summary>What is waited for.</summary>
    /// <param name="Name">As it was typed.</param>
    /// <param name="Check">Whether a document (null: there is none) is so far, and how far it is.</param>
    private sealed record Condition(string Name, Func<JsonNode?, (bool IsMet, string Seen)> Check)
    {
        private const string Absent = "it is not there";

        public static Condition Parse(string text) => text.ToLowerInvariant() switch
        {
            "provisioned" => new(text, Provisioned),
            "enforced" => new(text, Enforced),
            "deleted" => new(text, document => (document is null, "it is still there")),
            _ when text.Split('=', 2) is [{ Length: > 0 } path, var value] => new(text, document => HasValue(document, path, value)),
            _ => throw new CommandException($"--for {text}: say provisioned, enforced, deleted, or PROPERTY=VALUE, for example peeringState=Connected."),
        };

        /// <summary>Whether the top-level resource tells it for all that is inside.</summary>
        public bool IsOfTree => Name.Equals("enforced", StringComparison.OrdinalIgnoreCase);

        /// <summary>Whether waiting is senseless, because no such type exists.</summary>
        public bool IsInVain(string path) => Name != "deleted" && !ResourceNames.Types.Keys.Any(type => type.Split('/')[0].Equals(path.Split('/')[0], StringComparison.OrdinalIgnoreCase));

        private static (bool, string) Provisioned(JsonNode? document) => (string?)document?["properties"]?["provisioningState"] switch
        {
            null => (false, Absent),
            "Failed" => throw new CommandException($"{(string?)document!["resourceRef"]} ended in provisioningState Failed."),
            var state => (state == "Succeeded", $"its provisioningState is {state}"),
        };

        private static (bool, string) Enforced(JsonNode? document)
        {
            (bool isProvisioned, string seen) = Provisioned(document);
            if (!isProvisioned)
            {
                return (false, seen);
            }

            JsonNode? state = document!["properties"]!["configurationState"], propagated = document["x-openhnv-propagated"];
            JsonArray pending = propagated?["pending"] as JsonArray ?? [];
            return propagated is null ? (false, "the controller does not say; its type is not enforced on hosts (see --for provisioned)")
                : (bool?)propagated["enforced"] == true ? (true, "")
                : pending.Count > 0 ? (false, $"{propagated["pendingHosts"]} of {propagated["hosts"]} hosts do not have it yet: {string.Join(", ", pending.Select(host => (string?)host?["resourceRef"]))}")
                : (string?)state?["status"] is { } status and not "Success" ? (false, $"its configurationState is {status}: {string.Join("; ", ((state["detailedInfo"] as JsonArray) ?? []).Select(detail => $"{detail?["code"]} {detail?["message"]}"))}")
                : (false, "it is not planned yet");
        }

        private static (bool, string) HasValue(JsonNode? document, string path, string value)
        {
            if (document is null)
            {
                return (false, Absent);
            }

            JsonNode? found = Find(document["properties"], path) ?? Find(document, path);
            string text = found is JsonValue scalar ? scalar.ToString() : found?.ToJsonString() ?? "absent";
            return (text.Equals(value, StringComparison.OrdinalIgnoreCase), $"{path} is {text}");
        }

        private static JsonNode? Find(JsonNode? node, string path) => path.Split('.').Aggregate(node, (at, name) =>
            (at as JsonObject)?.FirstOrDefault(member => member.Key.Equals(name, StringComparison.OrdinalIgnoreCase)).Value);
    }
}
