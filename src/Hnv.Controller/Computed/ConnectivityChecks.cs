using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.HostChannel;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Computed;

/// <summary>
/// <c>diagnostics/ConnectivityCheck</c> (8.1). The request is checked and answered; the packet is sent afterwards (<see cref="ConnectivityProbe"/>), and the
/// result says InProgress until it is known what became of it.
/// </summary>
internal sealed partial class ConnectivityChecks(TimeProvider time, HostChannels? channels, ILogger logger) : IComputedResource
{
    public const string ResultsPath = "diagnostics/ConnectivityCheckResults";

    /// <summary>Checks that are begun and not ended; further ones are told to come again.</summary>
    private const int BegunMax = 64;

    private const string IcmpConfiguration = "icmpProtocolConfig";
    private const string SequenceNumber = "sequenceNumber";
    private const string PayloadLength = "length";
    private const int PayloadMax = 9000;
    private const string DestinationPort = "destinationPort";
    private const int DestinationPortDefault = 80;
    private const int PayloadDefault = 56;                  // as ping has it
    private const string InProgress = "InProgress";
    private const string Success = "Success";
    private const string Failure = "Failure";

    private static readonly TimeSpan s_limit = TimeSpan.FromSeconds(10);

    private const string Target = "/diagnostics/ConnectivityCheck/Action";
    private const string Sender = "sender";
    private const string Receiver = "receiver";

