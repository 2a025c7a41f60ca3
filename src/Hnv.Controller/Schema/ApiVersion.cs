using System.Collections.Immutable;
using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Hnv.Controller.Schema;

/// <summary>A version token of the URI, <c>v1</c> … <c>v7.1</c> ([MS-NCNBI] §1.7).</summary>
internal readonly record struct ApiVersion(int Major, int Minor = 0) : IComparable<ApiVersion>
{
    public static ApiVersion V1 { get; } = new(1);

    public static ApiVersion V2 { get; } = new(2);

    public static ApiVersion V3 { get; } = new(3);

    public static ApiVersion V4 { get; } = new(4);

    public static ApiVersion V5 { get; } = new(5);

    public static ApiVersion V6 { get; } = new(6);

    /// <summary>Every token, oldest first.</summary>
    public static ImmutableArray<ApiVersion> All { get; } =
        [V1, V2, V3, new(3, 1), new(3, 2), V4, new(4, 2), V5, V6, new(6, 1), new(7), new(7, 1)];

    /// <summary>Reads a known token in either case.</summary>
    public static bool TryParse([NotNullWhen(true)] string? token, out ApiVersion version)
    {
        foreach (ApiVersion known in All)
        {
            if (string.Equals(token, known.ToString(), StringComparison.OrdinalIgnoreCase))
            {
                version = known;
                return true;
            }
        }

        version = default;
        return false;
    }

    public int CompareTo(ApiVersion other) => Major != other.Major ? Major.CompareTo(other.Major) : Minor.CompareTo(other.Minor);

    public override string ToString() =>
        Minor == 0 ? string.Create(CultureInfo.InvariantCulture, $"v{Major}") : string.Create(CultureInfo.InvariantCulture, $"v{Major}.{Minor}");
}
