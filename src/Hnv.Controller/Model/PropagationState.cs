using System.Text.Json;
using System.Xml;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Model;

/// <summary>How far the last change of a top-level resource is on the hosts it concerns; <c>x-openhnv-propagated</c>.</summary>
/// <param name="ETag">The version of the resource this is about.</param>
internal sealed record PropagationState(string ETag)
{
    /// <summary>Its name in a document, beside <c>etag</c>.</summary>
    public const string Property = "x-openhnv-propagated";

    /// <summary>True once every host concerned has said that it is in force in its switch.</summary>
    public bool Enforced { get; init; }

    /// <summary>When it was accepted; null when that was in another controller's time.</summary>
    public DateTimeOffset? AcceptedAt { get; init; }

    /// <summary>From accepted to the last host's word; null while one is missing, and when nobody measured.</summary>
    public TimeSpan? After { get; init; }

    /// <summary>Hosts that had to be told; null until it is planned.</summary>
    public int? Hosts { get; init; }

    /// <summary>How many of them have not said that it is in force.</summary>
    public int PendingHosts { get; init; }

    /// <summary>resourceRefs of the first of those.</summary>
    public IReadOnlyList<string> Pending { get; init; } = [];

    /// <summary>Prints it.</summary>
    /// <param name="json">Where to.</param>
    /// <param name="who">Who looks: hosts are the provider's.</param>
    /// <param name="failed">The resource's configurationState is Failure: some host has the change and does not do what it says.</param>
    public void Write(Utf8JsonWriter json, Visibility who, bool failed)
    {
        json.WriteStartObject(Property);
        json.WriteString("etag", ETag);
        json.WriteBoolean("enforced", Enforced && !failed);
        if (AcceptedAt is { } at)
        {
            json.WriteString("acceptedAt", at.UtcDateTime);
        }

        if (After is { } after && !failed)
        {
            json.WriteString("after", XmlConvert.ToString(after));
        }

        if (who.Tenant is null && Hosts is { } hosts)
        {
            json.WriteNumber("hosts", hosts);
            json.WriteNumber("pendingHosts", PendingHosts);
            json.WriteStartArray("pending");
            foreach (string reference in Pending)
            {
                json.WriteStartObject();
                json.WriteString(ReferenceSchema.Member, reference);
                json.WriteEndObject();
            }

            json.WriteEndArray();
        }

        json.WriteEndObject();
    }
}
