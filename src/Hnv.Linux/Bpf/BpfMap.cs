using System.Runtime.InteropServices;

namespace Hnv.Linux.Bpf;

/// <summary>A map of the kernel, reached by system calls. Any thread may call.</summary>
public sealed unsafe class BpfMap<TKey, TValue>
    where TKey : unmanaged
    where TValue : unmanaged
{
    private readonly string _name;
    private readonly int _descriptor;
    private readonly BpfObject _owner;

    internal BpfMap(string name, int descriptor, BpfObject owner)
    {
        _name = name;
        _descriptor = descriptor;
        _owner = owner;
    }

    /// <summary>Writes an entry.</summary>
    /// <returns>False when the map is full.</returns>
    /// <exception cref="LinuxException">The kernel refused for another reason.</exception>
    public bool TrySet(in TKey key, in TValue value)
    {
        const int e2big = 7;
        Span<byte> attr = stackalloc byte[BpfProgram.AttrSize];
        attr.Clear();
        fixed (TKey* keys = &key)
        fixed (TValue* values = &value)
        {
            MemoryMarshal.Write(attr, _descriptor);
            MemoryMarshal.Write(attr[8..], (ulong)keys);
            MemoryMarshal.Write(attr[16..], (ulong)values);
            if (BpfProgram.Call(Interop.BPF_MAP_UPDATE_ELEM, attr) == 0)
            {
                GC.KeepAlive(_owner);
                return true;
            }
        }

        return Marshal.GetLastPInvokeError() is e2big or Interop.ENOMEM ? false : throw LinuxException.Last("BPF_MAP_UPDATE_ELEM", _name);
    }

    /// <summary>Reads an entry.</summary>
    public bool TryGet(in TKey key, out TValue value)
    {
        Span<byte> attr = stackalloc byte[BpfProgram.AttrSize];
        attr.Clear();
        value = default;
        fixed (TKey* keys = &key)
        fixed (TValue* values = &value)
        {
            MemoryMarshal.Write(attr, _descriptor);
            MemoryMarshal.Write(attr[8..], (ulong)keys);
            MemoryMarshal.Write(attr[16..], (ulong)values);
            bool found = BpfProgram.Call(Interop.BPF_MAP_LOOKUP_ELEM, attr) == 0;
            GC.KeepAlive(_owner);
            return found;
        }
    }

    /// <summary>Every entry of a hash map. What others write meanwhile may be among them or not.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public List<(TKey Key, TValue Value)> ReadAll()
    {
        const int batch = 4096;
        TKey[] keys = new TKey[batch];
        TValue[] values = new TValue[batch];
        List<(TKey, TValue)> all = [];
        uint cursor = 0, next = 0;
        Span<byte> attr = stackalloc byte[BpfProgram.AttrSize];
        fixed (TKey* firstKey = keys)
        fixed (TValue* firstValue = values)
        {
            for (bool isFirst = true, isLast = false; !isLast; isFirst = false, cursor = next)
            {
                attr.Clear();
                MemoryMarshal.Write(attr, isFirst ? 0UL : (ulong)&cursor);
                MemoryMarshal.Write(attr[8..], (ulong)&next);
                MemoryMarshal.Write(attr[16..], (ulong)firstKey);
                MemoryMarshal.Write(attr[24..], (ulong)firstValue);
                MemoryMarshal.Write(attr[32..], batch);
                MemoryMarshal.Write(attr[36..], _descriptor);
                if (BpfProgram.Call(Interop.BPF_MAP_LOOKUP_BATCH, attr) != 0)
                {
                    int errno = Marshal.GetLastPInvokeError();
                    isLast = errno == Interop.ENOENT;
                    if (!isLast)
                    {
                        throw new LinuxException("BPF_MAP_LOOKUP_BATCH", _name, errno);
                    }
                }

                int count = MemoryMarshal.Read<int>(attr[32..]);
                for (int i = 0; i < count; i++)
                {
                    all.Add((keys[i], values[i]));
                }
            }
        }

        GC.KeepAlive(_owner);
        return all;
    }

    /// <summary>Takes away the entries of a hash map that a condition holds for.</summary>
    /// <exception cref="LinuxException">The kernel refused.</exception>
    public void RemoveWhere(Func<TKey, TValue, bool> condition)
    {
        foreach ((TKey key, TValue value) in ReadAll())
        {
            if (condition(key, value))
            {
                Remove(in key);
            }
        }
    }

    /// <summary>Takes an entry away. Absent is success.</summary>
    public void Remove(in TKey key)
    {
        Span<byte> attr = stackalloc byte[BpfProgram.AttrSize];
        attr.Clear();
        fixed (TKey* keys = &key)
        {
            MemoryMarshal.Write(attr, _descriptor);
            MemoryMarshal.Write(attr[8..], (ulong)keys);
            _ = BpfProgram.Call(Interop.BPF_MAP_DELETE_ELEM, attr);
            GC.KeepAlive(_owner);
        }
    }

    /// <summary>Writes many entries with one system call.</summary>
    /// <returns>How many were written; fewer than asked for when the map is full.</returns>
    public int SetMany(ReadOnlySpan<TKey> keys, ReadOnlySpan<TValue> values)
    {
        fixed (TKey* firstKey = keys)
        fixed (TValue* firstValue = values)
        {
            return Batch(Interop.BPF_MAP_UPDATE_BATCH, firstKey, firstValue, keys.Length);
        }
    }

    /// <summary>Takes many entries away; those that are absent are passed over.</summary>
    public void RemoveMany(ReadOnlySpan<TKey> keys)
    {
        fixed (TKey* first = keys)
        {
            for (int done = 0; done < keys.Length;)
            {
                // The kernel stops at an absent one: go on behind it.
                done += Batch(Interop.BPF_MAP_DELETE_BATCH, first + done, null, keys.Length - done) + 1;
            }
        }
    }

    private int Batch(int command, TKey* keys, TValue* values, int count)
    {
        if (count == 0)
        {
            return 0;
        }

        Span<byte> attr = stackalloc byte[BpfProgram.AttrSize];
        attr.Clear();
        MemoryMarshal.Write(attr[16..], (ulong)keys);
        MemoryMarshal.Write(attr[24..], (ulong)values);
        MemoryMarshal.Write(attr[32..], count);
        MemoryMarshal.Write(attr[36..], _descriptor);
        bool all = BpfProgram.Call(command, attr) == 0;
        GC.KeepAlive(_owner);
        return all ? count : Math.Min(MemoryMarshal.Read<int>(attr[32..]), count);
    }
}
