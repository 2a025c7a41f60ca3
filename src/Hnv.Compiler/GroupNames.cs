using Hnv.Primitives;

namespace Hnv.Compiler;

/// <summary>Group names in the manner of Windows: <c>VNET_GROUP_ENCAP_IPV4_OUT</c>.</summary>
internal static class GroupNames
{
    public static string Of(string stem, Direction direction, bool isIPv4) =>
        $"{stem}_{(isIPv4 ? "IPV4" : "IPV6")}_{(direction == Direction.Outbound ? "OUT" : "IN")}";
}
