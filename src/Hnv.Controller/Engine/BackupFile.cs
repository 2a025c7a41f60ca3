using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Controller.Store;

namespace Hnv.Controller.Engine;

/// <summary>
/// A backup: one JSON line that says what it is, one for each stored tree, and a last one with their number and the SHA-256 of everything
/// before it. Secrets are in it as they are in the store, sealed with the controller's key, which is not in it.
/// </summary>
internal static class BackupFile
{
    public const string Name = "openhnv-backup.jsonl";

    private const string Format = "openhnv-backup";
    private const int FormatVersion = 1;

    // The largest tree that a store takes is far below; a line that is longer is no backup of ours.
    private const int LineMax = 64 << 20;

    public static string In(string directory) => Path.Combine(directory, Name);

    /// <summary>Writes everything; the file has its name only once it is complete and on disk.</summary>
    /// <exception cref="IOException">It cannot be written.</exception>
    public static async Task WriteAsync(string directory, long revision, IEnumerable<StoredDocument> documents, Action<StoredDocument> written, CancellationToken cancellation)
    {
        Directory.CreateDirectory(directory, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        string partial = $"{In(directory)}.partial";
        await using (var file = new FileStream(partial, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            Options = FileOptions.Asynchronous,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            int count = 0;
            await WriteLineAsync(file, hash, new JsonObject { ["format"] = Format, ["version"] = FormatVersion, ["revision"] = revision }, cancellation);
            foreach (StoredDocument document in documents)
            {
                await WriteLineAsync(file, hash, new JsonObject { ["key"] = document.Key, ["type"] = document.Type, ["body"] = JsonNode.Parse(document.Body) }, cancellation);
                written(document);
                count++;
            }

            await WriteLineAsync(file, hash, new JsonObject { ["count"] = count, ["sha256"] = Convert.ToHexString(hash.GetCurrentHash()) }, cancellation);
            file.Flush(flushToDisk: true);
        }

        File.Move(partial, In(directory));
    }

    /// <summary>Reads everything, or nothing.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    /// <exception cref="InvalidDataException">It is no complete backup.</exception>
    public static List<StoredDocument> Read(string directory)
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        var documents = new List<StoredDocument>();
        using var reader = new StreamReader(In(directory), Encoding.UTF8, detectEncodingFromByteOrderMarks: false);
        bool isFirst = true;
        while (reader.ReadLine() is { } line)
        {
            JsonObject entry = line.Length <= LineMax ? Parse(line) : throw new InvalidDataException($"{Name} has a line that is too long.");
            if (isFirst)
            {
                isFirst = false;
                if ((string?)entry["format"] != Format || (int?)entry["version"] != FormatVersion)
                {
                    throw new InvalidDataException($"{Name} is no backup of version {FormatVersion}.");
                }
            }
            else if (entry["sha256"] is not null)
            {
                return (int?)entry["count"] == documents.Count && (string?)entry["sha256"] == Convert.ToHexString(hash.GetCurrentHash()) && reader.EndOfStream
                    ? documents
                    : throw new InvalidDataException($"{Name} is damaged: it is not what was written.");
            }
            else
            {
                documents.Add(new StoredDocument((string?)entry["key"] ?? "", (string?)entry["type"] ?? "", entry["body"]?.ToJsonString() ?? ""));
            }

            hash.AppendData(Encoding.UTF8.GetBytes($"{line}\n"));
        }

        throw new InvalidDataException($"{Name} is not complete.");
    }

    private static JsonObject Parse(string line)
    {
        try
        {
            return JsonNode.Parse(line) as JsonObject ?? throw new InvalidDataException($"{Name} has a line that is no object.");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{Name} is damaged: {e.Message}", e);
        }
    }

    private static async Task WriteLineAsync(FileStream file, IncrementalHash hash, JsonObject entry, CancellationToken cancellation)
    {
        byte[] line = Encoding.UTF8.GetBytes($"{entry.ToJsonString()}\n");
        hash.AppendData(line);
        await file.WriteAsync(line, cancellation);
    }
}
