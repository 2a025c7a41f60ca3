namespace Hnv.Contracts.Rest;

/// <summary>The envelope every resource wears ([MS-NCNBI] §2.2.2). Members the caller leaves null are not sent.</summary>
/// <typeparam name="TProperties">What is particular to the resource type.</typeparam>
public sealed record Resource<TProperties>
{
    /// <summary>The name, unique per type or per parent; required for inline children.</summary>
    public string? ResourceId { get; init; }

    /// <summary>Where it is, from the collection on: <c>/virtualNetworks/contoso</c>. Set by the controller.</summary>
    public string? ResourceRef { get; init; }

    /// <summary>A GUID of its own; one sent at creation is honoured when free.</summary>
    public string? InstanceId { get; init; }

    /// <summary>Opaque version of the document, for <c>If-Match</c>. Set by the controller.</summary>
    public string? Etag { get; init; }

    /// <summary>Free key-value pairs of the caller.</summary>
    public IReadOnlyDictionary<string, string>? Tags { get; init; }

    /// <summary>The resource itself.</summary>
    public TProperties? Properties { get; init; }
}

/// <summary>A pointer to another resource.</summary>
/// <param name="ResourceRef">For example <c>/virtualNetworks/contoso/subnets/s1</c>.</param>
public sealed record ResourceReference(string ResourceRef);

/// <summary>The answer to a GET of a collection; never paged.</summary>
/// <param name="Value">The members in order of creation.</param>
/// <param name="NextLink">Always the empty string.</param>
public sealed record ResourceCollection<TProperties>(IReadOnlyList<Resource<TProperties>> Value, string NextLink = "");

/// <summary>What really happened to a resource on the hosts, independent of <c>provisioningState</c> ([MS-NCNBI] §2.2.4).</summary>
/// <param name="Status">Uninitialized, InProgress, Success, Warning or Failure: the worst of the details.</param>
/// <param name="LastUpdatedTime">ISO 8601 time of the last change.</param>
/// <param name="Id">instanceId of the resource concerned.</param>
/// <param name="DetailedInfo">One entry for each thing to say.</param>
public sealed record ConfigurationState(
    string Status,
    string? LastUpdatedTime = null,
    string? Id = null,
    IReadOnlyList<ConfigurationDetail>? DetailedInfo = null);

/// <summary>One line of a configuration state.</summary>
/// <param name="Source">The part that speaks, for example <c>VirtualSwitch</c>.</param>
/// <param name="Code">For example <c>HostNotConnectedToController</c>.</param>
/// <param name="Message">For people.</param>
public sealed record ConfigurationDetail(string Source, string Code, string Message);

/// <summary>Members that several property bags share. Set by the controller.</summary>
public abstract record ResourceProperties
{
    /// <summary>Updating, Deleting, Succeeded or Failed: what the controller made of the document.</summary>
    public string? ProvisioningState { get; init; }

    /// <summary>What the hosts made of it; absent before anything was tried.</summary>
    public ConfigurationState? ConfigurationState { get; init; }
}
