using System.Text.Json.Nodes;

namespace Hnv.Controller.Schema;

/// <summary>Where in a request a value stands, and where to complain about it.</summary>
/// <param name="Target">resourceRef of the resource being read.</param>
/// <param name="Property">Path of the property inside it.</param>
/// <param name="Version">The URI version of the request.</param>
/// <param name="Code">The code of a value that is not acceptable here.</param>
/// <param name="Errors">Collects what is wrong.</param>
internal readonly record struct ReadScope(string Target, string Property, ApiVersion Version, string Code, PolicyErrors Errors)
{
    /// <summary>What is stored of it; null when nothing is, and for entries of a list.</summary>
    public JsonNode? Stored { get; init; }

    /// <summary>Notes that a value is wrong; returns null so that a reader can end with it.</summary>
    public JsonNode? Fail(string value, string expected, string? code = null)
    {
        Errors.Add(new PolicyError(code ?? Code, Target, $"{Target}: {Property} {value} is not acceptable. {expected}"));
        return null;
    }

    public ReadScope At(string member) => this with { Property = $"{Property}.{member}", Stored = null };

    public ReadScope At(int index) => this with { Property = $"{Property}[{index}]", Stored = null };
}
