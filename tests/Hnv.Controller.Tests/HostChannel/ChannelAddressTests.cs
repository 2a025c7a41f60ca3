using Hnv.Controller.HostChannel;

namespace Hnv.Controller.Tests.HostChannel;

public sealed class ChannelAddressTests
{
    [Theory]
    [InlineData("10.0.0.1", "http://10.0.0.1:8080", false, "http://10.0.0.1:8080/")]
    [InlineData("10.0.0.1:6641", "http://10.0.0.1:8080", false, "http://10.0.0.1:8080/")]
    [InlineData("10.0.0.1", "http://0.0.0.0:8080", false, "http://10.0.0.1:8080/")]
    [InlineData("10.0.0.1", "http://127.0.0.1:1 http://[::]:2 http://10.0.0.1:3", false, "http://10.0.0.1:3/")]
    [InlineData("host1.lab", "http://127.0.0.1:1 https://10.0.0.1:8443", true, "https://host1.lab:8443/")]
    [InlineData("host1.lab:6640", "https://10.0.0.1:8443", true, "https://host1.lab:8443/")]
    [InlineData("2001:db8::1", "http://[2001:db8::1]:8080", false, "http://[2001:db8::1]:8080/")]
    [InlineData("[2001:db8::1]:6640", "http://[::]:8080", false, "http://[2001:db8::1]:8080/")]
    [InlineData("unix:/run/db.sock", "http://10.0.0.1:1 http://127.0.0.1:8080", false, "http://127.0.0.1:8080/")]
    public void Listener_ThatFitsTheManagementAddress_IsUsedThere(string management, string listeners, bool secure, string endpoint) =>
        Assert.Equal(endpoint, ChannelAddress.Choose(management, listeners, secure));

    [Theory]
    [InlineData("10.0.0.1", "", false)]
    [InlineData("10.0.0.1", "http://10.0.0.2:80 http://169.254.169.254:80 http://metadata.internal:80", false)]
    [InlineData("10.0.0.1", "http://127.0.0.1:8080", false)]
    [InlineData("host1.lab", "http://127.0.0.1:8080", false)]
    [InlineData("10.0.0.1", "http://10.0.0.1:8080", true)]
    [InlineData("10.0.0.1", "https://10.0.0.1:8443 ftp://10.0.0.1:21 file:///etc/passwd", false)]
    [InlineData("10.0.0.1", "what ever http:// http://10.0.0.1:99999 \0", false)]
    public void ListenersThatCannotBeIt_AreNeverConnectedTo(string management, string listeners, bool secure) =>
        Assert.Null(ChannelAddress.Choose(management, listeners, secure));
}
