//! The first screen: what to begin with, and all commands in groups.

use std::fmt::Write as _;

use clap::Command;

/// How the commands of a program are shown together.
#[derive(Clone, Copy, Debug)]
pub struct Overview {
    /// What the program is for.
    pub about: &'static str,
    /// What somebody types first, and what that does.
    pub start: &'static [(&'static str, &'static str)],
    /// The groups of commands in the order in which they are listed. A command that is in none is listed with the last.
    pub groups: &'static [(&'static str, &'static [&'static str])],
}

impl Overview {
    /// The first screen, in lines of at most 80 columns if the texts are short enough.
    pub fn first_screen(&self, tree: &Command) -> String {
        let (name, version) = (tree.get_name(), tree.get_version().unwrap_or_default());
        let mut text = format!("{name} {version}: {}\n\nStart here:\n", self.about);
        for (command, what) in self.start {
            let _ = writeln!(text, "  {command:24} {what}");
        }
        text.push_str("\nCommands:\n");
        for (group, commands) in self.groups_of(tree) {
            let names: Vec<_> = commands.iter().map(|command| command.get_name()).collect();
            let _ = writeln!(text, "  {group:9} {}", names.join(" "));
        }
        let _ = writeln!(
            text,
            "\n`{name} COMMAND --help` explains a command, `{name} --help` lists all."
        );
        text
    }

    /// All commands with a line about each, in their groups.
    pub fn listing(&self, tree: &Command) -> String {
        let mut text = String::new();
        for (group, commands) in self.groups_of(tree) {
            let _ = writeln!(text, "{group}:");
            for command in commands {
                let about = command.get_about().map(ToString::to_string);
                let about = about.unwrap_or_default();
                let name = command.get_name();
                let _ = writeln!(text, "  {name:12} {}", about.trim_end_matches('.'));
            }
        }
        text
    }

    /// The commands of each group that are shown.
    fn groups_of<'t>(&self, tree: &'t Command) -> Vec<(&'static str, Vec<&'t Command>)> {
        let is_grouped = |name: &str| self.groups.iter().any(|(_, names)| names.contains(&name));
        let mut groups: Vec<(_, Vec<_>)> = self
            .groups
            .iter()
            .map(|(group, names)| {
                let known = names.iter().filter_map(|name| tree.find_subcommand(name));
                (*group, known.collect())
            })
            .collect();
        if let Some((_, last)) = groups.last_mut() {
            let others = tree.get_subcommands();
            last.extend(others.filter(|command| !is_grouped(command.get_name())));
        }
        for (_, commands) in &mut groups {
            commands.retain(|command| !command.is_hide_set());
        }
        groups
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_command_is_listed_once_and_hidden_ones_never() {
        let command = |name: &'static str| Command::new(name).about("Does it.");
        let tree = Command::new("tool")
            .subcommands(["get", "put", "lost"].map(command))
            .subcommand(command("secret").hide(true));
        let overview = Overview {
            about: "",
            start: &[],
            groups: &[("things", &["put", "get", "later"]), ("other", &["help"])],
        };
        let listed = "things:\n  put          Does it\n  get          Does it\nother:\n  lost         Does it\n";
        assert_eq!(overview.listing(&tree), listed);
        assert!(overview.first_screen(&tree).contains("  other     lost\n"));
    }
}
