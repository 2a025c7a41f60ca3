using System.Text.Json;
using System.Text.Json.Serialization;
using Hnv.Lab.Fabric;
using Hnv.Lab.Topology;
using Hnv.Primitives;

namespace Hnv.Lab.Running;

/// <summary>What is written down about a running lab, in <c>/run/openhnv/lab/NAME/lab.json</c>.</summary>
/// <param name="Name">The lab's name.</param>
/// <param name="File">The file it was made from; for people.</param>
/// <param name="Text">The text of that file, as it was then.</param>
/// <param name="Settings">Its parameters.</param>
/// <param name="Nvgre">True when NVGRE was asked for on the command line.</param>
/// <param name="Executor">The executor asked for; null is the agents' own choice.</param>
public sealed record LabState(string Name, string File, string Text, IReadOnlyDictionary<string, long> Settings, bool Nvgre, string? Executor)
{
    private LabTopology? _topology;

    /// <summary>True once everything was made and configured.</summary>
    public bool Ready { get; init; }

    /// <summary>The services: controller and agents.</summary>
    public IReadOnlyList<ProcessIdentity> Processes { get; init; } = [];

    /// <summary>Where moved machines are now: machine → host.</summary>
    public IReadOnlyDictionary<string, string> Moved
    {
        get;
        init
        {
            field = value;
            _topology = null;       // a copy of this record brings along what was resolved before the move
        }
    } = new Dictionary<string, string>();

    /// <summary>Step → milliseconds it took.</summary>
    public IReadOnlyDictionary<string, double> Timings { get; init; } = new Dictionary<string, double>();

    /// <summary>The topology, machines where they are now.</summary>
    [JsonIgnore]
    public LabTopology Topology => _topology ??= Resolve();

    /// <summary>Names of everything in it.</summary>
    [JsonIgnore]
    public LabNames Names => new(Name);

    /// <summary>Reads the state of a lab; null when there is none or it is unreadable.</summary>
    public static LabState? TryLoad(string name)
    {
        try
        {
            return JsonSerializer.Deserialize(System.IO.File.ReadAllText(new LabNames(name).StateFile), LabStateJson.Default.LabState);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or JsonException)
        {
            return null;
        }
    }

    /// <summary>Names of the labs that have a directory.</summary>
    public static IReadOnlyList<string> All() =>
        Directory.Exists(LabNames.Root) ? [.. Directory.EnumerateDirectories(LabNames.Root).Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal)] : [];

    /// <summary>The lab of that name, or the only one that runs.</summary>
    /// <exception cref="LabException">There is none, or there are several.</exception>
    public static LabState Find(string? name)
    {
        IReadOnlyList<string> all = All();
        string only = name ?? all.Count switch
        {
            1 => all[0],
            0 => throw new LabException("No lab is up. Start one: hnv lab up labs/figure8.yaml"),
            _ => throw new LabException($"Several labs are up ({string.Join(", ", all)}). Say which one: --lab {all[0]}"),
        };
        return TryLoad(only) ?? throw new LabException($"Lab {only} is not up{(all.Count == 0 ? "" : $"; up: {string.Join(", ", all)}")}. Start it: hnv lab up labs/FILE.yaml");
    }

    /// <summary>Writes it; a reader sees the old or the new state, never half of one.</summary>
    public void Save()
    {
        string file = Names.StateFile;
        Directory.CreateDirectory(Names.Directory);
        System.IO.File.WriteAllText(file + ".new", JsonSerializer.Serialize(this, LabStateJson.Default.LabState));
        System.IO.File.Move(file + ".new", file, overwrite: true);
    }

    private LabTopology Resolve()
    {
        LabTopology asked = TopologyFile.Parse(Text, File, Settings);
        return asked with
        {
            Encapsulation = Nvgre ? EncapsulationType.Nvgre : asked.Encapsulation,
            Machines = [.. asked.Machines.Select(machine => machine with { Host = Moved.GetValueOrDefault(machine.Name, machine.Host) })],
        };
    }
}

[JsonSourceGenerationOptions(WriteIndented = true, PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
[JsonSerializable(typeof(LabState))]
internal sealed partial class LabStateJson : JsonSerializerContext;
