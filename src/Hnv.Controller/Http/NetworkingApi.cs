using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Hnv.Contracts.Rest;
using Hnv.Controller.Computed;
using Hnv.Controller.Engine;
using Hnv.Controller.HostChannel;
using Hnv.Controller.Model;
using Hnv.Controller.Schema;

namespace Hnv.Controller.Http;

/// <summary>The REST API under <c>/networking</c>: HTTP in, the engine's words out. Knows no resource type.</summary>
internal sealed partial class NetworkingApi(
    ResourceEngine engine, AuditLog? audit, ControllerOptions.LimitsSection limits, TimeProvider time, ILogger<NetworkingApi> logger, HostChannels? channels = null)
{
    /// <summary>Bytes of a request body; far above any document a person or tool writes.</summary>
    public const int BodyMax = 8 << 20;

    private const string DiscoveryName = "discovery";
    private const string OperationsName = "operations";
    private const string OperationResultsName = "operationResults";
    private const int OperationsListed = 1000;
    private static readonly JsonDocumentOptions s_strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };
    private static readonly string s_product = $"OpenHNV/{typeof(NetworkingApi).Assembly.GetName().Version!.ToString(fieldCount: 3)}";

    private readonly ReplayCache _replays = new(time);
    private readonly ComputedResources _computed = new(time, channels, logger);
    private readonly RequestBodies _bodies = new(limits.LargeBodies);

    /// <summary>Everything that happens to one request.</summary>
    public async Task HandleAsync(HttpContext context)
    {
        var requestId = Guid.NewGuid();
        context.Response.Headers["x-ms-request-id"] = requestId.ToString("D");
        context.Response.Headers.Server = s_product;
        if (context.Request.Headers["x-ms-client-request-id"] is [{ Length: > 0 } clientId, ..]
            && !string.Equals(context.Request.Headers["x-ms-return-client-request-id"], "FALSE", StringComparison.OrdinalIgnoreCase))
        {
            context.Response.Headers["x-ms-client-request-id"] = clientId;
        }

        Answer answer;
        try
        {
            answer = await AnswerAsync(context, requestId);
        }
        catch (RefusedException e)
        {
            answer = Answer.Refusal(e);
        }
        catch (BadHttpRequestException e)
        {
            answer = Answer.Error(e.StatusCode, new ErrorBody(ErrorCodes.InvalidRequestFormat, $"{e.Message} A body may hold {BodyMax} bytes."));
        }
        catch (Exception e) when (e is not OperationCanceledException)
        {
            Log.Failed(logger, e, context.Request.Method, context.Request.Path, requestId);
            answer = Answer.Error(
                StatusCodes.Status500InternalServerError,
                new ErrorBody(ErrorCodes.InternalServerError, $"The controller failed on this request. Its log tells more under {requestId:D}."));
        }

        await answer.SendAsync(context.Response, context.RequestAborted);
    }

    private async Task<Answer> AnswerAsync(HttpContext context, Guid requestId)
    {
        string[] segments = (context.Request.Path.Value ?? "").Split('/', StringSplitOptions.RemoveEmptyEntries)[1..];
        ApiVersion version = ApiVersion.All[^1];
        if (segments is [{ } only] && only.Equals(DiscoveryName, StringComparison.OrdinalIgnoreCase))
        {
            segments = [DiscoveryName, DiscoveryName];
        }
        else if (segments.Length == 0 || !ApiVersion.TryParse(segments[0], out version))
        {
            throw NotThere(context.Request.Path, $"The version of the URI is one of {string.Join(", ", ApiVersion.All)}");
        }
        else
        {
            segments = segments is [_, { } name] && name.Equals(DiscoveryName, StringComparison.OrdinalIgnoreCase) ? [DiscoveryName, DiscoveryName] : segments[1..];
        }

        string method = context.Request.Method;
        if (segments.Length is 1 or 2 && Operations(segments, context) is { } operations)
        {
            return HttpMethods.IsGet(method) ? operations : NotAllowed(method, "GET");
        }

        if (_computed.Find(segments) is { } computed)
        {
            return await ComputedAsync(context, computed.Resource, computed.Id, version, requestId);
        }

        ResourcePath path = engine.Catalog.Resolve(segments, version) ?? throw NotThere(context.Request.Path, "No resource type of that name and version is served");
        return method switch
        {
            _ when HttpMethods.IsGet(method) => Get(path, version, CallerOf(context).Who),
            _ when path.IsCollection => NotAllowed(method, "GET"),
            _ when HttpMethods.IsPut(method) || HttpMethods.IsDelete(method) => await WriteAsync(context, path, version, requestId),
            _ => NotAllowed(method, "GET, PUT, DELETE"),
        };
    }

    private async Task<Answer> ComputedAsync(HttpContext context, IComputedResource resource, string? id, ApiVersion version, Guid requestId)
    {
        Caller caller = CallerOf(context);
        if (caller.Who.Tenant is not null)
        {
            throw NotThere(context.Request.Path, "No resource type of that name and version is served");
        }

        View view = ViewOf(engine.Current, version, caller.Who);
        if (HttpMethods.IsGet(context.Request.Method))
        {
            return resource.Get(id, view) is { } write ? Answer.Json(StatusCodes.Status200OK, write) : throw NotThere(context.Request.Path, "Nothing is known under that name");
        }

        if (!HttpMethods.IsPut(context.Request.Method) || !resource.IsAction)
        {
            return NotAllowed(context.Request.Method, resource.IsAction ? "GET, PUT" : "GET");
        }

        if (caller.Role == CallerRole.Reader)
        {
            throw new RefusedException(ErrorCodes.Forbidden, resource.Path, $"/{resource.Path}: '{caller.Name}' may read, and start nothing.", StatusCodes.Status403Forbidden);
        }

        JsonObject body = Parse($"/{resource.Path}", await _bodies.ReadAsync(context.Request, context.RequestAborted));
        JsonObject answer = resource.Put(body, view, requestId);
        audit?.Write(new AuditEntry(caller, SourceOf(context), HttpMethods.Put, $"/{resource.Path}", requestId, resource.StartedStatus, null, null));
        return Answer.Json(resource.StartedStatus, json => answer.WriteTo(json), KeyValuePair.Create("ETag", (string)answer["etag"]!));
    }

    private Answer Get(ResourcePath path, ApiVersion version, Visibility who)
    {
        View view = ViewOf(engine.Current, version, who);
        if (!path.IsCollection)
        {
            Node node = Visible(view, path, path.Ref) ?? throw NotThere(path.Ref, $"There is no {path.Last.Type.Path} of that name");
            return Answer.Json(StatusCodes.Status200OK, json => DocumentWriter.Write(json, node, view), ETag(node));
        }

        IEnumerable<Node> nodes = path.Steps.Length == 1
            ? view.Snapshot.All(path.Last.Type.Name).Where(node => who.Sees(node) || IsPublic(path))
            : (Visible(view, path, path.ParentRef) ?? throw NotThere(path.ParentRef, "Its parent does not exist")).ChildrenOf(path.Last.Type.Name);
        return path.Last.Type.SingletonId is not null && nodes.FirstOrDefault() is { } singleton
            ? Answer.Json(StatusCodes.Status200OK, json => DocumentWriter.Write(json, singleton, view), ETag(singleton))
            : Answer.Stream(StatusCodes.Status200OK, DocumentWriter.Collection(nodes, view));
    }

    /// <summary>What tells nothing about anybody: which versions are spoken.</summary>
    private static bool IsPublic(ResourcePath path) => path.Steps[0].Type is { Writable: false, SingletonId: not null } type && type.Name == DiscoveryName;

    private static Node? Visible(View view, ResourcePath path, string reference) =>
        view.Who.Sees(view.Snapshot, reference) || IsPublic(path) ? view.Snapshot.Find(reference) : null;

    private async Task<Answer> WriteAsync(HttpContext context, ResourcePath path, ApiVersion version, Guid requestId)
    {
        ResourceType type = path.Last.Type;
        bool isDelete = HttpMethods.IsDelete(context.Request.Method);
        if (!type.Writable || (isDelete && type.SingletonId is not null) || (type.SingletonId is { } id && !id.Equals(path.Last.Id, StringComparison.OrdinalIgnoreCase)))
        {
            throw new RefusedException(
                ErrorCodes.OperationNotSupported, path.Ref, $"{path.Ref}: {context.Request.Method} is not offered. {(type.SingletonId is { } only ? $"There is one {type.Name}, /{type.Name}/{only}{(type.Writable ? "; PUT changes it." : ", and it is read-only.")}" : "")}");
        }

        Caller caller = CallerOf(context);
        RequireMayChange(context, caller, path, requestId);
        byte[] body = await _bodies.ReadAsync(context.Request, context.RequestAborted);
        IHeaderDictionary headers = context.Request.Headers;
        var precondition = new Precondition(headers.IfMatch, headers.IfNoneMatch);
        string origin = $"{context.Request.Scheme}://{context.Request.Host}/networking/v1";
        string? repeatKey = headers["x-ms-client-request-id"] is [{ Length: > 0 } clientId, ..]
            ? ReplayCache.KeyOf(caller.Key, clientId, context.Request.Method, context.Request.Path, body)
            : null;
        var change = new Change(caller, SourceOf(context), path, version, precondition, requestId, origin, repeatKey);
        async Task<Answer> ExecuteAsync()
        {
            try
            {
                return await (isDelete ? DeleteAsync(change) : PutAsync(change, Parse(path.Ref, body)));
            }
            catch (RepeatedException e)
            {
                return AnswerAgain(change, e.First);
            }
            catch (RefusedException e) when (caller.Who.Tenant is not null)
            {
                throw TenantRules.Censor(e, caller.Who, engine.Current, $"{path.Ref}\n{Encoding.UTF8.GetString(body)}");
            }
        }

        return repeatKey is not null
            ? await _replays.GetOrExecuteAsync(repeatKey, async () =>
            {
                try
                {
                    return await ExecuteAsync();
                }
                catch (RefusedException e)
                {
                    return Answer.Refusal(e);
                }
            })
            : await ExecuteAsync();
    }

    /// <summary>One request to change something.</summary>
    private sealed record Change(Caller Caller, string Source, ResourcePath Path, ApiVersion Version, Precondition Precondition, Guid RequestId, string Origin, string? RepeatKey);

    private async Task<Answer> PutAsync(Change change, JsonObject body)
    {
        PutResult result = await engine.PutAsync(change.Path, body, change.Version, change.Precondition, change.RequestId, change.Caller.Who, change.RepeatKey);
        int status = result.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        Note(change, HttpMethods.Put, status, result.ETagBefore, result.Node.ETag);
        View view = ViewOf(result.Snapshot, change.Version, change.Caller.Who);
        return Answer.Json(
            status,
            json => DocumentWriter.Write(json, result.Node, view),
            [.. ETag(result.Node), .. change.Path.Steps[0].Type.Asynchronous ? [Operation(change.Origin, change.RequestId)] : Array.Empty<KeyValuePair<string, string>>()]);
    }

    private async Task<Answer> DeleteAsync(Change change)
    {
        if (await engine.DeleteAsync(change.Path, change.Version, change.Precondition, change.RequestId, change.Caller.Who, change.RepeatKey) is not { } result)
        {
            return Answer.Empty(StatusCodes.Status204NoContent);
        }

        Note(change, HttpMethods.Delete, StatusCodes.Status200OK, result.ETagBefore, etagAfter: null);
        return new Answer(StatusCodes.Status200OK, default, [Operation(change.Origin, change.RequestId)]);
    }

    /// <summary>
    /// What was answered to a request that an earlier run of the controller carried out. Its document is not kept: what is sent is the
    /// resource as it is now, under the etag that it has now.
    /// </summary>
    private Answer AnswerAgain(Change change, Operation first)
    {
        KeyValuePair<string, string>[] operation = change.Path.Steps[0].Type.Asynchronous || first.IsDelete ? [Operation(change.Origin, first.Id)] : [];
        if (first.IsDelete)
        {
            return new Answer(StatusCodes.Status200OK, default, operation);
        }

        int status = first.Answer!.Created ? StatusCodes.Status201Created : StatusCodes.Status200OK;
        View view = ViewOf(engine.Current, change.Version, change.Caller.Who);
        return Visible(view, change.Path, change.Path.Ref) is { } node
            ? Answer.Json(status, json => DocumentWriter.Write(json, node, view), [.. ETag(node), .. operation])
            : new Answer(status, default, operation);
    }

    private void Note(Change change, string verb, int status, string? etagBefore, string? etagAfter) =>
        audit?.Write(new AuditEntry(change.Caller, change.Source, verb, change.Path.Ref, change.RequestId, status, etagBefore, etagAfter));

    /// <summary>Refuses, before anything of the body is read, who may not change such a resource, and everybody while no change can be noted.</summary>
    private void RequireMayChange(HttpContext context, Caller caller, ResourcePath path, Guid requestId)
    {
        try
        {
            if (caller.Role == CallerRole.Reader)
            {
                throw new RefusedException(ErrorCodes.Forbidden, path.Ref, $"{path.Ref}: '{caller.Name}' may read, and change nothing.", StatusCodes.Status403Forbidden);
            }

            if (caller.Role == CallerRole.Tenant)
            {
                TenantRules.RequireOwned(path);
            }
        }
        catch (RefusedException)
        {
            audit?.Write(new AuditEntry(caller, SourceOf(context), context.Request.Method, path.Ref, requestId, StatusCodes.Status403Forbidden, null, null));
            throw;
        }

        if (audit?.IsWritable() == false)
        {
            throw new RefusedException(ErrorCodes.RetryableError, path.Ref, $"{path.Ref}: changes are not accepted while the audit log cannot be written.");
        }
    }

    // Without a gate in front there is nobody to tell apart: tests, and embedding.
    private static Caller CallerOf(HttpContext context) => context.Features.Get<Caller>() ?? Caller.Local;

    private static string SourceOf(HttpContext context) => context.Connection.RemoteIpAddress?.ToString() ?? "local";

    private Answer? Operations(string[] segments, HttpContext context)
    {
        bool results = segments[0].Equals(OperationResultsName, StringComparison.OrdinalIgnoreCase);
        if (!results && !segments[0].Equals(OperationsName, StringComparison.OrdinalIgnoreCase))
        {
            return null;
        }

        Visibility who = CallerOf(context).Who;
        if (segments.Length == 1)
        {
            return results ? null : Answer.Json(StatusCodes.Status200OK, json => OperationWriter.WriteList(json, engine.Operations.Newest(OperationsListed, who.Tenant)));
        }

        Operation operation = (Guid.TryParse(segments[1], out Guid id) ? engine.Operations.Find(id) : null) is { } found
            && (who.Tenant is null || who.Tenant.Equals(found.Owner, StringComparison.OrdinalIgnoreCase))
            ? found
            : throw NotThere(context.Request.Path, "No such operation is remembered");
        return results ? Result(operation, who) : Answer.Json(StatusCodes.Status200OK, json => OperationWriter.Write(json, operation));
    }

    private Answer Result(Operation operation, Visibility who)
    {
        View view = ViewOf(engine.Current, ApiVersion.All[^1], who);
        return operation.Status switch
        {
            OperationStatus.InProgress => new Answer(StatusCodes.Status202Accepted, default, [KeyValuePair.Create("Retry-After", "15")]),
            OperationStatus.Canceled => Answer.Error(StatusCodes.Status409Conflict, operation.Error!),
            OperationStatus.Failed => Answer.Error(StatusCodes.Status500InternalServerError, operation.Error!),
            _ => !operation.IsDelete && who.Sees(view.Snapshot, operation.Target) && view.Snapshot.Find(operation.Target) is { } node
                ? Answer.Json(StatusCodes.Status200OK, json => DocumentWriter.Write(json, node, view), ETag(node))
                : Answer.Empty(StatusCodes.Status204NoContent),
        };
    }

    private static JsonObject Parse(string path, byte[] body)
    {
        try
        {
            // A BOM is what Windows shells put in front of UTF-8.
            ReadOnlySpan<byte> text = body.AsSpan().StartsWith(Encoding.UTF8.Preamble) ? body.AsSpan(Encoding.UTF8.Preamble.Length) : body;
            JsonText.Check(text, s_strict.MaxDepth);
            return JsonNode.Parse(text, null, s_strict) as JsonObject
                ?? throw Malformed(path, "The body is not a JSON object. Send {\"properties\":{…}}.");
        }
        catch (JsonException e)
        {
            throw Malformed(path, $"The body is not JSON: {e.Message}");
        }
    }

    private static RefusedException Malformed(string path, string message) => new(
        [new PolicyError(ErrorCodes.InvalidRequestFormat, path, $"{path}: {message}"), new PolicyError(ErrorCodes.InvalidJson, path, message)]);

    private static RefusedException NotThere(string path, string why) => new(ErrorCodes.NotFound, path, $"{path} was not found. {why}.");

    private static Answer NotAllowed(string method, string allowed) => Answer.Error(
        StatusCodes.Status405MethodNotAllowed,
        new ErrorBody(ErrorCodes.OperationNotSupported, $"{method} is not offered here. Use {allowed}."),
        KeyValuePair.Create("Allow", allowed));

    private static KeyValuePair<string, string>[] ETag(Node node) => node.Type.HasETag ? [KeyValuePair.Create("ETag", node.ETag)] : [];

    private static KeyValuePair<string, string> Operation(string origin, Guid id) => KeyValuePair.Create("Azure-AsyncOperation", $"{origin}/operations/{id:D}");

    private View ViewOf(Snapshot snapshot, ApiVersion version, Visibility who) =>
        new(snapshot, version, engine.Live, engine.Operations.ProvisioningState) { Who = who, Propagation = engine.Live is null ? null : engine.Propagation.Of };

    private static partial class Log
    {
        [LoggerMessage(EventId = 2101, Level = LogLevel.Error, Message = "{Method} {Path} failed ({RequestId})")]
        public static partial void Failed(ILogger logger, Exception exception, string method, string path, Guid requestId);
    }
}
