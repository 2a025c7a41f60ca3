using System.Collections.Immutable;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Hnv.Policy;

namespace Hnv.Southbound;

/// <summary>
/// What became of a list of mappings. Hosts with the same networks are given the same lists, so the difference between two of them is worked out
/// once and not once per host.
/// </summary>
/// <param name="Gone">Mappings that only the old list has.</param>
/// <param name="Come">Mappings that only the new list has.</param>
internal sealed record MappingDifference(IReadOnlyList<CaPaMapping> Gone, IReadOnlyList<CaPaMapping> Come)
{
    private static readonly ConditionalWeakTable<CaPaMapping[], Slot> s_known = [];

    private static MappingDifference None { get; } = new([], []);

    /// <summary>The difference between two lists, neither of which has a mapping twice.</summary>
    public static MappingDifference Between(ImmutableArray<CaPaMapping> old, ImmutableArray<CaPaMapping> now)
    {
        CaPaMapping[] from = ImmutableCollectionsMarshal.AsArray(old) ?? [], to = ImmutableCollectionsMarshal.AsArray(now) ?? [];
        return ReferenceEquals(from, to) ? None : s_known.GetOrCreateValue(to).From(from, to);
    }

    private static MappingDifference Compute(CaPaMapping[] old, CaPaMapping[] now)
    {
        var before = new HashSet<CaPaMapping>(old, ReferenceEqualityComparer.Instance);
        List<CaPaMapping> come = [];
        foreach (CaPaMapping mapping in now)
        {
            if (!before.Remove(mapping))
            {
                come.Add(mapping);
            }
        }

        // What is left is few; among these, equal ones are the same although they were made anew.
        var gone = new HashSet<CaPaMapping>(before);
        come.RemoveAll(gone.Remove);
        return new MappingDifference([.. gone], come);
    }

    /// <summary>The last difference that led to one list; lives as long as that list.</summary>
    private sealed class Slot
    {
        private readonly Lock _gate = new();
        private readonly WeakReference<CaPaMapping[]?> _from = new(null);
        private MappingDifference? _difference;

        public MappingDifference From(CaPaMapping[] old, CaPaMapping[] now)
        {
            lock (_gate)
            {
                if (_difference is null || !_from.TryGetTarget(out CaPaMapping[]? from) || !ReferenceEquals(from, old))
                {
                    _difference = Compute(old, now);
                    _from.SetTarget(old);
                }

                return _difference;
            }
        }
    }
}
