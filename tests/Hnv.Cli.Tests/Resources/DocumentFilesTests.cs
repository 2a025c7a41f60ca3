using System.Text.Json.Nodes;
using Hnv.Cli.Resources;
using Hnv.Client.Declarative;

namespace Hnv.Cli.Tests.Resources;

/// <summary>Documents in files: JSON and YAML, many to a file, with the line of every member.</summary>
public sealed class DocumentFilesTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("hnv-f-").FullName;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [Fact]
    public void Parse_ManyYamlDocuments_EachKnowsItsLines()
    {
        IReadOnlyList<AskedResource> all = DocumentFiles.Parse("""
            # two
            resourceRef: /a/b
            properties:
              list:
              - name: x
              - name: y
            ---
            resourceRef: /c/d
            """, "f.yaml");

        Assert.Equal(2, all.Count);
        Assert.Equal("f.yaml:6", all[0].At("properties.list[1].name"));
        Assert.Equal("f.yaml:6", all[0].At("properties.list[1].other.deeper"));
        Assert.Equal("f.yaml:8", all[1].At("resourceRef"));
    }

    [Fact]
    public void Parse_Scalars_KeepTheirTypes()
    {
        JsonNode properties = DocumentFiles.Parse("""
            properties: {text: "5001", number: 5001, leading: 0123, version: 1.10, yes: yes, truth: true, none: null, prefix: 10.1.1.0/24, mac: 00-1D-D8-01-00-00, star: "*", empty: ""}
            """, "f")[0].Body["properties"]!;

        Assert.Equal("""{"text":"5001","number":5001,"leading":"0123","version":1.10,"yes":"yes","truth":true,"none":null,"prefix":"10.1.1.0/24","mac":"00-1D-D8-01-00-00","star":"*","empty":""}""", properties.ToJsonString());
    }

    [Fact]
    public void Read_FolderWithJsonAndYaml_ReadsAllBelowInOrder()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "b"));
        Write("a.yaml", "resourceRef: /x/1");
        Write("b/c.json", "[\n\t{\"resourceRef\": \"/x/2\"},\n\t{\"resourceRef\":\t\"/x/3\"}\n]");
        Write("b/d.yml", "value:\n- resourceRef: /x/4\n");
        Write("notes.txt", "not: [ours");

        IReadOnlyList<AskedResource> all = DocumentFiles.Read([_folder]);

        Assert.Equal(["/x/1", "/x/2", "/x/3", "/x/4"], all.Select(one => (string?)one.Body["resourceRef"]));
        Assert.EndsWith("c.json:3", all[2].At("resourceRef"), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("f.yaml", "a: b: c", "f.yaml:1: this is not YAML")]
    [InlineData("f.yaml", "a: 1\na: 2", "this is not YAML")]
    [InlineData("f.yaml", "just text", "a document is an object")]
    [InlineData("f.json", "{\n\"a\":}", "f.json:2: this is not JSON")]
    [InlineData("f.json", "{\"a\":1,\"a\":2}", "this is not JSON")]
    [InlineData("f.yaml", "a: &x [*x]", "")]
    [InlineData("f.yaml", "# nothing", "There is no document")]
    public void Read_WhatIsNoDocument_SaysWhereAndWhy(string name, string text, string message)
    {
        Write(name, text);

        Assert.Contains(message, Assert.Throws<CommandException>(() => DocumentFiles.Read([Path.Combine(_folder, name)])).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Parse_AliasesThatMultiply_AreRefused()
    {
        string text = "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n" + string.Concat(Enumerable.Range(1, 8).Select(i => $"a{i}: &a{i} [{string.Join(',', Enumerable.Repeat($"*a{i - 1}", 10))}]\n"));

        Assert.Contains("more than", Assert.Throws<CommandException>(() => DocumentFiles.Parse(text, "bomb")).Message, StringComparison.Ordinal);
    }

    private void Write(string name, string text) => File.WriteAllText(Path.Combine(_folder, name), text);
}
