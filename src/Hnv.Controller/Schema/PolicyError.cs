using Hnv.Contracts.Rest;

namespace Hnv.Controller.Schema;

/// <summary>One thing wrong with a request.</summary>
/// <param name="Code">A documented code.</param>
/// <param name="Target">The resourceRef it is wrong on.</param>
/// <param name="Message">Property, value, and what would be right.</param>
/// <param name="Status">Overrides the status that belongs to the code.</param>
internal sealed record PolicyError(string Code, string Target, string Message, int? Status = null)
{
    public int HttpStatus => Status ?? ErrorCodes.StatusOf(Code);
}

/// <summary>Collects every fault of a request, so that one answer names them all.</summary>
internal sealed class PolicyErrors
{
    // A hostile body could hold a fault per line; a person reads a handful.
    private const int CountMax = 50;

    private readonly List<PolicyError> _all = [];

    public bool Any => _all.Count > 0;

    public void Add(PolicyError error)
    {
        if (_all.Count < CountMax)
        {
            _all.Add(error);
        }
    }

    public void ThrowIfAny()
    {
        if (Any)
        {
            throw new RefusedException(_all);
        }
    }
}

/// <summary>A request that is refused; nothing was changed. Mapped once, at the HTTP edge, to the documented error body.</summary>
internal sealed class RefusedException(IReadOnlyList<PolicyError> errors) : Exception(errors[0].Message)
{
    public RefusedException(string code, string target, string message, int? status = null)
        : this([new PolicyError(code, target, message, status)])
    {
    }

    public IReadOnlyList<PolicyError> Errors { get; } = errors;

    /// <summary>A request that is wrong on its own outranks one that only came at a bad moment.</summary>
    public int Status => Errors.Min(e => e.HttpStatus);

    public ErrorBody ToBody()
    {
        PolicyError first = Errors.First(e => e.HttpStatus == Status);
        List<ErrorDetail>? details = first.Code == ErrorCodes.InvalidRequestFormat || Errors.Count > 1
            ? [.. Errors.Select(e => new ErrorDetail(e.Code, e.Message, e.Target))]
            : null;
        return new ErrorBody(first.Code, first.Message, first.Target.Length == 0 ? null : first.Target, null, details);
    }
}
