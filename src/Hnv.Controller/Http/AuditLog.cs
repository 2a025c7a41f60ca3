using System.Buffers;
using System.Text.Json;
using System.Text.Encodings.Web;

namespace Hnv.Controller.Http;

/// <summary>One line of the audit log: a change, or an attempt that was forbidden.</summary>
/// <param name="Caller">Who.</param>
/// <param name="Source">The address it came from; <c>local</c> for the socket.</param>
/// <param name="Verb">PUT or DELETE.</param>
/// <param name="Target">resourceRef.</param>
/// <param name="RequestId">The answer's <c>x-ms-request-id</c>.</param>
/// <param name="Status">HTTP status of the answer.</param>
/// <param name="ETagBefore">etag until then; null when it was not there.</param>
/// <param name="ETagAfter">etag from then on; null when it is gone.</param>
internal readonly record struct AuditEntry(Caller Caller, string Source, string Verb, string Target, Guid RequestId, int Status, string? ETagBefore, string? ETagAfter);

/// <summary>
/// Who changed what, one JSON object a line, in a file that only its owner reads; full ones are kept beside it as
/// <c>NAME.1</c> (the newest) and on. Each line is with the kernel before the change is answered. When it cannot be written, no further
/// change is accepted until it can.
/// </summary>
internal sealed partial class AuditLog : IDisposable
{
    private static readonly JsonWriterOptions s_json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly string _path;
    private readonly long _fileBytesMax;
    private readonly int _filesKept;
    private readonly TimeProvider _time;
    private readonly ILogger _logger;
    private readonly Lock _gate = new();
    private FileStream? _file;

    /// <exception cref="IOException">The file cannot be opened.</exception>
    public AuditLog(string path, long fileBytesMax, int filesKept, TimeProvider time, ILogger logger)
    {
        _path = path;
        _fileBytesMax = fileBytesMax;
        _filesKept = filesKept;
        _time = time;
        _logger = logger;
        _file = Open();
    }

    /// <summary>Whether a change made now could be noted. Tries to open the file again when the last line failed.</summary>
    public bool IsWritable()
    {
        lock (_gate)
        {
            return TryReopen();
        }
    }

    /// <summary>Notes a change.</summary>
    public void Write(in AuditEntry entry)
    {
        var line = new ArrayBufferWriter<byte>(512);
        using (var json = new Utf8JsonWriter(line, s_json))
        {
            json.WriteStartObject();
            json.WriteString("time", _time.GetUtcNow());
            json.WriteString("caller", entry.Caller.Name);
            json.WriteString("role", entry.Caller.Role.ToString());
            json.WriteString("tenant", entry.Caller.Tenant);
            json.WriteString("source", entry.Source);
            json.WriteString("verb", entry.Verb);
            json.WriteString("target", entry.Target);
            json.WriteString("requestId", entry.RequestId);
            json.WriteNumber("status", entry.Status);
            json.WriteString("etagBefore", entry.ETagBefore);
            json.WriteString("etagAfter", entry.ETagAfter);
            json.WriteEndObject();
        }

        line.Write("\n"u8);
        lock (_gate)
        {
            try
            {
                if (!TryReopen())
                {
                    throw new IOException("it is closed");
                }

                if (_file!.Length + line.WrittenCount > _fileBytesMax)
                {
                    Rotate();
                }

                // Unbuffered, so one write per line: lines of a file that ends early are whole.
                _file!.Write(line.WrittenSpan);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                Log.Failed(_logger, e, _path, entry.Caller.Name, entry.Verb, entry.Target);
                _file?.Dispose();
                _file = null;
            }
        }
    }

    public void Dispose() => _file?.Dispose();

    private FileStream Open() => new(_path, new FileStreamOptions
    {
        Mode = FileMode.Append,
        Access = FileAccess.Write,
        Share = FileShare.ReadWrite | FileShare.Delete,
        BufferSize = 0,
        UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
    });

    private bool TryReopen()
    {
        try
        {
            _file ??= Open();
            return true;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return false;
        }
    }

    private void Rotate()
    {
        _file!.Dispose();
        _file = null;
        File.Delete($"{_path}.{_filesKept}");
        for (int i = _filesKept - 1; i >= 1; i--)
        {
            if (File.Exists($"{_path}.{i}"))
            {
                File.Move($"{_path}.{i}", $"{_path}.{i + 1}");
            }
        }

        File.Move(_path, $"{_path}.1");
        _file = Open();
    }

    private static partial class Log
    {
        [LoggerMessage(EventId = 2111, Level = LogLevel.Critical, Message = "The audit log {Path} cannot be written ({Caller}: {Verb} {Target}); no further change is accepted until it can")]
        public static partial void Failed(ILogger logger, Exception exception, string path, string caller, string verb, string target);
    }
}
