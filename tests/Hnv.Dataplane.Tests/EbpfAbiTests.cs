using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Hnv.Dataplane.Ebpf;
using Hnv.Vfp;

namespace Hnv.Dataplane.Tests;

/// <summary>What both sides of a map believe about it.</summary>
public sealed class EbpfAbiTests
{
    private static readonly (Type Type, string Name)[] s_structures =
    [
        (typeof(FlowKey), "flow_key"),
        (typeof(FlowAction), "flow_action"),
        (typeof(FlowCounters), "flow_counters"),
        (typeof(PortSlot), "port_slot"),
        (typeof(MemberKey), "member_key"),
        (typeof(NextHop), "next_hop"),
        (typeof(ProviderAddressKey), "provider_address"),
        (typeof(ProviderEndpointValue), "provider_endpoint"),
    ];

    [Fact]
    public void Header_IsWhatTheTypesSay()
    {
        string path = Path.Combine(RepositoryRoot(), "bpf", "abi.h"), generated = Generate();
        if (Environment.GetEnvironmentVariable("HNV_WRITE_ABI") is { Length: > 0 })
        {
            File.WriteAllText(path, generated);
        }

        Assert.Equal(generated, File.ReadAllText(path));
    }

    [Fact]
    public void Edits_AreTheEngines()
    {
        Assert.Equal(
            ((int)TranspositionEdits.DestinationMac, (int)TranspositionEdits.SourceMac, (int)TranspositionEdits.DecrementTtl, (int)TranspositionEdits.FixedDscp),
            (Abi.EditDestinationMac, Abi.EditSourceMac, Abi.EditDecrementTtl, Abi.EditFixedDscp));
        Assert.Equal(
            ((int)TranspositionEdits.Source, (int)TranspositionEdits.Destination, (int)TranspositionEdits.SourcePort, (int)TranspositionEdits.DestinationPort),
            (Abi.EditSource, Abi.EditDestination, Abi.EditSourcePort, Abi.EditDestinationPort));
        Assert.Equal((int)TranspositionEdits.Translation, Abi.EditTranslation);
    }

    private static string Generate()
    {
        StringBuilder text = new();
        text.Append("/* SPDX-License-Identifier: Apache-2.0 */\n")
            .Append("/* Generated from src/Hnv.Dataplane/Ebpf/Abi.cs; EbpfAbiTests compares, and writes it anew when HNV_WRITE_ABI is set. */\n")
            .Append("#pragma once\n#include <linux/types.h>\n\n");
        foreach (FieldInfo constant in typeof(Abi).GetFields())
        {
            text.Append(CultureInfo.InvariantCulture, $"#define {CName(constant.Name).ToUpperInvariant()} {constant.GetRawConstantValue()}\n");
        }

        foreach ((Type type, string name) in s_structures)
        {
            text.Append(CultureInfo.InvariantCulture, $"\nstruct {name} {{\n");
            int end = 0;
            foreach (FieldInfo field in type.GetFields().OrderBy(OffsetOf))
            {
                // A hole would be filled by each compiler in its own way.
                Assert.Equal(end, OffsetOf(field));
                (string c, int size) = CType(field);
                text.Append(CultureInfo.InvariantCulture, $"\t{c};\n");
                end += size;
            }

            int whole = type.StructLayoutAttribute!.Size;
            text.Append(end < whole ? string.Create(CultureInfo.InvariantCulture, $"\t__u8 unused[{whole - end}];\n") : "").Append("};\n");
        }

        return text.ToString();
    }

    private static int OffsetOf(FieldInfo field) => field.GetCustomAttribute<FieldOffsetAttribute>()!.Value;

    private static (string Declaration, int Size) CType(FieldInfo field)
    {
        string name = CName(field.Name);
        return field.FieldType switch
        {
            Type type when type == typeof(byte) => ($"__u8 {name}", 1),
            Type type when type == typeof(ushort) => ($"__u16 {name}", 2),
            Type type when type == typeof(uint) => ($"__u32 {name}", 4),
            Type type when type == typeof(ulong) => ($"__u64 {name}", 8),
            Type type when type == typeof(MacBytes) => ($"__u8 {name}[6]", 6),
            Type type when type == typeof(AddressWords) => ($"__u32 {name}[4]", 16),
            Type type => throw new NotSupportedException(type.Name),
        };
    }

    private static string CName(string name) =>
        string.Concat(name.Select((letter, i) => (i > 0 && char.IsUpper(letter) ? "_" : "") + char.ToLowerInvariant(letter)));

    private static string RepositoryRoot()
    {
        DirectoryInfo? folder = new(AppContext.BaseDirectory);
        while (folder is not null && !File.Exists(Path.Combine(folder.FullName, "Hnv.slnx")))
        {
            folder = folder.Parent;
        }

        return folder?.FullName ?? throw new InvalidOperationException($"No Hnv.slnx above {AppContext.BaseDirectory}.");
    }
}
