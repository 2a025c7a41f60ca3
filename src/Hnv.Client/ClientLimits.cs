namespace Hnv.Client;

/// <summary>What a service that is not trusted may cost the client of it.</summary>
/// <param name="ConnectTimeout">How long a connection, TLS handshake included, may take to come about.</param>
/// <param name="AnswerBytesMax">Bytes of one answer; a longer one is an <see cref="ApiException"/>.</param>
public sealed record ClientLimits(TimeSpan ConnectTimeout, int AnswerBytesMax);
