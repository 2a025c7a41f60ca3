namespace Hnv.HostAgent;

/// <summary>The agent cannot start on this host; the message says why and what to do.</summary>
public sealed class AgentStartException(string message, Exception? inner = null) : Exception(message, inner);
