using System.Text.RegularExpressions;
using Hnv.Vfp;

namespace Hnv.Architecture.Tests;

/// <summary>Documents that name what is not there are wrong; this is where they are caught.</summary>
public sealed partial class DocumentTests
{
    [Theory]
    [InlineData("ARCHITECTURE.md")]
    [InlineData("README.md")]
    [InlineData("SPECIFICATION.md")]
    [InlineData("CONTRIBUTING.md")]
    public void Document_NamesOnlyPathsThatExist(string document)
    {
        IEnumerable<string> missing = PathInCode().Matches(RepositoryFiles.Read(document))
            .Select(match => match.Groups["path"].Value)
            .Where(path => !RepositoryFiles.Exists(path));

        Assert.Empty(missing);
    }

    [Fact]
    public void Specification_NamesOnlyTestsThatExist()
    {
        var methods = RepositoryFiles.Sources("tests").SelectMany(file => TestClassOrMethod().Matches(RepositoryFiles.Read(file)).Select(match => match.Groups["name"].Value)).ToHashSet(StringComparer.Ordinal);

        IEnumerable<string> missing = TestReference().Matches(RepositoryFiles.Read("SPECIFICATION.md"))
            .SelectMany(match => match.Groups["name"].Value.Split('.'))
            .Where(name => !methods.Contains(name));

        Assert.Empty(missing);
    }

    [Theory]
    [MemberData(nameof(DropReasons))]
    public void DropReason_StandsInTheGlossary(DropReason reason) =>
        Assert.Contains($"| {(int)reason} | `{reason}` |", RepositoryFiles.Read("GLOSSARY.md"), StringComparison.Ordinal);

    [Fact]
    public void ArchitectureDocument_ListsEveryRoom()
    {
        string text = RepositoryFiles.Read("ARCHITECTURE.md");

        IEnumerable<string> unlisted = Directory.EnumerateDirectories(Path.Combine(RepositoryFiles.Root, "src"))
            .Select(folder => Path.GetFileName(folder)!)
            .Where(room => !text.Contains($"`src/{room}`", StringComparison.Ordinal));

        Assert.Empty(unlisted);
    }

    public static TheoryData<DropReason> DropReasons => [.. Enum.GetValues<DropReason>()];

    [GeneratedRegex("`(?<path>(?:src|tests|docs|bench|eng|labs|demo)/[A-Za-z0-9_./-]*[A-Za-z0-9_/-])`")]
    private static partial Regex PathInCode();

    [GeneratedRegex("`(?<name>[A-Z][A-Za-z0-9]*Tests(?:\\.[A-Z][A-Za-z0-9_]*)?)`")]
    private static partial Regex TestReference();

    [GeneratedRegex("(?:class|void|Task|ValueTask) (?<name>[A-Z][A-Za-z0-9_]*)")]
    private static partial Regex TestClassOrMethod();
}
