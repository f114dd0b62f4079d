//! Values that shells complete: ids of images that were listed last, and runs of this machine.

use clap::Command;
use gumnut_command_line::argument_at;
use gumnut_manage::listed_ids;
use gumnut_publish::Runs;
use gumnut_settings::default_state_dir;
use gumnut_types::ImageId;

fn runs() -> Vec<String> {
    let runs = default_state_dir().and_then(|folder| Runs::new(folder).list().ok());
    let runs = runs.unwrap_or_default();
    runs.iter().map(|run| run.id.to_string()).collect()
}

/// The values that the last of these words may become, the program's name not among them. None where it is no place for an
/// id or a run.
pub(crate) fn candidates(tree: &Command, words: &[String]) -> Vec<String> {
    let Some((last, before)) = words.split_last() else {
        return Vec::new();
    };
    let Some(argument) = argument_at(tree, before) else {
        return Vec::new();
    };
    let names: Vec<_> = argument
        .get_value_names()
        .unwrap_or_default()
        .iter()
        .flat_map(|name| name.split('|'))
        .collect();
    let mut values = Vec::new();
    for name in names {
        match name {
            "ID" => values.extend(listed_ids()),
            "EKI" => values.extend(listed_ids().into_iter().filter(|id| is_kernel(id))),
            "ERI" => values.extend(listed_ids().into_iter().filter(|id| is_ramdisk(id))),
            "RUN" => values.extend(runs()),
            _ => {}
        }
    }
    values.retain(|value| value.starts_with(last.as_str()));
    values
}

fn is_kernel(id: &str) -> bool {
    ImageId::parse_kernel(id).is_ok()
}

fn is_ramdisk(id: &str) -> bool {
    ImageId::parse_ramdisk(id).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(words: &str) -> Option<String> {
        let tree = crate::cli::tree();
        let words: Vec<_> = words.split_whitespace().map(str::to_owned).collect();
        let argument = argument_at(&tree, &words)?;
        Some(argument.get_value_names()?.first()?.to_string())
    }

    #[test]
    fn ids_and_runs_have_their_places() {
        assert_eq!(name("deregister").as_deref(), Some("ID"));
        assert_eq!(name("images emi-00000001").as_deref(), Some("ID"));
        assert_eq!(name("resume").as_deref(), Some("RUN"));
        assert_eq!(name("--config eucarc abort").as_deref(), Some("RUN"));
        assert_eq!(
            name("publish disk.img --kernel").as_deref(),
            Some("FILE|EKI")
        );
        assert_eq!(name("fetch -o disk.img").as_deref(), Some("ID|BUCKET/KEY"));
        assert_eq!(name("fetch -o").as_deref(), Some("FILE"));
        assert_eq!(name("doctor"), None);
    }
}
