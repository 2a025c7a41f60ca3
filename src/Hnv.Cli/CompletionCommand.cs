using System.CommandLine;

namespace Hnv.Cli;

/// <summary><c>hnv completion bash</c>: a script that asks the command itself what could come next.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # hnv completion for bash:  eval "$(hnv completion bash)"
        _hnv() {
          local word=${COMP_WORDS[COMP_CWORD]} line=${COMP_LINE#* }
          local position=$((COMP_POINT - (${#COMP_LINE} - ${#line})))
          mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$position]" "$line" 2>/dev/null)" -- "$word")
          [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
        }
        complete -o filenames -F _hnv hnv ./hnv
        """;

    private const string Zsh = """
        # hnv completion for zsh:  eval "$(hnv completion zsh)"
        autoload -U +X bashcompinit && bashcompinit
        """;

    public static Command Create()
    {
        Argument<string> shell = new Argument<string>("shell") { Description = "bash or zsh" }.AcceptOnlyFromAmong("bash", "zsh");
        return new Command("completion", "Print a shell completion script").With(shell).Example("eval \"$(hnv completion bash)\"").Does((parsed, _) =>
        {
            Console.Out.WriteLine(parsed.GetRequiredValue(shell) == "zsh" ? Zsh + Environment.NewLine + Bash : Bash);
            return Task.FromResult(0);
        });
    }
}
