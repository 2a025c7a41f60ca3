using System.CommandLine;

namespace Hnv.Cli;

/// <summary><c>hnv completion bash|zsh|fish</c>: a script that asks the command itself what could come next.</summary>
internal static class CompletionCommand
{
    private const string Bash = """
        # hnv completion for bash:  eval "$(hnv completion bash)"
        _hnv() {
          local word=${COMP_LINE:0:COMP_POINT} line=${COMP_LINE#* }
          word=${word##*[[:space:]]}
          local position=$((COMP_POINT - (${#COMP_LINE} - ${#line})))
          mapfile -t COMPREPLY < <(compgen -W "$("${COMP_WORDS[0]}" "[suggest:$position]" "$line" 2>/dev/null)" -- "$word")
          [ ${#COMPREPLY[@]} -gt 0 ] || mapfile -t COMPREPLY < <(compgen -f -- "$word")
        }
        complete -o filenames -F _hnv hnv ./hnv
        """;

    private const string Zsh = """
        # hnv completion for zsh:  eval "$(hnv completion zsh)"
        _hnv() {
          local line="${BUFFER#* }" position=$((CURSOR - (${#BUFFER} - ${#${BUFFER#* }})))
          local -a candidates
          candidates=("${(@f)$("${words[1]}" "[suggest:$position]" "$line" 2>/dev/null)}")
          candidates=(${candidates:#})
          if (( ${#candidates} )); then compadd -Q -a candidates; else _files; fi
        }
        (( $+functions[compdef] )) || { autoload -Uz compinit && compinit }
        compdef _hnv hnv ./hnv
        """;

    private const string Fish = """
        # hnv completion for fish:  hnv completion fish | source
        function __hnv_complete
            set -l line (commandline -cp)
            set -l rest (string replace -r '^\S+\s?' '' -- $line)
            set -l program (commandline -po)[1]
            eval $program '"[suggest:"(string length -- "$rest")"]"' (string escape -- "$rest") 2>/dev/null
        end
        complete -c hnv -f -a '(__hnv_complete)'
        """;

    public static Command Create()
    {
        Argument<string> shell = new Argument<string>("shell") { Description = "bash, zsh or fish" }.AcceptOnlyFromAmong("bash", "zsh", "fish");
        return new Command("completion", "Print a shell completion script").With(shell).Example("eval \"$(hnv completion bash)\"", "hnv completion fish | source").Does((parsed, _) =>
        {
            Console.Out.WriteLine(parsed.GetRequiredValue(shell) switch { "zsh" => Zsh, "fish" => Fish, _ => Bash });
            return Task.FromResult(0);
        });
    }
}
