using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Model;
using Hnv.Controller.Resources;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Computed;

/// <summary>
/// <c>diagnostics/ConnectivityCheck</c> (8.1). The request is checked and both ends are looked up; no packet is sent yet, and the result says so
/// and what is known of either end.
/// </summary>
internal sealed class ConnectivityChecks(TimeProvider time) : IComputedResource
{
    public const string ResultsPath = "diagnostics/ConnectivityCheckResults";

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
        new("icmpProtocolConfig", new StructSchema(
            new("sequenceNumber", new IntegerSchema(0, ushort.MaxValue)), new("length", new IntegerSchema(0, ushort.MaxValue)))),
        new("disableTracing", new BooleanSchema()) { Default = false },
    ]);

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

        string submitted = ComputedDocument.Timestamp(time.GetUtcNow());
        JsonObject result = Result(properties, sender!, receiver!, view);
        var document = properties.DeepClone().AsObject();
        document["operationId"] = operation.ToString("D");
        document["submitTime"] = submitted;
        document["result"] = result;
        Results.Add(operation, ComputedDocument.Create($"/{ResultsPath}/{operation:D}", operation.ToString("D"), document));

        properties["operationId"] = operation.ToString("D");
        properties["connectivityCheckResult"] = new JsonObject { [ReferenceSchema.Member] = $"/{ResultsPath}/{operation:D}" };
        properties["submitTime"] = submitted;
        return ComputedDocument.Create(Target, "Action", properties, "Updating");
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

    private static JsonObject Result(JsonObject properties, Node sender, Node receiver, View view)
    {
        var nodes = new JsonArray();
        bool found = true;
        foreach ((int index, (string side, Node network)) in new[] { (Sender, sender), (Receiver, receiver) }.Index())
        {
            string address = (string)properties[$"{side}IpAddress"]!;
            Node? nic = InterfaceAt(address, network, view.Snapshot);
            found &= nic is not null;
            nodes.Add(new JsonObject
            {
                ["nodeType"] = side == Sender ? "Sender" : "Receiver",
                ["nodeSequenceNumber"] = index,
                ["traceOutput"] = nic is null ? [] : new JsonArray($"{address} is {nic.Ref}, MAC {nic.Text("privateMacAddress")}, on {view.Live?.ServerOf(nic) ?? "no host"}."),
                ["errorMessage"] = nic is null ? $"No interface of {network.Ref} has {address}." : "",
            });
        }

        return new JsonObject
        {
            ["status"] = "Failure",
            ["roundTripTimeMSec"] = 0,
            ["errorMessage"] = found ? "No packet was sent: hosts are not asked to yet. Use hnv trace for the way the packet would take." : "One of the addresses is nobody's.",

            // The schema misspells it; the text does not.
            ["nodeOutput"] = nodes,
            ["nodeOuput"] = nodes.DeepClone(),
        };
    }

    private static Node? InterfaceAt(string address, Node network, Snapshot snapshot) => snapshot.All(NetworkInterfaces.Name).FirstOrDefault(nic =>
        nic.ChildrenOf(IpConfigurations.Name).Any(c => c.Text(IpConfigurations.Address) == address
            && c.Reference(IpConfigurations.Subnet)?.StartsWith($"{network.Ref}/", StringComparison.OrdinalIgnoreCase) == true));
}
