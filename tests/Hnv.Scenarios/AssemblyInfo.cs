// Every class brings up a lab of its own; two at once would only disturb each other's time.
[assembly: CollectionBehavior(DisableTestParallelization = true)]
