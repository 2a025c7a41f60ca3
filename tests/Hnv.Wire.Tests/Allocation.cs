namespace Hnv.Wire.Tests;

/// <summary>Holds the packet path to allocating nothing, exactly.</summary>
internal static class Allocation
{
    private const int RoundsMax = 5;

    /// <summary>
    /// Asserts that a step, once warm, allocates no byte. A collection that a test beside this one sets off gives back the rest of this thread's
    /// allocation quantum, which counts as allocated; that is rare and does not repeat, whereas what a step allocates it allocates in every round.
    /// </summary>
    public static void AssertNone(int times, Action step)
    {
        step();
        long least = long.MaxValue;
        for (int round = 0; round < RoundsMax && least != 0; round++)
        {
            long before = GC.GetAllocatedBytesForCurrentThread();
            for (int i = 0; i < times; i++)
            {
                step();
            }

            least = Math.Min(least, GC.GetAllocatedBytesForCurrentThread() - before);
        }

        Assert.Equal(0, least);
    }
}
