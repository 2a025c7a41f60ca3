namespace Hnv.Controller.Model;

/// <summary>
/// The keys of what was changed lately, newest first, so that two snapshots of one history are compared by what lies between them. A persistent
/// list: every snapshot holds the step that made it. The far end is cut off now and then, so no more than <see cref="StepsMax"/> steps are held.
/// </summary>
internal sealed class ChangeTrail
{
    /// <summary>Most steps that are remembered; half as many always are.</summary>
    public const int StepsMax = 2 * Section;

    private const int Section = 8192;

    private readonly string _key;
    private readonly long _number;

    // The newest step that begins a section; where the trail is cut, one section later.
    private readonly ChangeTrail _section;
    private volatile ChangeTrail? _before;

    private ChangeTrail(string key, ChangeTrail? before)
    {
        _key = key;
        _before = before;
        _number = before is null ? 0 : before._number + 1;
        if (_number % Section == 0)
        {
            // SAFETY: whoever walks over a cut at this moment meets the end early, and compares everything instead.
            if (before is not null)
            {
                before._section._before = null;
            }

            _section = this;
        }
        else
        {
            _section = before!._section;
        }
    }

    /// <summary>The beginning of a history.</summary>
    public static ChangeTrail Begin() => new("", null);

    /// <summary>One step further.</summary>
    public ChangeTrail Then(string key) => new(key, this);

    /// <summary>What was changed since an earlier step, each key once; null when that step is not known any more, or is of another history.</summary>
    public IReadOnlyCollection<string>? Since(ChangeTrail earlier)
    {
        var keys = new HashSet<string>();
        for (ChangeTrail? step = this; step is not null && step._number >= earlier._number; step = step._before)
        {
            if (ReferenceEquals(step, earlier))
            {
                return keys;
            }

            keys.Add(step._key);
        }

        return null;
    }
}
