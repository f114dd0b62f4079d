//! The ids of images that were listed last, for the completions of shells.

use std::collections::BTreeSet;
use std::io;
use std::path::PathBuf;

use gumnut_settings::default_cache_dir;
use gumnut_types::ImageId;

/// Most ids that are kept.
const MOST: usize = 5000;
/// Longest file of ids that is read, in bytes.
const LONGEST: u64 = 1 << 20;

/// Keeps the ids of a listing for the next completion. That they are kept matters to nobody who does not complete.
pub(crate) fn remember<'i>(ids: impl Iterator<Item = &'i str>) {
    let ids: BTreeSet<_> = ids.take(MOST).map(str::to_owned).collect();
    let _ = write(&ids);
}

fn write(ids: &BTreeSet<String>) -> io::Result<()> {
    let Some(path) = cache() else {
        return Ok(());
    };
    if let Some(folder) = path.parent() {
        fs_err::create_dir_all(folder)?;
    }
    let text: String = ids.iter().flat_map(|id| [id, "\n"]).collect();
    // Two listings at once: the one that renames last is right.
    let temporary = path.with_extension(std::process::id().to_string());
    fs_err::write(&temporary, text)?;
    fs_err::rename(temporary, path)
}

/// The file of ids; `None` when there is no home directory.
fn cache() -> Option<PathBuf> {
    Some(default_cache_dir()?.join("image-ids"))
}

/// The ids that were listed last and have the form of ids.
pub fn listed_ids() -> Vec<String> {
    let read = cache().and_then(|path| {
        let length = fs_err::metadata(&path).ok()?.len();
        (length <= LONGEST).then(|| fs_err::read_to_string(path).ok())?
    });
    read.unwrap_or_default()
        .lines()
        .filter(|line| line.parse::<ImageId>().is_ok())
        .map(str::to_owned)
        .collect()
}
