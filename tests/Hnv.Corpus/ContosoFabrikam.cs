using Hnv.Primitives;

namespace Hnv.Corpus;

/// <summary>
/// The one story of all tests, the Microsoft text's figure 8: two tenants with the same addresses on two hosts.
/// <code>
///              Contoso, VSID 5001            Fabrikam, VSID 6001
///  host 1      SQL 10.1.1.11                 SQL 10.1.1.11            PA 192.168.1.10
///  host 2      Web 10.1.1.12                 Web 10.1.1.12            PA 192.168.2.20
/// </code>
/// </summary>
public static class ContosoFabrikam
{
    /// <summary>Contoso's virtual subnet.</summary>
    public static Vsid ContosoVsid { get; } = Vsid.Create(5001);

    /// <summary>Fabrikam's virtual subnet.</summary>
    public static Vsid FabrikamVsid { get; } = Vsid.Create(6001);

    /// <summary>Contoso's virtual network.</summary>
    public static RoutingDomainId ContosoRdid { get; } = new(new Guid("11111111-2222-3333-4444-000000005001"));

    /// <summary>Fabrikam's virtual network.</summary>
    public static RoutingDomainId FabrikamRdid { get; } = new(new Guid("11111111-2222-3333-4444-000000006001"));

    /// <summary>The prefix both tenants use.</summary>
    public static IpPrefix Subnet { get; } = IpPrefix.Parse("10.1.1.0/24");

    /// <summary>Both tenants' default gateway.</summary>
    public static InetAddress Gateway { get; } = InetAddress.Parse("10.1.1.1");

    /// <summary>Both tenants' SQL machine, on host 1.</summary>
    public static InetAddress Sql { get; } = InetAddress.Parse("10.1.1.11");

    /// <summary>Both tenants' Web machine, on host 2.</summary>
    public static InetAddress Web { get; } = InetAddress.Parse("10.1.1.12");

    /// <summary>The IPv6 prefix both tenants use.</summary>
    public static IpPrefix SubnetV6 { get; } = IpPrefix.Parse("2001:db8:1:1::/64");

    /// <summary>Both tenants' IPv6 default gateway.</summary>
    public static InetAddress GatewayV6 { get; } = InetAddress.Parse("2001:db8:1:1::1");

    /// <summary>Both tenants' SQL machine.</summary>
    public static InetAddress SqlV6 { get; } = InetAddress.Parse("2001:db8:1:1::11");

    /// <summary>Both tenants' Web machine.</summary>
    public static InetAddress WebV6 { get; } = InetAddress.Parse("2001:db8:1:1::12");

    /// <summary>The distributed router's MAC.</summary>
    public static MacAddress RouterMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-00");

    /// <summary>Contoso's SQL machine.</summary>
    public static MacAddress ContosoSqlMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-06");

    /// <summary>Contoso's Web machine.</summary>
    public static MacAddress ContosoWebMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-07");

    /// <summary>Fabrikam's SQL machine.</summary>
    public static MacAddress FabrikamSqlMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-16");

    /// <summary>Fabrikam's Web machine.</summary>
    public static MacAddress FabrikamWebMac { get; } = MacAddress.Parse("00-1D-D8-B7-1C-17");

    /// <summary>Host 1.</summary>
    public static ProviderAddress Host1 { get; } = ProviderAddress.Parse("192.168.1.10");

    /// <summary>Host 2, in another provider subnet.</summary>
    public static ProviderAddress Host2 { get; } = ProviderAddress.Parse("192.168.2.20");

    /// <summary>The beginning of a frame of Contoso from Web to SQL.</summary>
    public static FrameBuilder WebToSql => FrameBuilder.Ethernet(ContosoWebMac, ContosoSqlMac).IP(Web, Sql);

    /// <summary>The beginning of a frame of Contoso from SQL to Web.</summary>
    public static FrameBuilder SqlToWeb => FrameBuilder.Ethernet(ContosoSqlMac, ContosoWebMac).IP(Sql, Web);

    /// <summary>The IPv6 twin of <see cref="WebToSql"/>.</summary>
    public static FrameBuilder WebToSqlV6 => FrameBuilder.Ethernet(ContosoWebMac, ContosoSqlMac).IP(WebV6, SqlV6);
}
