//! The argument that a word of a command line stands for.

use clap::{Arg, Command};

/// The argument whose value comes behind these words of a command line, the program's name not among them. `None`: there is no
/// place for a value.
pub fn argument_at<'t>(tree: &'t Command, words: &[String]) -> Option<&'t Arg> {
    let (mut command, mut position) = (tree, 0);
    let mut option = None;
    for word in words {
        if option.take().is_some() {
            continue;
        }
        if word.starts_with('-') && word != "-" {
            option = valued(command, tree, word);
        } else if let Some(inner) = command.find_subcommand(word) {
            (command, position) = (inner, 0);
        } else {
            position += 1;
        }
    }
    option.or_else(|| {
        let positionals: Vec<_> = command.get_positionals().collect();
        // The last may be repeated.
        let place = positionals.get(position).or(positionals.last());
        place.copied()
    })
}

/// The option of this name if the next word is its value.
fn valued<'t>(command: &'t Command, tree: &'t Command, word: &str) -> Option<&'t Arg> {
    let is_it = |arg: &&Arg| {
        let long = word.strip_prefix("--");
        let short = word
            .strip_prefix('-')
            .filter(|rest| rest.chars().count() == 1);
        long.is_some() && arg.get_long() == long
            || short.is_some() && arg.get_short() == short.and_then(|rest| rest.chars().next())
    };
    let found = command
        .get_arguments()
        .chain(tree.get_arguments())
        .find(is_it)?;
    found.get_action().takes_values().then_some(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &str) -> Option<String> {
        let option = Arg::new("output")
            .short('o')
            .long("output")
            .value_name("FILE");
        let tree = Command::new("tool")
            .arg(Arg::new("config").long("config").global(true))
            .subcommand(Command::new("get").arg(Arg::new("id")).arg(option))
            .subcommand(Command::new("list").arg(Arg::new("ids").num_args(0..)))
            .subcommand(Command::new("none"));
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        argument_at(&tree, &words).map(|arg| arg.get_id().to_string())
    }

    #[test]
    fn a_place_is_known_by_the_words_before_it() {
        assert_eq!(name("get").as_deref(), Some("id"));
        assert_eq!(name("list 1 2").as_deref(), Some("ids"));
        assert_eq!(name("get 1 -o").as_deref(), Some("output"));
        assert_eq!(name("get -o file").as_deref(), Some("id"));
        assert_eq!(name("--config file get").as_deref(), Some("id"));
        assert_eq!(name("get --config").as_deref(), Some("config"));
        assert_eq!(name("none"), None);
        assert_eq!(name(""), None);
    }
}
