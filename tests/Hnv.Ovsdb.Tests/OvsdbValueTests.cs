using System.Buffers;
using System.Text;
using System.Text.Json;

namespace Hnv.Ovsdb.Tests;

public sealed class OvsdbValueTests
{
    private static readonly OvsdbColumnSchema s_set = new("tags", OvsdbAtomKind.String, null, 0, int.MaxValue);
    private static readonly OvsdbColumnSchema s_optional = new("keeper", OvsdbAtomKind.String, null, 0, 1);
    private static readonly OvsdbColumnSchema s_map = new("notes", OvsdbAtomKind.String, OvsdbAtomKind.String, 0, int.MaxValue);

    [Theory]
    [InlineData("\"a\"")]
    [InlineData("[\"set\",[]]")]
    [InlineData("[\"set\",[\"a\",\"b\"]]")]
    [InlineData("[\"map\",[[\"k\",1],[\"l\",2]]]")]
    [InlineData("[\"map\",[]]")]
    [InlineData("[\"uuid\",\"3b241101-e2bb-4255-8caf-4136c566a962\"]")]
    [InlineData("[\"named-uuid\",\"row0\"]")]
    [InlineData("-9223372036854775808")]
    [InlineData("9223372036854775807")]
    [InlineData("true")]
    [InlineData("1.5")]
    public void Write_WhatWasRead_IsTheSameText(string json) => Assert.Equal(json, Write(Read(json)));

    [Fact]
    public void Read_SetOfOneInBrackets_EqualsTheBareAtom() => Assert.Equal(Read("\"a\""), Read("[\"set\",[\"a\"]]"));

    [Fact]
    public void Read_IntegerBeyond64Bits_IsRefusedForAnIntegerColumn() =>
        Assert.Throws<FormatException>(() => OvsdbAtom.Read(Parse("9223372036854775808"), OvsdbAtomKind.Integer));

    [Fact]
    public void Read_WholeNumberInARealColumn_IsReal() => Assert.Equal(3.0, OvsdbAtom.Read(Parse("3"), OvsdbAtomKind.Real).Real);

    [Fact]
    public void Equals_SetsInOtherOrder_AreEqual() => Assert.Equal(OvsdbValue.Set(["b", "a"]), OvsdbValue.Set(["a", "b", "a"]));

    [Fact]
    public void Equals_EmptySetAndEmptyMap_Differ() => Assert.NotEqual(OvsdbValue.EmptySet, OvsdbValue.EmptyMap);

    [Theory]
    [InlineData("[\"set\",[\"a\",\"b\"]]", "[\"set\",[\"a\",\"c\"]]", "[\"set\",[\"b\",\"c\"]]")]
    [InlineData("[\"set\",[\"a\",\"b\"]]", "\"a\"", "\"b\"")]
    [InlineData("[\"set\",[]]", "\"a\"", "\"a\"")]
    public void Apply_SetDifference_IsSymmetric(string old, string difference, string expected) =>
        Assert.Equal(Read(expected), Read(old).Apply(Read(difference), s_set));

    [Theory]
    [InlineData("\"a\"", "\"b\"", "\"b\"")]
    [InlineData("\"a\"", "[\"set\",[]]", "[\"set\",[]]")]
    public void Apply_OptionalColumn_TakesTheNewValue(string old, string difference, string expected) =>
        Assert.Equal(Read(expected), Read(old).Apply(Read(difference), s_optional));

    [Theory]
    [InlineData("[\"map\",[[\"k\",\"1\"],[\"l\",\"2\"]]]", "[\"map\",[[\"k\",\"1\"]]]", "[\"map\",[[\"l\",\"2\"]]]")]
    [InlineData("[\"map\",[[\"k\",\"1\"]]]", "[\"map\",[[\"k\",\"9\"],[\"m\",\"3\"]]]", "[\"map\",[[\"k\",\"9\"],[\"m\",\"3\"]]]")]
    public void Apply_MapDifference_RemovesEqualEntriesAndPutsOthers(string old, string difference, string expected) =>
        Assert.Equal(Read(expected), Read(old).Apply(Read(difference), s_map));

    private static OvsdbValue Read(string json) => OvsdbValue.Read(Parse(json));

    private static JsonElement Parse(string json) => JsonDocument.Parse(json).RootElement;

    private static string Write(OvsdbValue value)
    {
        ArrayBufferWriter<byte> bytes = new();
        using (Utf8JsonWriter json = new(bytes))
        {
            value.Write(json);
        }

        return Encoding.UTF8.GetString(bytes.WrittenSpan);
    }
}
