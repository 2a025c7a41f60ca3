using System.Diagnostics;

namespace Hnv.Controller.Http.Page;

/// <summary>
/// The API page: types and properties from <c>/openapi.json</c>, and documents read live. Three files of our own; the browser is told to load,
/// and to talk to, nothing else.
/// </summary>
internal static class ApiPage
{
    private const string Policy = "default-src 'self'; img-src 'self' data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

    /// <summary>Serves it at <c>/</c> and <c>/docs</c>.</summary>
    public static void Map(WebApplication web)
    {
        Serve(web, "/", "index.html", "text/html; charset=utf-8");
        Serve(web, "/docs", "index.html", "text/html; charset=utf-8");
        Serve(web, "/docs/page.js", "page.js", "text/javascript; charset=utf-8");
        Serve(web, "/docs/page.css", "page.css", "text/css; charset=utf-8");
    }

    private static void Serve(WebApplication web, string path, string file, string contentType)
    {
        byte[] bytes = Read(file);
        web.MapGet(path, async (HttpContext context) =>
        {
            IHeaderDictionary headers = context.Response.Headers;
            headers.ContentSecurityPolicy = Policy;
            headers.XContentTypeOptions = "nosniff";
            headers["Referrer-Policy"] = "no-referrer";
            headers["Cross-Origin-Opener-Policy"] = "same-origin";
            headers.CacheControl = "no-cache";
            context.Response.ContentType = contentType;
            context.Response.ContentLength = bytes.Length;
            await context.Response.Body.WriteAsync(bytes, context.RequestAborted);
        });
    }

    private static byte[] Read(string file)
    {
        using Stream stream = typeof(ApiPage).Assembly.GetManifestResourceStream($"page/{file}") ?? throw new UnreachableException($"{file} is not in the assembly.");
        using var bytes = new MemoryStream();
        stream.CopyTo(bytes);
        return bytes.ToArray();
    }
}
