using System.Text.Json.Nodes;
using Hnv.Controller.Engine;
using Hnv.Controller.Schema;
using Hnv.Controller.Store;

namespace Hnv.Controller.Resources;

/// <summary>
/// <c>networkControllerBackup</c> (7.27) and <c>networkControllerRestore</c> (7.28). Paths lie below the controller's own backup directory: a
/// request must not make a controller write anywhere else.
/// </summary>
internal static class BackupAndRestore
{
    public const string BackupName = "networkControllerBackup";
    public const string RestoreName = "networkControllerRestore";

    private const string BackupPath = "backupPath";
    private const string RestorePath = "restorePath";
    private const string Credential = "credential";
    private const string ErrorMessage = "errorMessage";
    private const string Messages = "statusMessages";

    // A document is read whole; beyond some thousands a list of names tells nobody anything.
    private const int ListedMax = 10_000;

    /// <param name="directory">Where backups lie; null where there is no such place.</param>
    public static ResourceType CreateBackup(string? directory) => new(BackupName)
    {
        Asynchronous = true,
        Validate = backup => ValidateBackup(backup, directory),
        Action = (backup, engine, cancellation) => BackUpAsync(PathOf(directory, backup.Text(BackupPath)!)!, engine, cancellation),
        Properties = new(
        [
            new(BackupPath, new TextSchema(lengthMax: 1024)) { Required = true, Immutable = true },
            new(Credential, new ReferenceSchema(Credentials.Name)),
            Outcome(ErrorMessage, ""),
            Outcome("failedResourcesList", new JsonArray()),
            Outcome("successfulResourcesList", new JsonArray()),
            Outcome("inProgressResourcesList", new JsonArray()),
        ]),
    };

    /// <param name="directory">Where backups lie; null where there is no such place.</param>
    public static ResourceType CreateRestore(string? directory) => new(RestoreName)
    {
        Asynchronous = true,
        Validate = restore => ValidateRestore(restore, directory),
        Action = (restore, engine, _) => RestoreAsync(PathOf(directory, restore.Text(RestorePath)!)!, engine),
        ActionFailed = message => new JsonObject { [ErrorMessage] = message, [Messages] = new JsonArray("Nothing was restored.", message) },
        ActionIsExclusive = true,
        Properties = new(
        [
            new(RestorePath, new TextSchema(lengthMax: 1024)) { Required = true, Immutable = true },
            new(Credential, new ReferenceSchema(Credentials.Name)) { Required = true },
            Outcome(ErrorMessage, ""),
            Outcome(Messages, new JsonArray()),

            // Text and schema name these lists differently (contradiction 30).
            Outcome("successfulResourceList", new JsonArray()),
            Outcome("failedResourceList", new JsonArray()),
            Outcome("successfulResources", new JsonArray(), "successfulResourceList"),
            Outcome("failedResources", new JsonArray(), "failedResourceList"),
        ]),
    };

    // Compute, because the controller writes it: what a client sends back is dropped, and it is there from the start.
    private static Property Outcome(string name, JsonNode empty, string? stored = null) =>
        new(name, new DerivedSchema(DerivedSchema.TypeOf(empty))) { Access = Access.ReadOnly, Compute = (node, _) => (node.Properties[stored ?? name] ?? empty).DeepClone() };

    private static void ValidateBackup(RuleContext backup, string? directory)
    {
        ActionState.Carry(backup, ErrorMessage, "failedResourcesList", "successfulResourcesList", "inProgressResourcesList");
        Credentials.RequirePassword(backup, Credential);
        if (Check(backup, BackupPath, directory) is { } path && backup.Existing is null
            && (File.Exists(path) || (Directory.Exists(path) && Directory.EnumerateFileSystemEntries(path).Any())))
        {
            backup.Fail("BackupFolderNotEmpty", BackupPath, $"{backup.Node.Text(BackupPath)} has content already. Name a new or an empty directory.");
        }
    }

    private static void ValidateRestore(RuleContext restore, string? directory)
    {
        ActionState.Carry(restore, ErrorMessage, Messages, "successfulResourceList", "failedResourceList");
        Credentials.RequirePassword(restore, Credential);
        if (Check(restore, RestorePath, directory) is { } path && restore.Existing is null && !File.Exists(BackupFile.In(path)))
        {
            restore.Fail(ErrorCodes.InvalidParameterValue, RestorePath, $"{restore.Node.Text(RestorePath)} holds no {BackupFile.Name}. Name the backupPath of a backup.");
        }
    }

    private static string? Check(RuleContext resource, string property, string? directory)
    {
        if (resource.Node.Text(property) is not { } text)
        {
            return null;
        }

        if (directory is null)
        {
            resource.Fail("FeatureDisabled", property, "cannot be used: this controller has no directory for backups.");
            return null;
        }

        string? path = PathOf(directory, text);
        if (path is null)
        {
            resource.Fail(ErrorCodes.InvalidParameterValue, property, $"'{text}' does not lie below {directory}. Send a path relative to it, for example 2026-01-01.");
        }

        return path;
    }

    // Symbolic links below the directory are its owner's own doing.
    private static string? PathOf(string? directory, string text)
    {
        if (directory is null || text.Length == 0 || text.Contains('\\', StringComparison.Ordinal) || text.Contains('\0', StringComparison.Ordinal))
        {
            return null;
        }

        string root = Path.GetFullPath(directory);
        string path = Path.GetFullPath(text, root);
        return path.StartsWith($"{root}/", StringComparison.Ordinal) ? path : null;
    }

    private static async Task<JsonObject> BackUpAsync(string path, ResourceEngine engine, CancellationToken cancellation)
    {
        List<string> written = [];
        await BackupFile.WriteAsync(path, engine.Current.Revision, engine.Export(), document => Note(written, document), cancellation);
        return new JsonObject { [ErrorMessage] = "", ["successfulResourcesList"] = List(written), ["failedResourcesList"] = new JsonArray() };
    }

    private static async Task<JsonObject> RestoreAsync(string path, ResourceEngine engine)
    {
        List<StoredDocument> documents = BackupFile.Read(path);
        await engine.ReplaceAllAsync(documents);
        List<string> restored = [];
        documents.ForEach(document => Note(restored, document));
        return new JsonObject
        {
            [ErrorMessage] = "",
            [Messages] = new JsonArray($"{documents.Count} resources restored; what was there beside them was removed."),
            ["successfulResourceList"] = List(restored),
            ["failedResourceList"] = new JsonArray(),
        };
    }

    private static void Note(List<string> names, StoredDocument document)
    {
        if (names.Count < ListedMax)
        {
            names.Add($"/networking/v1{document.Key}");
        }
    }

    private static JsonArray List(List<string> names) => new([.. names.Select(name => JsonValue.Create(name))]);
}
