using System.Collections.Frozen;
using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;

namespace Hnv.Controller.Schema;

/// <summary>
/// Everything the engine knows about one resource type: what it holds, what it may point at, what must be true of it, and what is
/// allocated for it. A new resource type is one more of these; the engine does not change.
/// </summary>
internal sealed class ResourceType
{
    private readonly PropertyTable _properties = new([]);
    private readonly FrozenDictionary<string, int> _childIndex = FrozenDictionary<string, int>.Empty;

    public ResourceType(string name) => Name = Path = name;

    /// <summary>The collection's name in URIs and, for children, the property that holds them.</summary>
    public string Name { get; }

    /// <summary>The collection's name in a resourceRef, where that is another one.</summary>
    public string Segment { get => field ?? Name; init; }

    /// <summary>Collections from the top, <c>virtualNetworks/subnets</c>.</summary>
    public string Path { get; private set; }

    /// <summary>The one resourceId of a singleton; null for collections.</summary>
    public string? SingletonId { get; init; }

    /// <summary>False for a singleton that is not there before its first PUT.</summary>
    public bool IsPreset { get; init; } = true;

    /// <summary>What a singleton says before its first PUT.</summary>
    public JsonObject Preset { get; } = [];

    /// <summary>True for a singleton whose URI ends with its type.</summary>
    public bool IsBare { get; init; }

    /// <summary>The first URI version that serves it.</summary>
    public ApiVersion Since { get; init; } = ApiVersion.V1;

    /// <summary>False for children that are read and written with their parent only.</summary>
    public bool Addressable { get; init; } = true;

    /// <summary>Another name that a child collection is read under; null when there is none.</summary>
    public string? Alias { get; init; }

    /// <summary>False for what only the controller writes.</summary>
    public bool Writable { get; init; } = true;

    /// <summary>False for the one document without an etag.</summary>
    public bool HasETag { get; init; } = true;

    /// <summary>True when a change has to reach hosts, so that a PUT answers Updating.</summary>
    public bool Asynchronous { get; init; }

    /// <summary>The code of a DELETE that dependents forbid.</summary>
    public string InUseCode { get; init; } = ErrorCodes.ResourceInUse;

    /// <summary>Another such code where a resource of some type is the dependent; by path of that type.</summary>
    public Dictionary<string, string> InUseCodeOf { get; } = [];

    /// <summary>What it holds, in the order it is printed.</summary>
    public PropertyTable Properties
    {
        get => _properties;
        init => _properties = value;
    }

    /// <summary>What it holds beside <c>properties</c>, at the top level of the document.</summary>
    public PropertyTable Envelope { get; init; } = new([]);

    /// <summary>Child types, in the order they are printed.</summary>
    public IReadOnlyList<ResourceType> Children
    {
        get;
        init
        {
            field = value;
            _childIndex = value
                .SelectMany((child, index) => new[] { child.Name, child.Segment }.Distinct().Select(name => KeyValuePair.Create(name, index)))
                .ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
            foreach (ResourceType child in value)
            {
                child.Rebase(Path);
            }
        }
    }
    = [];

    /// <summary>Checks one node of a changed tree, children included, and complains.</summary>
    public Action<RuleContext>? Validate { get; init; }

    /// <summary>Fills in what the controller gives: identifiers and addresses. Runs after everything was found right.</summary>
    public Action<RuleContext>? Allocate { get; init; }

    /// <summary>What a node holds exclusively.</summary>
    public Func<Node, IEnumerable<Claim>>? Claims { get; init; }

    /// <summary>Why a node may not go although nobody refers to it; null when it may. Where there are hosts, they are asked too.</summary>
    public Func<Node, Snapshot, ILiveState?, string?>? WhyKeep { get; init; }

    /// <summary>Trees that may get something allocated now that a tree of this type has changed.</summary>
    public Func<Node, Snapshot, IEnumerable<Node>>? Affects { get; init; }

    /// <summary>What a change of a tree of this type writes into other trees: each with the edit of a copy of it.</summary>
    public Func<Node, Snapshot, IEnumerable<(Node Tree, Action<Node> Edit)>>? WritesTo { get; init; }

    /// <summary>
    /// Work that the PUT which creates one starts, and that goes on after it was answered: gives the read-only properties that tell the outcome.
    /// </summary>
    public Func<Node, ResourceEngine, CancellationToken, Task<JsonObject>>? Action { get; init; }

    /// <summary>The outcome of such work that was cut short.</summary>
    public Func<string, JsonObject> ActionFailed { get; init; } = message => new JsonObject { ["errorMessage"] = message };

    /// <summary>True when nothing else may be changed while that work is under way.</summary>
    public bool ActionIsExclusive { get; init; }

    /// <summary>Position of a child collection among <see cref="Children"/>; -1 when there is none of that name.</summary>
    public int ChildIndex(string name) => _childIndex.GetValueOrDefault(name, -1);

    private void Rebase(string parent)
    {
        Path = $"{parent}/{Path}";
        foreach (ResourceType child in Children)
        {
            child.Rebase(parent);
        }
    }
}
