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

        _holders[key] = holder;
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
                    _holders.Remove(key);
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
        _undo.Clear();
    }

    /// <summary>Takes the lowest free value of a range that is not to be skipped; false when there is none.</summary>
    public bool TryTakeLowest(Func<UInt128, ClaimKey> keyOf, UInt128 first, UInt128 last, Func<UInt128, bool>? skip, string holder, out UInt128 value)
    {
        for (value = first; value <= last; value++)
        {
            ClaimKey key = keyOf(value);
            if (skip?.Invoke(value) != true && _holders.TryAdd(key, holder))
            {
                _undo.Push((key, null));
                return true;
            }
        }

        value = default;
        return false;
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
        if (TryTakeLowest(keyOf, from, last, skip, holder, out value)
            || (from > first && TryTakeLowest(keyOf, first, from - 1, skip, holder, out value)))
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
                _holders.Remove(change.Key);
            }
            else
            {
                _holders[change.Key] = change.Before;
            }
        }
    }

    private static IEnumerable<ClaimKey> KeysOf(Node node) =>
        (node.Type.Claims?.Invoke(node) ?? []).Select(c => c.Key).Append(ClaimKey.Of(node.InstanceId));
}
