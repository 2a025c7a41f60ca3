using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;
using Hnv.Primitives;

namespace Hnv.Controller.Resources;

/// <summary><c>macPools</c> (7.9): where dynamic MACs come from, for machines and for provider addresses alike.</summary>
internal static class MacPools
{
    public const string Name = "macPools";

    private const string Invalid = "InvalidMacAddressForMacPool";

    public static ResourceType Create() => new(Name)
    {
        Validate = Validate,
        Affects = (_, snapshot) => Servers.WithoutProviderAddress(snapshot),
        WhyKeep = (pool, snapshot, _) => Allocated(pool, snapshot) is > 0 and int count ? $"{count} of its addresses are allocated." : null,
        Properties = new(
        [
            new("startMacAddress", new MacSchema(dashes: true)) { Required = true, Immutable = true, InvalidCode = Invalid },
            new("endMacAddress", new MacSchema(dashes: true)) { Required = true, Immutable = true, InvalidCode = Invalid },
            new("usage", new DerivedSchema(DerivedSchema.Map)) { Access = Access.ReadOnly, Compute = Usage },
        ]),
    };

    /// <summary>Takes a free MAC of any pool for a resource; null when every pool is exhausted or there is none.</summary>
    public static MacAddress? Allocate(RuleContext rule, string holder)
    {
        foreach (Node pool in rule.Before.All(Name))
        {
            (ulong first, ulong last) = Range(pool);
            if (rule.Holdings.TryTakeNext(v => ClaimKey.Of(MacAddress.FromNumber((ulong)v)), first, last, null, holder, out UInt128 value))
            {
                return MacAddress.FromNumber((ulong)value);
            }
        }

        return null;
    }

    private static (ulong First, ulong Last) Range(Node pool) =>
        (MacAddress.Parse(pool.Text("startMacAddress")!).Value, MacAddress.Parse(pool.Text("endMacAddress")!).Value);

    private static void Validate(RuleContext pool)
    {
        if (pool.Node.Text("startMacAddress") is not { } startText || pool.Node.Text("endMacAddress") is not { } endText)
        {
            return;
        }

        MacAddress start = MacAddress.Parse(startText);
        MacAddress end = MacAddress.Parse(endText);
        if (start.CompareTo(end) > 0)
        {
            pool.Fail(Invalid, "endMacAddress", $"{end} comes before startMacAddress {start}.");
        }
        else if (start.IsMulticast || end.IsMulticast || start.Value >> 40 != end.Value >> 40)
        {
            // A range that crosses into another first byte crosses an odd one, or is absurdly large.
            pool.Fail("MacPoolContainsMulticastAddresses", "startMacAddress", $"{start} … {end} contains group addresses. Stay within one even first byte, for example 00-1D-D8-B7-1C-00 … 00-1D-D8-B7-1F-FF.");
        }

        foreach (Node other in pool.Before.All(Name).Where(p => p.Key != pool.Node.Key))
        {
            (ulong first, ulong last) = Range(other);
            if (start.Value <= last && first <= end.Value)
            {
                pool.Fail(Invalid, "startMacAddress", $"{start} … {end} overlaps {other.Text("startMacAddress")} … {other.Text("endMacAddress")} of {other.Ref}.");
            }
        }
    }

    private static int Allocated(Node pool, Snapshot snapshot)
    {
        (ulong first, ulong last) = Range(pool);
        IEnumerable<string?> macs = snapshot.All(NetworkInterfaces.Name).Select(n => n.Text("privateMacAddress"))
            .Concat(snapshot.All(Servers.Name).SelectMany(s => s.ChildrenOf(Servers.Interfaces)).Select(n => (string?)n.Properties[Servers.ProviderAddress]?["macAddress"]));
        return macs.Count(m => MacAddress.TryParse(m, out MacAddress mac) && mac.Value >= first && mac.Value <= last);
    }

    private static JsonObject Usage(Node pool, View view)
    {
        (ulong first, ulong last) = Range(pool);
        return new JsonObject
        {
            ["numberOfMacAddresses"] = last - first + 1,
            ["numberofMacAddressesAllocated"] = Allocated(pool, view.Snapshot),
        };
    }
}
