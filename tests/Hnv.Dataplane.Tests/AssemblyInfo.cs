// One class at a time: some tests measure the whole process (allocations) or the machine (throughput), and a neighbour would be measured with them.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
