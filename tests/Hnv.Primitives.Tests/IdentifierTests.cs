namespace Hnv.Primitives.Tests;

public sealed class IdentifierTests
{
    [Theory]
    [InlineData("{11111111-2222-3333-4444-000000005001}")]
    [InlineData("11111111-2222-3333-4444-000000005001")]
    public void RoutingDomainId_WithOrWithoutBraces_PrintsBraced(string text)
    {
        Assert.True(RoutingDomainId.TryParse(text, out RoutingDomainId id));

        Assert.Equal("{11111111-2222-3333-4444-000000005001}", id.ToString());
    }

    [Fact]
    public void NicId_WithBraces_PrintsBare()
    {
        Assert.True(NicId.TryParse("{11111111-2222-3333-4444-000000005001}", out NicId id));

        Assert.Equal("11111111-2222-3333-4444-000000005001", id.ToString());
    }

    [Fact]
    public void Identifiers_Nonsense_AreRefused()
    {
        Assert.False(RoutingDomainId.TryParse("contoso", out _));
        Assert.False(NicId.TryParse(null, out _));
        Assert.False(CustomerAddress.TryParse("10.1", out _));
        Assert.False(ProviderAddress.TryParse("host1", out _));
    }
}
