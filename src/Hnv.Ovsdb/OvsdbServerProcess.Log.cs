using Microsoft.Extensions.Logging;

namespace Hnv.Ovsdb;

public sealed partial class OvsdbServerProcess
{
    private static partial class Log
    {
        [LoggerMessage(2010, LogLevel.Information, "ovsdb-server runs as process {ProcessId} on {SocketPath}")]
        public static partial void Started(ILogger logger, int processId, string socketPath);

        [LoggerMessage(2011, LogLevel.Information, "Took over ovsdb-server process {ProcessId} on {SocketPath} from an earlier parent")]
        public static partial void Adopted(ILogger logger, int processId, string socketPath);

        [LoggerMessage(2012, LogLevel.Warning, "ovsdb-server process {ProcessId} ended; restarting in {Delay}")]
        public static partial void Ended(ILogger logger, int processId, TimeSpan delay);

        [LoggerMessage(2013, LogLevel.Error, "ovsdb-server could not be restarted: {Reason}")]
        public static partial void RestartFailed(ILogger logger, string reason);

        [LoggerMessage(2014, LogLevel.Information, "Converted database {Path} to the current schema")]
        public static partial void Converted(ILogger logger, string path);

        [LoggerMessage(2015, LogLevel.Error, "ovsdb-server keeps its old certificates: {Reason}")]
        public static partial void RenewalFailed(ILogger logger, string reason);
    }
}
