using System.Text.Json;
using System.Text.Unicode;

namespace Hnv.Controller.Http;

/// <summary>The bytes of a body as text. A parser looks at strings when they are asked for; what is in them is looked at here, once, before anything is done.</summary>
internal static class JsonText
{
    /// <summary>Refuses what cannot be read as characters: bytes that are no UTF-8, and escapes of half a surrogate pair.</summary>
    /// <param name="body">The body, without a byte order mark.</param>
    /// <param name="depthMax">Levels of nesting.</param>
    /// <exception cref="JsonException">It is neither, or no JSON.</exception>
    public static void Check(ReadOnlySpan<byte> body, int depthMax)
    {
        if (!Utf8.IsValid(body))
        {
            throw new JsonException("it is not UTF-8.");
        }

        if (body.IndexOf("\\u"u8) < 0)
        {
            return;
        }

        var reader = new Utf8JsonReader(body, new JsonReaderOptions { MaxDepth = depthMax });
        try
        {
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName && reader.ValueIsEscaped)
                {
                    _ = reader.GetString();
                }
            }
        }
        catch (InvalidOperationException e)
        {
            throw new JsonException($"a \\u escape before byte {reader.BytesConsumed} is half a surrogate pair.", e);
        }
    }
}
