using Microsoft.Extensions.Logging;

namespace Hnv.Ovsdb;

public sealed partial class OvsdbReplica
{
    private static partial class Log
    {
        [LoggerMessage(2000, LogLevel.Information, "Replicating {Databases} from {Endpoint}")]
        public static partial void Connected(ILogger logger, string databases, OvsdbEndpoint endpoint);

        [LoggerMessage(2001, LogLevel.Warning, "No session with {Endpoint}: {Reason} Trying again in {Delay}")]
        public static partial void Disconnected(ILogger logger, OvsdbEndpoint endpoint, string reason, TimeSpan delay);

        [LoggerMessage(2002, LogLevel.Information, "Lock {Name} on {Endpoint}: held is {Held}")]
        public static partial void LockChanged(ILogger logger, string name, OvsdbEndpoint endpoint, bool held);
    }
}
