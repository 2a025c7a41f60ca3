using System.Buffers.Binary;
using Hnv.Controller.Model;
using Hnv.Primitives;

namespace Hnv.Controller.Engine;

/// <summary>Kinds of things that only one resource may hold at a time.</summary>
internal enum ClaimKind
{
    InstanceId,
    Vsid,
    Mac,

    /// <summary>The order of a service insertion among those of its owner; <see cref="ClaimKey.Space"/> is the owner.</summary>
    ServiceInsertionPriority,

    /// <summary>A DNS label; <see cref="ClaimKey.Space"/> is the label.</summary>
    DnsLabel,

    /// <summary>An address inside one subnet; <see cref="ClaimKey.Space"/> is the subnet.</summary>
    Address,
}

/// <summary>One thing that can be held: a VSID, a MAC, an address of a subnet.</summary>
internal readonly record struct ClaimKey(ClaimKind Kind, string Space, UInt128 Value)
{
    public static ClaimKey Of(Guid instanceId)
    {
        Span<byte> bytes = stackalloc byte[16];
        _ = instanceId.TryWriteBytes(bytes);
        return new(ClaimKind.InstanceId, "", BinaryPrimitives.ReadUInt128LittleEndian(bytes));
    }

    public static ClaimKey Of(Vsid vsid) => new(ClaimKind.Vsid, "", vsid.Value);

    public static ClaimKey Of(MacAddress mac) => new(ClaimKind.Mac, "", mac.Value);

    public static ClaimKey Of(string subnet, InetAddress address) => new(ClaimKind.Address, Node.KeyOf(subnet), Number(address));

    /// <summary>A number among those of one owner, whose own the numbers are.</summary>
    /// <param name="kind">Of what.</param>
    /// <param name="owner">The tenant; null for the provider.</param>
    /// <param name="number">The number.</param>
    public static ClaimKey OfOwner(ClaimKind kind, string? owner, UInt128 number) => new(kind, OwnerSpace(owner), number);

    /// <summary>A name that all owners share, in any case.</summary>
    public static ClaimKey OfName(ClaimKind kind, string name) => new(kind, name.ToLowerInvariant(), 0);

    /// <summary>The space of what an owner numbers for itself. No reference begins so.</summary>
    public static string OwnerSpace(string? owner) => owner is null ? "" : $"owner:{owner.ToLowerInvariant()}";

    /// <summary>An address as a number to count with.</summary>
    public static UInt128 Number(InetAddress address) => new(address.High, address.Low);

    /// <summary>The address of such a number.</summary>
    public static InetAddress Address(UInt128 number) => InetAddress.FromNumbers((ulong)(number >> 64), (ulong)number);
}

/// <summary>What a node wants to hold, and how to complain when another has it.</summary>
/// <param name="Key">The thing.</param>
/// <param name="Property">The property that asks for it.</param>
/// <param name="Shown">The value as a message shows it.</param>
/// <param name="Code">The code of the refusal.</param>
/// <param name="Advice">What to do then.</param>
internal readonly record struct Claim(ClaimKey Key, string Property, string Shown, string Code, string Advice);

/// <summary>
/// Who holds what, over the whole store: nothing is ever handed out twice. Derived from the documents, so a restart derives it
/// again. Belongs to the writer; a write that is refused rolls its own changes back.
/// </summary>
internal sealed class Holdings
{
    private readonly Dictionary<ClaimKey, string> _holders = [];
    private readonly Dictionary<(ClaimKind Kind, string Space), UInt128> _cursors = [];
    private readonly Dictionary<(ClaimKind Kind, string Space), FreeValues> _free = [];
    private readonly Stack<(ClaimKey Key, string? Before)> _undo = [];

    /// <summary>The holder's resourceRef; null when it is free.</summary>
    public string? HolderOf(ClaimKey key) => _holders.GetValueOrDefault(key);

    /// <summary>Takes it; false when another resource has it.</summary>
    public bool TryTake(ClaimKey key, string holder)
    {
        if (_holders.TryGetValue(key, out string? before))
        {
            return before == holder;
        }

        Take(key, holder);
        _undo.Push((key, null));
        return true;
    }

    /// <summary>Lets everything go that a tree holds.</summary>
    public void Release(Node root)
    {
        foreach (Node node in root.SelfAndDescendants())
        {
            foreach (ClaimKey key in KeysOf(node))
            {
                if (_holders.GetValueOrDefault(key) == node.Ref)
                {
                    _undo.Push((key, node.Ref));
                    Free(key);
                }
            }
        }
    }

    /// <summary>Takes everything a stored tree holds, when the store is read.</summary>
    public void Restore(Node root)
    {
        foreach (Node node in root.SelfAndDescendants())
        {
            foreach (ClaimKey key in KeysOf(node))
            {
                _ = _holders.TryAdd(key, node.Ref);
                (ClaimKind, string) space = (key.Kind, key.Space);
                if (!_cursors.TryGetValue(space, out UInt128 cursor) || cursor < key.Value)
                {
                    _cursors[space] = key.Value;
                }
            }
        }
    }

