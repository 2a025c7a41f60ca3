namespace Hnv.Compiler;

/// <summary>
/// The order of the layers. The numbers are ours, Windows publishes none; the gaps are for the layers between (meter, NAT).
/// </summary>
internal static class LayerPriorities
{
    public const int FirewallAdmin = 100;
    public const int FirewallController = 200;
    public const int DistributedRouter = 500;
    public const int MacRewrite = 600;
    public const int Encap = 700;
    public const int PaRoute = 800;

    /// <summary>The one group of its direction and family; the number is the one Windows shows.</summary>
    public const int Group = 200;
}
