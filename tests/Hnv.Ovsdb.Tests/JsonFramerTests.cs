using System.Text;

namespace Hnv.Ovsdb.Tests;

public sealed class JsonFramerTests
{
    private const string Stream = " {\"id\":1,\"s\":\"a}\\\"{[\\\\\"}[1,[2],{}]\n{\"ü\":\"日本\\u0022\"}{}";

    private static readonly string[] s_messages = ["{\"id\":1,\"s\":\"a}\\\"{[\\\\\"}", "[1,[2],{}]", "{\"ü\":\"日本\\u0022\"}", "{}"];

    [Fact]
    public void TryTake_StreamCutAtEveryByte_YieldsTheSameMessages()
    {
        byte[] bytes = Encoding.UTF8.GetBytes(Stream);

        for (int cut = 0; cut <= bytes.Length; cut++)
        {
            JsonFramer framer = new();
            List<string> taken = [.. Feed(framer, bytes.AsSpan(0, cut)), .. Feed(framer, bytes.AsSpan(cut))];
            Assert.Equal(s_messages, taken);
        }
    }

    [Fact]
    public void TryTake_OneByteAtATime_YieldsTheSameMessages()
    {
        JsonFramer framer = new();

        List<string> taken = [.. Encoding.UTF8.GetBytes(Stream).SelectMany(b => Feed(framer, [b]))];

        Assert.Equal(s_messages, taken);
    }

    [Fact]
    public void TryTake_MessageLargerThanTheBuffer_IsWhole()
    {
        string message = $"[\"{new string('x', 3_000_000)}\"]";

        List<string> taken = Feed(new JsonFramer(), Encoding.UTF8.GetBytes(message + "[1]"));

        Assert.Equal([message, "[1]"], taken);
    }

    [Theory]
    [InlineData("HTTP/1.1 400 Bad Request")]
    [InlineData("17")]
    [InlineData("}")]
    public void TryTake_NotJsonRpc_Throws(string text) =>
        Assert.Throws<OvsdbConnectionException>(() => Feed(new JsonFramer(), Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void Space_MessageBeyondTheBound_Throws() =>
        Assert.Throws<OvsdbConnectionException>(() => Feed(new JsonFramer(64 * 1024), Encoding.UTF8.GetBytes("[" + new string(' ', 200_000))));

    private static List<string> Feed(JsonFramer framer, ReadOnlySpan<byte> bytes)
    {
        List<string> taken = [];
        while (bytes.Length > 0)
        {
            Span<byte> space = framer.Space().Span;
            int count = Math.Min(space.Length, bytes.Length);
            bytes[..count].CopyTo(space);
            framer.Advance(count);
            bytes = bytes[count..];
            while (framer.TryTake(out ReadOnlyMemory<byte> message))
            {
                taken.Add(Encoding.UTF8.GetString(message.Span));
            }
        }

        return taken;
    }
}
