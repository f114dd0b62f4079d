//! Completions for shells.

use clap::Command;
use clap_complete::Shell;

/// What the script of bash gets in addition: values that only the program knows.
const BASH: &str = r#"
_NAME_values() {
    _NAME "$@"
    local values
    values=$(NAME complete -- "${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
    if [[ -n $values ]]; then
        COMPREPLY+=($values)
    fi
}
complete -F _NAME_values -o nosort -o bashdefault -o default NAME
"#;

/// What the script of zsh gets in the place of its last lines, which call the function that it defines.
const ZSH: &str = r#"
_NAME_values() {
    _NAME "$@"
    local -a values
    values=(${(f)"$(NAME complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    (( $#values )) && compadd -a values
}
if [ "$funcstack[1]" = "_NAME" ]; then
    _NAME_values "$@"
else
    compdef _NAME_values NAME
fi
"#;

/// What the script of fish gets in addition.
const FISH: &str = r#"
complete -c NAME -a "(NAME complete -- (commandline -opc)[2..] (commandline -ct) 2>/dev/null)"
"#;

/// The script that completes commands, options and their values in a shell. In bash, zsh and fish it also asks the program: `NAME
/// complete -- WORD...` prints the values that the last of the words up to the cursor may become.
pub fn completions(shell: Shell, tree: &mut Command) -> String {
    let name = tree.get_name().to_owned();
    let mut bytes = Vec::new();
    clap_complete::generate(shell, tree, &name, &mut bytes);
    let script = String::from_utf8_lossy(&bytes);
    let (script, more) = match shell {
        Shell::Bash => (&*script, BASH),
        Shell::Zsh => {
            let call = script.rfind("if [ \"$funcstack[1]\"");
            (&script[..call.unwrap_or(script.len())], ZSH)
        }
        Shell::Fish => (&*script, FISH),
        _ => (&*script, ""),
    };
    format!("{script}{}", more.replace("NAME", &name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scripts_ask_the_program() {
        for (shell, begins) in [
            (Shell::Bash, "complete -F _tool_values"),
            (Shell::Zsh, "compdef _tool_values tool"),
            (Shell::Fish, "complete -c tool -a \"(tool complete --"),
        ] {
            let mut tree = Command::new("tool").subcommand(Command::new("get"));
            let script = completions(shell, &mut tree);
            assert!(script.contains(begins), "{script}");
            assert_eq!(script.matches("compdef _tool tool").count(), 0);
        }
    }
}