    /// <summary>Forgets everything, before the store is read again.</summary>
    public void Clear()
    {
        _holders.Clear();
        _cursors.Clear();
        _free.Clear();
        _undo.Clear();
    }

    /// <summary>Takes the lowest free value of a range that is not to be skipped; false when there is none.</summary>
    public bool TryTakeLowest(Func<UInt128, ClaimKey> keyOf, UInt128 first, UInt128 last, Func<UInt128, bool>? skip, string holder, out UInt128 value)
    {
        ClaimKey sample = keyOf(first);
        if (!_free.TryGetValue((sample.Kind, sample.Space), out FreeValues? free))
        {
            _free[(sample.Kind, sample.Space)] = free = new FreeValues();
        }

        UInt128 from = free.UntouchedFrom(first);
        foreach (UInt128 given in from > first ? free.GivenBack(first, UInt128.Min(last, from - 1)) : [])
        {
            if (skip?.Invoke(given) != true)
            {
                value = given;
                Take(keyOf(value), holder);
                _undo.Push((keyOf(value), null));
                return true;
            }
        }

        // From the beginning only before it is said that nothing is free: what was to be skipped once need not be for ever.
        if (TryTakeFirst(keyOf, from, last, skip, holder, out value))
        {
            free.Touched(first, value);
            return true;
        }

        return from > first && TryTakeFirst(keyOf, first, last, skip, holder, out value);
    }

    /// <summary>
    /// Takes the first free value behind the one handed out last, starting over at the end of the range: what was given back rests
    /// as long as possible before anyone gets it again.
    /// </summary>
    public bool TryTakeNext(Func<UInt128, ClaimKey> keyOf, UInt128 first, UInt128 last, Func<UInt128, bool>? skip, string holder, out UInt128 value)
    {
        ClaimKey sample = keyOf(first);
        UInt128 cursor = _cursors.GetValueOrDefault((sample.Kind, sample.Space));
        UInt128 from = cursor >= first && cursor < last ? cursor + 1 : first;
        if (TryTakeFirst(keyOf, from, last, skip, holder, out value)
            || (from > first && TryTakeFirst(keyOf, first, from - 1, skip, holder, out value)))
        {
            _cursors[(sample.Kind, sample.Space)] = value;
            return true;
        }

        return false;
    }

    /// <summary>Makes the changes since the last call final.</summary>
    public void Accept() => _undo.Clear();

    /// <summary>Takes the changes since the last <see cref="Accept"/> back.</summary>
    public void RollBack()
    {
        while (_undo.TryPop(out (ClaimKey Key, string? Before) change))
        {
            if (change.Before is null)
            {
                Free(change.Key);
            }
            else
            {
                Take(change.Key, change.Before);
            }
        }
    }

    private bool TryTakeFirst(Func<UInt128, ClaimKey> keyOf, UInt128 first, UInt128 last, Func<UInt128, bool>? skip, string holder, out UInt128 value)
    {
        for (value = first; value <= last; value++)
        {
            ClaimKey key = keyOf(value);
            if (skip?.Invoke(value) != true && !_holders.ContainsKey(key))
            {
                Take(key, holder);
                _undo.Push((key, null));
                return true;
            }
        }

        value = default;
        return false;
    }

    private void Take(ClaimKey key, string holder)
    {
        _holders[key] = holder;
        if (_free.Count > 0 && _free.TryGetValue((key.Kind, key.Space), out FreeValues? free))
        {
            free.Take(key.Value);
        }
    }

    private void Free(ClaimKey key)
    {
        _holders.Remove(key);
        if (_free.Count > 0 && _free.TryGetValue((key.Kind, key.Space), out FreeValues? free))
        {
            free.GiveBack(key.Value);
        }
    }

    private static IEnumerable<ClaimKey> KeysOf(Node node) =>
        (node.Type.Claims?.Invoke(node) ?? []).Select(c => c.Key).Append(ClaimKey.Of(node.InstanceId));
}

/// <summary>
/// Where the lowest free value of a space may be, so that nobody has to count through those that are held: up to where each range has been
/// handed out, and what was given back below.
/// </summary>
internal sealed class FreeValues
{
    private readonly Dictionary<UInt128, UInt128> _untouched = [];
    private readonly SortedSet<UInt128> _givenBack = [];

    /// <summary>Values of a range that were given back, lowest first.</summary>
    public IEnumerable<UInt128> GivenBack(UInt128 first, UInt128 last) => _givenBack.GetViewBetween(first, last);

    /// <summary>From where on a range was never counted through.</summary>
    public UInt128 UntouchedFrom(UInt128 first) => _untouched.GetValueOrDefault(first, first);

    /// <summary>Everything of a range up to a value is held, or to be skipped.</summary>
    public void Touched(UInt128 first, UInt128 value) => _untouched[first] = value + 1;

    public void Take(UInt128 value) => _givenBack.Remove(value);

    public void GiveBack(UInt128 value) => _givenBack.Add(value);
}
