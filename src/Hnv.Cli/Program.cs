using System.CommandLine;
using Hnv.Cli;
using Hnv.Cli.Resources;
using Hnv.Cli.Vfp;

RootCommand root = new("OpenHNV: isolated tenant networks with any addresses, on Linux hosts.")
{
    LabCommands.Create(),
    PortCommands.Create(),
    ResourceCommands.Get(),
    ResourceCommands.Put(),
    ResourceCommands.Delete(),
    ApplyCommands.Apply(),
    ApplyCommands.Diff(),
    WaitCommand.Create(),
    HostCommands.Status(),
    HostCommands.Mappings(),
    HostCommands.Flows(),
    PkiCommands.Create(),
    VfpCommand.Create(),
    TraceCommand.Create(),
    CheckCommand.Create(),
    DropsCommand.Create(),
    CaptureCommand.Create(),
    BenchCommands.Bench(),
    CompletionCommand.Create(),
};
root.Options.Add(CommandLine.ControllerOption);
root.Options.Add(CommandLine.AgentOption);
root.Options.Add(CommandLine.IdentityOption);
root.Options.Add(CommandLine.HostOption);
root.Options.Add(CommandLine.LabOption);
root.Options.Add(CommandLine.OutputOption);
return await CommandLine.RunAsync(root, VfpSpelling.Normalize(args, VfpCommand.Verbs));