    private static readonly PropertyTable s_request = new(
    [
        Network(Sender, "Virtual", VirtualNetworks.Name),
        Network(Receiver, "Virtual", VirtualNetworks.Name),
        Network(Sender, "Logical", LogicalNetworks.Name),
        Network(Receiver, "Logical", LogicalNetworks.Name),
        new($"{Sender}IpAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
        new($"{Receiver}IpAddress", new AddressSchema()) { Required = true, InvalidCode = ErrorCodes.InvalidIPAddress },
        new("protocol", new EnumSchema("Icmp", "Tcp", "Udp")) { Default = "Icmp" },
        new(IcmpConfiguration, new StructSchema(
            new(SequenceNumber, new IntegerSchema(0, ushort.MaxValue)), new(PayloadLength, new IntegerSchema(0, PayloadMax)))),
        new("disableTracing", new BooleanSchema()) { Default = false },
        new(DestinationPort, new IntegerSchema(1, ushort.MaxValue)),
    ]);

    private int _begun;

    public ResultMemory Results { get; } = new(time);

    public string Path => "diagnostics/ConnectivityCheck";

    public bool IsAction => true;

    public int StartedStatus => StatusCodes.Status201Created;

    public Action<Utf8JsonWriter>? Get(string? id, View view) => null;

    public JsonObject Put(JsonObject body, View view, Guid operation)
    {
        var errors = new PolicyErrors();
        var scope = new ReadScope(Target, "", view.Version, ErrorCodes.InvalidParameterValue, errors);
        var properties = new JsonObject();
        s_request.Read(Engine.DocumentReader.Member(body, "properties") as JsonObject ?? [], null, properties, scope, p => scope with { Property = p.Name, Code = p.InvalidCode });
        (Node? sender, Node? receiver) = Networks(properties, view, errors);
        errors.ThrowIfAny();

        properties["submitTime"] = ComputedDocument.Timestamp(time.GetUtcNow());
        properties["operationId"] = operation.ToString("D");
        Begin(operation, properties, sender!, receiver!, view);
        JsonObject answer = properties.DeepClone().AsObject();
        answer["connectivityCheckResult"] = new JsonObject { [ReferenceSchema.Member] = $"/{ResultsPath}/{operation:D}" };
        return ComputedDocument.Create(Target, "Action", answer, "Updating");
    }

    private static Property Network(string side, string kind, string type) => new($"{side}{kind}Network", new ReferenceSchema(type));

    private static (Node? Sender, Node? Receiver) Networks(JsonObject properties, View view, PolicyErrors errors)
    {
        Node?[] found = new Node?[2];
        foreach ((int index, string side) in new[] { Sender, Receiver }.Index())
        {
            string? reference = (string?)(properties[$"{side}VirtualNetwork"] ?? properties[$"{side}LogicalNetwork"])?[ReferenceSchema.Member];
            found[index] = view.Snapshot.Find(reference);
            if (reference is null)
            {
                errors.Add(new PolicyError(ErrorCodes.RequiredParamMissing, Target, $"{Target}: {side}VirtualNetwork is missing. Send it, or {side}LogicalNetwork."));
            }
            else if (found[index] is null)
            {
                errors.Add(new PolicyError(ErrorCodes.InvalidResourceReference, Target, $"{Target}: {side}…Network points at {reference}, which does not exist."));
            }
        }

        if (found[0] is { } sender && found[1] is { } receiver)
        {
            if (sender.Type != receiver.Type)
            {
                errors.Add(new PolicyError("NetworkMismatch", Target, $"{Target}: {sender.Ref} and {receiver.Ref} are of different kinds. Check within one network."));
            }
            else if (sender.Key != receiver.Key && sender.Type.Name == VirtualNetworks.Name)
            {
                errors.Add(new PolicyError("VirtualNetworkMismatch", Target, $"{Target}: {sender.Ref} and {receiver.Ref} are different networks. Check within one network."));
            }
        }

        return (found[0], found[1]);
    }

    private void Begin(Guid operation, JsonObject properties, Node sender, Node receiver, View view)
    {
        string from = (string)properties[$"{Sender}IpAddress"]!, to = (string)properties[$"{Receiver}IpAddress"]!;
        (Node? nic, Node? other) = (InterfaceAt(from, sender, view.Snapshot), InterfaceAt(to, receiver, view.Snapshot));
        if (nic is null || channels is null)
        {
            string why = nic is null ? $"No interface of {sender.Ref} has {from}, so there is nowhere to send from." : "This controller drives no hosts.";
            Results.Add(operation, Document(operation, properties, Result(new CheckOutcome(false, null, why, [Named("Sender", nic), Named("Receiver", other)]), view.Snapshot)));
            return;
        }

        if (Interlocked.Increment(ref _begun) > BegunMax)
        {
            _ = Interlocked.Decrement(ref _begun);
            throw new RefusedException(ErrorCodes.RetryableError, Target, $"{Target}: {BegunMax} checks are under way. Ask again in a second.");
        }

        Results.Add(operation, Document(operation, properties, new JsonObject { ["status"] = InProgress, ["roundTripTimeMSec"] = 0, ["nodeOutput"] = new JsonArray(), ["nodeOuput"] = new JsonArray() }));
        _ = RunAsync(operation, properties, Packet(properties, nic, other, from, to), view.Snapshot, channels);
    }

    private async Task RunAsync(Guid operation, JsonObject properties, CheckedPacket packet, Snapshot snapshot, HostChannels hosts)
    {
        CheckOutcome outcome;
        try
        {
            using IDisposable turn = await hosts.TakeTurnAsync();
            using CancellationTokenSource limit = new(s_limit, time);
            outcome = await new ConnectivityProbe(hosts).RunAsync(packet, limit.Token);
        }
        catch (OperationCanceledException)
        {
            outcome = new CheckOutcome(false, null, $"The hosts did not answer within {s_limit.TotalSeconds:0} s.", []);
        }
        catch (Exception e)
        {
            Log.CheckFailed(logger, e, operation);
            outcome = new CheckOutcome(false, null, $"The controller failed on this check. Its log tells more under {operation:D}.", []);
        }
        finally
        {
            _ = Interlocked.Decrement(ref _begun);
        }

        Results.Replace(operation, Document(operation, properties, Result(outcome, snapshot)));
    }

    private static CheckedPacket Packet(JsonObject properties, Node sender, Node? receiver, string from, string to)
    {
        JsonObject? icmp = properties[IcmpConfiguration] as JsonObject;
        (byte protocol, int port) = (string)properties["protocol"]! switch
        {
            "Tcp" => ((byte)6, Number(properties[DestinationPort]) ?? DestinationPortDefault),
            "Udp" => ((byte)17, Number(properties[DestinationPort]) ?? DestinationPortDefault),
            _ => ((byte)1, Number(icmp?[SequenceNumber]) ?? 1),
        };
        return new CheckedPacket(
            sender.InstanceId, receiver?.InstanceId, from, to, protocol, port, Number(icmp?[PayloadLength]) ?? PayloadDefault, (bool?)properties["disableTracing"] != true);
    }

    // Read as long, whatever its range.
    private static int? Number(JsonNode? number) => (int?)(long?)number;

    private static JsonObject Document(Guid operation, JsonObject properties, JsonObject result)
    {
        JsonObject document = properties.DeepClone().AsObject();
        document["result"] = result;
        return ComputedDocument.Create($"/{ResultsPath}/{operation:D}", operation.ToString("D"), document);
    }

    private static CheckNode Named(string type, Node? nic) => new(type) { Lines = { nic is null ? "The address is nobody's." : nic.Ref } };

    private static JsonObject Result(CheckOutcome outcome, Snapshot snapshot)
    {
        JsonObject result = new()
        {
            ["status"] = outcome.Passes ? Success : Failure,

            // Whole milliseconds; 0 says that nothing was measured.
            ["roundTripTimeMSec"] = outcome.RoundTripMilliseconds is { } time ? Math.Max(1, (long)Math.Round(time)) : 0,
            ["errorMessage"] = outcome.Error,
        };
        if (outcome.RoundTripMilliseconds is { } exact)
        {
            result["x-openhnv-roundTripTimeMSec"] = Math.Round(exact, 3);
        }

        JsonArray nodes = [.. outcome.Nodes.Select((node, index) => Described(node, index, snapshot))];

        // The schema misspells it; the text does not.
        result["nodeOutput"] = nodes;
        result["nodeOuput"] = nodes.DeepClone();
        return result;
    }

    private static JsonObject Described(CheckNode node, int index, Snapshot snapshot)
    {
        JsonObject described = new()
        {
            ["nodeType"] = node.Type,
            ["nodeSequenceNumber"] = index,
            ["traceOutput"] = new JsonArray([.. node.Lines.Select(line => JsonValue.Create(line))]),
            ["errorMessage"] = node.Error,
        };
        foreach ((string name, string? value) in new[]
        {
            ("host", node.Host), ("verdict", node.Report?.Verdict), ("dropReason", node.Report?.Reason), ("layer", node.Report?.Layer), ("rule", node.Report?.Rule), ("ruleRef", RuleOf(node.Report?.Rule, snapshot)),
        })
        {
            if (value is not null)
            {
                described[$"x-openhnv-{name}"] = value;
            }
        }

        return described;
    }

    // Hosts know a rule of an access control list by its instanceId.
    private static string? RuleOf(string? id, Snapshot snapshot) => Guid.TryParse(id, out Guid instance)
        ? snapshot.All(AccessControlLists.Name).SelectMany(list => list.ChildrenOf(AccessControlLists.Rules)).FirstOrDefault(rule => rule.InstanceId == instance)?.Ref
        : null;

    private static Node? InterfaceAt(string address, Node network, Snapshot snapshot)
    {
        foreach (Holder holder in network.ChildrenOf(VirtualNetworks.Subnets).SelectMany(snapshot.HoldersOf))
        {
            if (holder.Path == NetworkInterfaces.IpConfigurationPath && snapshot.Find(holder.Ref)?.Text(IpConfigurations.Address) == address)
            {
                return snapshot.FindRoot(holder.Ref);
            }
        }

        return null;
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2301, Level = LogLevel.Error, Message = "Connectivity check {Operation} failed")]
        public static partial void CheckFailed(ILogger logger, Exception exception, Guid operation);
    }
}
