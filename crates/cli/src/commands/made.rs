//! What an image of a tree of files is, and what was left out of it, removed and changed.

use std::path::Path;

use gumnut_maker::{Made, MakeError, NoteKind, Notes, Summary};
use gumnut_terminal::{Failure, Lines, Output};
use gumnut_types::ByteSize;

/// Files of one kind that are listed; `--json` has all.
const LISTED: usize = 20;

/// An error with its exit code and what to try next.
pub(crate) fn failure(error: MakeError) -> anyhow::Error {
    // Errors of images have hints of their own.
    let error = match error {
        MakeError::Image(error) => return error.into(),
        error => error,
    };
    let mut failure = Failure::new(error.fault().into(), error.to_string());
    if let Some(hint) = error.hint() {
        failure = failure.hint(hint);
    }
    failure.caused_by(&error).into()
}

/// Says what would be made.
pub(crate) fn report_plan(output: &Output, summary: &Summary) -> Result<(), anyhow::Error> {
    tell(output, summary, &summary.notes);
    let mut json = summary.json(&summary.notes);
    json["dry_run"] = true.into();
    let size = ByteSize(summary.size);
    output.result(
        &json,
        &Lines::one(format!("an image of {size}, {} bytes", summary.size)),
    )
}

/// Says what was made.
pub(crate) fn report(
    output: &Output,
    path: &Path,
    summary: &Summary,
    made: &Made,
) -> Result<(), anyhow::Error> {
    tell(output, summary, &made.notes);
    let mut json = summary.json(&made.notes);
    json["image"] = path.to_string_lossy().into();
    json["free"] = made.free.into();
    json["checked"] = made.checked.into();
    output.result(&json, &Lines::one(path.display()))
}

/// A path in the image as it can be printed.
fn shown(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii())
}

/// Says what the image is, and what was left out, removed or changed.
pub(crate) fn tell(output: &Output, summary: &Summary, notes: &Notes) {
    let label = match summary.label.as_str() {
        "" => String::new(),
        label => format!(", label {label}"),
    };
    output.say(format!(
        "{} files with {}; {} of {}, UUID {}{label}",
        summary.files,
        ByteSize(summary.bytes),
        summary.file_system_name(),
        ByteSize(summary.size),
        summary.uuid,
    ));
    match summary.kernels.first() {
        None => output.say("no kernel in /boot: an instance needs one that is registered apart"),
        Some(kernel) => {
            let ramdisk = match &kernel.ramdisk {
                Some((path, _)) => format!(" with {}", shown(path)),
                None => ", without a ramdisk".to_owned(),
            };
            output.say(format!("kernel {}{ramdisk}", shown(&kernel.path)));
        }
    }
    if summary.clamped_times > 0 {
        Output::warn(format!(
            "{} files have times that the file system cannot have; they get the nearest ones",
            summary.clamped_times
        ));
    }
    tell_notes(output, notes, |_| true);
}

/// Says what happened to the source while it was read.
pub(crate) fn tell_changes(output: &Output, notes: &Notes) {
    let kinds = [NoteKind::Changed, NoteKind::Shortened, NoteKind::Vanished];
    tell_notes(output, notes, |kind| kinds.contains(&kind));
}

/// Says how many notes of some kinds there are, and lists them.
fn tell_notes(output: &Output, notes: &Notes, wanted: impl Fn(NoteKind) -> bool) {
    for (kind, count) in notes.counts().filter(|(kind, _)| wanted(*kind)) {
        let text = format!("{count} {}", kind.words());
        let is_warning = matches!(
            kind,
            NoteKind::Changed | NoteKind::Shortened | NoteKind::Xattr
        );
        if is_warning {
            Output::warn(text);
        } else {
            output.say(text);
        }
        let of_kind = notes.list().iter().filter(|note| note.kind == kind);
        for note in of_kind.take(LISTED) {
            let reason = match note.reason.as_str() {
                "" => String::new(),
                reason => format!(" ({reason})"),
            };
            output.say(format!("  {}{reason}", shown(&note.path)));
        }
    }
}
