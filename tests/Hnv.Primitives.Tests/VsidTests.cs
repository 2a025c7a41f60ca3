namespace Hnv.Primitives.Tests;

public sealed class VsidTests
{
    [Theory]
    [InlineData(0u, false)]
    [InlineData(4095u, false)]
    [InlineData(4096u, true)]
    [InlineData(5001u, true)]
    [InlineData(16777214u, true)]
    [InlineData(16777215u, false)]
    [InlineData(uint.MaxValue, false)]
    public void TryCreate_AtTheBounds_TakesOnlyAssignableIds(uint value, bool assignable)
    {
        Assert.Equal(assignable, Vsid.TryCreate(value, out Vsid vsid));

        Assert.Equal(assignable ? value : 0, vsid.Value);
    }

    [Fact]
    public void Create_OutOfRange_NamesTheValueAndTheRange()
    {
        ArgumentOutOfRangeException thrown = Assert.Throws<ArgumentOutOfRangeException>(() => Vsid.Create(4095));

        Assert.Equal(4095u, thrown.ActualValue);
        Assert.Contains("4096", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("16777214", thrown.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("5001", true)]
    [InlineData("16777214", true)]
    [InlineData("4095", false)]
    [InlineData("16777215", false)]
    [InlineData("4294972297", false)]
    [InlineData("-5001", false)]
    [InlineData(" 5001", false)]
    [InlineData("5,001", false)]
    [InlineData("0x1389", false)]
    [InlineData("", false)]
    [InlineData(null, false)]
    public void TryParse_Text_TakesPlainDecimalOnly(string? text, bool accepted)
    {
        Assert.Equal(accepted, Vsid.TryParse(text, out Vsid vsid));

        Assert.Equal(accepted ? text : "0", vsid.ToString());
    }

    [Fact]
    public void CompareTo_TwoIds_OrdersByNumber()
    {
        Assert.True(Vsid.Create(5001).CompareTo(Vsid.Create(6001)) < 0);
    }

    [Fact]
    public void TenantEndpoint_SameAddressOfTwoTenants_Differs()
    {
        var contoso = new TenantEndpoint(Vsid.Create(5001), CustomerAddress.Parse("10.1.1.11"));
        var fabrikam = new TenantEndpoint(Vsid.Create(6001), CustomerAddress.Parse("10.1.1.11"));

        Assert.NotEqual(contoso, fabrikam);
        Assert.Equal("5001/10.1.1.11", contoso.ToString());
    }
}
