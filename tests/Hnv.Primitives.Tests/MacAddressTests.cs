namespace Hnv.Primitives.Tests;

public sealed class MacAddressTests
{
    [Theory]
    [InlineData("00-1D-D8-B7-1C-06")]
    [InlineData("00:1d:d8:b7:1c:06")]
    [InlineData("001DD8B71C06")]
    [InlineData("001dd8b71c06")]
    public void TryParse_EveryForm_IsTheSameAddress(string text)
    {
        Assert.True(MacAddress.TryParse(text, out MacAddress mac));

        Assert.Equal(0x001D_D8B7_1C06ul, mac.Value);
        Assert.Equal("00-1D-D8-B7-1C-06", mac.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("00-1D-D8-B7-1C")]
    [InlineData("00-1D-D8-B7-1C-0G")]
    [InlineData("00-1D:D8-B7-1C-06")]
    [InlineData("00.1D.D8.B7.1C.06")]
    [InlineData("001D-D8B7-1C06")]
    [InlineData("00-1D-D8-B7-1C-06-")]
    [InlineData("+0-1D-D8-B7-1C-06")]
    [InlineData(" 01DD8B71C06")]
    public void TryParse_AnythingElse_IsRefused(string? text)
    {
        Assert.False(MacAddress.TryParse(text, out MacAddress mac));

        Assert.Equal(default, mac);
    }

    [Fact]
    public void Parse_Nonsense_NamesTheTextAndARightOne()
    {
        FormatException thrown = Assert.Throws<FormatException>(() => MacAddress.Parse("web"));

        Assert.Contains("'web'", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("00-1D-D8-B7-1C-06", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Write_ThenRead_IsIdentity()
    {
        byte[] bytes = new byte[6];

        MacAddress.Parse("00-1D-D8-B7-1C-06").Write(bytes);

        Assert.Equal("001DD8B71C06", Convert.ToHexString(bytes));
        Assert.Equal(MacAddress.Parse("00-1D-D8-B7-1C-06"), MacAddress.Read(bytes));
    }

    [Theory]
    [InlineData("FF-FF-FF-FF-FF-FF", true, true)]
    [InlineData("01-00-5E-00-00-01", true, false)]
    [InlineData("33-33-00-00-00-01", true, false)]
    [InlineData("00-1D-D8-B7-1C-06", false, false)]
    [InlineData("FE-FF-FF-FF-FF-FF", false, false)]
    public void IsMulticast_GroupBit_Decides(string text, bool multicast, bool broadcast)
    {
        MacAddress mac = MacAddress.Parse(text);

        Assert.Equal((multicast, broadcast), (mac.IsMulticast, mac.IsBroadcast));
    }

    [Fact]
    public void FromNumber_MoreThan48Bits_AreCutOff()
    {
        Assert.Equal(MacAddress.Broadcast, MacAddress.FromNumber(ulong.MaxValue));
    }
}
