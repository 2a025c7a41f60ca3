namespace Hnv.Compiler;

/// <summary>
/// The order of the layers, nearest to the guest first. The numbers are ours, Windows publishes none.
/// </summary>
internal static class LayerPriorities
{
    public const int Qos = 40;
    public const int Mirror = 50;
    public const int FirewallAdmin = 100;
    public const int FirewallController = 200;
    public const int Meter = 300;
    public const int Nat = 400;
    public const int DistributedRouter = 500;
    public const int MacRewrite = 600;
    public const int Encap = 700;
    public const int PaRoute = 800;

    /// <summary>The one group of its direction and family; the number is the one Windows shows.</summary>
    public const int Group = 200;
}
