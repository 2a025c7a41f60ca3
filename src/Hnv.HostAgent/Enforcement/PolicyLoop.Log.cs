namespace Hnv.HostAgent.Enforcement;

/// <content>What the loop says. Event ids 3000-3099.</content>
internal sealed partial class PolicyLoop
{
    [LoggerMessage(3000, LogLevel.Information, "Policy {Configuration} is in force: {Ports} ports, {Mappings} mappings, compiled in {Milliseconds:F1} ms")]
    private partial void LogInstalled(long configuration, int ports, int mappings, double milliseconds);

    [LoggerMessage(3001, LogLevel.Warning, "Policy fault: {Fault}")]
    private partial void LogPolicyFault(string fault);

    [LoggerMessage(3002, LogLevel.Error, "A pass over the policy failed; what is in force stays, the next pass tries again")]
    private partial void LogPassFailed(Exception error);

    [LoggerMessage(3003, LogLevel.Information, "{Adopted} flows that the kernel went on carrying were adopted in {Milliseconds:F1} ms, {Rejected} were not")]
    private partial void LogAdopted(int adopted, int rejected, double milliseconds);

    [LoggerMessage(3004, LogLevel.Warning, "The flows that the kernel went on carrying could not be adopted, and are decided anew: {Reason}")]
    private partial void LogNotAdopted(string reason);
}
