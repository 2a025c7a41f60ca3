using System.Collections.Immutable;

namespace Hnv.Controller.Planning;

/// <summary>Machines by something they have in common, in order of creation. Immutable; a change shares what did not change.</summary>
internal sealed class MachineIndex<TKey>
    where TKey : notnull
{
    private readonly ImmutableDictionary<TKey, ImmutableSortedDictionary<long, PlannedNetworks.Machine>> _machines;

    private MachineIndex(ImmutableDictionary<TKey, ImmutableSortedDictionary<long, PlannedNetworks.Machine>> machines) => _machines = machines;

    /// <summary>Those of one key; none for a key that nobody has.</summary>
    public IEnumerable<PlannedNetworks.Machine> this[TKey key] => _machines.GetValueOrDefault(key)?.Values ?? [];

    public static MachineIndex<TKey> Of(IEnumerable<PlannedNetworks.Machine> machines, Func<PlannedNetworks.Machine, TKey> keyOf) =>
        new(machines.GroupBy(keyOf).ToImmutableDictionary(group => group.Key, group => group.ToImmutableSortedDictionary(machine => machine.Nic.Sequence, machine => machine)));

    public MachineIndex<TKey> With(TKey key, PlannedNetworks.Machine machine) => new(_machines.SetItem(
        key, (_machines.GetValueOrDefault(key) ?? ImmutableSortedDictionary<long, PlannedNetworks.Machine>.Empty).SetItem(machine.Nic.Sequence, machine)));

    public MachineIndex<TKey> Without(TKey key, PlannedNetworks.Machine machine)
    {
        if (!_machines.TryGetValue(key, out ImmutableSortedDictionary<long, PlannedNetworks.Machine>? of))
        {
            return this;
        }

        of = of.Remove(machine.Nic.Sequence);
        return new(of.IsEmpty ? _machines.Remove(key) : _machines.SetItem(key, of));
    }
}
