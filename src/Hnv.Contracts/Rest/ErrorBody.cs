using System.Text.Json.Serialization;

namespace Hnv.Contracts.Rest;

/// <summary>The body of every refused request, at the controller ([MS-NCNBI] §6.33) and on the host channel alike.</summary>
/// <param name="Error">What was wrong.</param>
public sealed record ErrorResponse(ErrorBody Error);

/// <summary>One error. The code is for programs and never changes; the message is for people and says what would be right.</summary>
/// <param name="Code">A code of the documented list, compared case-sensitively.</param>
/// <param name="Message">What failed, on which object, the value, and what would be right.</param>
/// <param name="Target">The resourceRef concerned; null when the request as a whole is wrong.</param>
/// <param name="InnerError">More for a support engineer; never a stack trace.</param>
/// <param name="Details">Further faults of the same request.</param>
public sealed record ErrorBody(
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Target = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? InnerError = null,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] IReadOnlyList<ErrorDetail>? Details = null);

/// <summary>One fault among several of the same request.</summary>
/// <param name="Code">A code of the documented list.</param>
/// <param name="Message">Property, value and what would be right.</param>
/// <param name="Target">The resourceRef concerned.</param>
public sealed record ErrorDetail(
    string Code,
    string Message,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] string? Target = null);
