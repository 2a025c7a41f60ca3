using System.Net;
using System.Text.Json.Serialization.Metadata;
using Hnv.Contracts;
using Hnv.Contracts.Rest;

namespace Hnv.HostAgent.HostChannel;

/// <summary>Answers of the host channel.</summary>
internal static class Answers
{
    public static IResult Json<T>(T value, int status = 200) =>
        Results.Json(value, (JsonTypeInfo<T>)ContractJson.Relaxed.GetTypeInfo(typeof(T)), statusCode: status);

    public static IResult Error(HttpStatusCode status, string code, string message) =>
        Json(new ErrorResponse(new ErrorBody(code, message)), status: (int)status);

    public static IResult NoPort(Guid nic) =>
        Error(HttpStatusCode.NotFound, "NotFound", $"networkInterface {nic} has no port on this host. `hnv port list` shows those that have.");
}
