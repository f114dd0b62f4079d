//! The tutorial of 2010, command by command, in the dialect of 2010 on the embedded cloud as Eucalyptus 2.0.
//!
//! The commands are those of the page, to the letter, and so is what they print. Where page and program differ on purpose:
//!
//! 1. The page shows a tab, or several, as one blank and leaves out those at the end of a line. [`as_shown`] does the same;
//!    the tabs of the last listing are compared in full at the end.
//! 2. The page shows three dots as one character.
//! 3. The last listing stands on the page without its command, `euca-describe-images`.
//! 4. The author's buckets existed: no line says that they are made. Here they are made before.
//! 5. The author's disk of 4 GiB gave 39 parts. The rule is one part for each 10 MiB of the bundle, begun ones included. The disk
//!    here is smaller unless `GUMNUT_TUTORIAL_PARTS` says otherwise (`cargo xtask tutorial`: 39, of a disk of 4 GiB), and of the page's lines of
//!    parts as many are expected as the rule gives.

mod instances;

use std::path::Path;
use std::process::Command;

use gumnut_tests::{Cloud, Outcome, Program, fixture, patterned};

/// Bytes of a part.
const PART: u64 = 10 << 20;
/// The disk.
const DISK: &str = "new_centos.5-3.x86.img";
/// The times that give the page's ids: for the kernel, the ramdisk and the disk.
const TIMES: &str = "1276410057498,1275215482490,1275606157552";
/// Parts of the disk without another wish.
const PARTS: u64 = 3;
/// Parts and bytes of the author's disk.
const AUTHORS: (u64, u64) = (39, 4 << 30);

/// A command and the lines that the page shows for it.
struct Step {
    command: String,
    lines: Vec<String>,
}

/// The page.
fn page() -> Vec<Step> {
    let text = fs_err::read_to_string(fixture("tutorial/transcript.txt")).unwrap();
    let mut steps: Vec<Step> = Vec::new();
    let mut registered = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                lines: Vec::new(),
            });
        } else {
            if registered && line.starts_with("IMAGE eki-") {
                // Deviation 3.
                steps.push(Step {
                    command: "euca-describe-images".to_owned(),
                    lines: Vec::new(),
                });
            }
            steps.last_mut().unwrap().lines.push(line.to_owned());
        }
        registered = line == "IMAGE emi-9FE813FD";
    }
    steps
}

/// A line as the page would show it (deviations 1 and 2).
fn as_shown(line: &str) -> String {
    let columns: Vec<_> = line
        .split('\t')
        .filter(|column| !column.is_empty())
        .collect();
    columns.join(" ").replace("...", "…")
}

/// How many parts the disk has.
fn parts() -> u64 {
    std::env::var("GUMNUT_TUTORIAL_PARTS").map_or(PARTS, |parts| parts.parse().unwrap())
}

/// Whether the page's line is about a part of the disk that this disk has not (deviation 5).
fn is_beyond(line: &str, parts: u64) -> bool {
    let number = line
        .rsplit_once(&format!("{DISK}.part."))
        .map(|(_, number)| number.parse::<u64>().unwrap());
    number.is_some_and(|number| number >= parts)
}

/// A machine as the author's, with `/tmp` of its own.
struct Machine {
    program: Program,
}

impl Machine {
    fn new(parent: &Path, cloud: &Cloud) -> Self {
        let program = Program::below(parent).configured(&cloud.eucarc());
        let install = program.command(&["compat", "install", "bin", "--dialect", "2010"]);
        // The names call the program that installs them, which may itself be below /tmp.
        let copy = program.path("gumnut");
        fs_err::copy(install.get_program(), &copy).unwrap();
        let mut command = Command::new(copy);
        command.args(install.get_args());
        let _ = started(&program, command).succeeded();
        for folder in ["tmp", "xen-kernel"] {
            fs_err::create_dir(program.path(folder)).unwrap();
        }
        program.write("xen-kernel/vmlinuz-2.6.24-19-xen", patterned(200_000, 1));
        program.write("xen-kernel/initrd.img-2.6.24-19-xen", patterned(300_000, 2));
        Self { program }
    }

    /// Writes a disk that cannot be compressed and fills half of its last part.
    fn disk(&self, parts: u64) {
        use std::io::Write as _;
        let mut file = fs_err::File::create(self.program.path(DISK)).unwrap();
        for half in 0..2 * parts - 1 {
            let bytes = patterned(usize::try_from(PART / 2).unwrap(), half);
            file.write_all(&bytes).unwrap();
        }
        if parts == AUTHORS.0 {
            // Mostly a hole, whose zeros are a few megabytes of the bundle.
            file.set_len(AUTHORS.1).unwrap();
        }
    }

    /// Makes the author's buckets (deviation 4).
    fn buckets(&self) {
        self.program.write("scrap", b"\x01scrap");
        let bundle = ["bundle", "scrap", "--kind", "kernel", "--arch", "i386"];
        let _ = self.program.run(&bundle).succeeded();
        for bucket in ["kernel-bucket", "ramdisk-bucket", "image-bucket"] {
            let _ = self
                .program
                .run(&["upload", "scrap.manifest.xml", "-b", bucket])
                .succeeded();
        }
    }

    /// Runs a line of the page in a shell; the machine's directory `tmp` is `/tmp` for it.
    fn run(&self, line: &str) -> Outcome {
        let program = &self.program;
        let script = "mount --bind tmp /tmp && PATH=\"$PWD/bin:$PATH\" && eval \"$1\"";
        let mut command = Command::new("unshare");
        command.args([
            "--user",
            "--map-root-user",
            "--mount",
            "sh",
            "-c",
            script,
            "sh",
            line,
        ]);
        started(program, command)
    }
}

/// Runs a command where `program` runs, and with its environment.
fn started(program: &Program, mut command: Command) -> Outcome {
    command.current_dir(program.folder()).env_clear();
    let gumnut = program.command::<&str>(&[]);
    let variables = gumnut.get_envs();
    command.envs(variables.filter_map(|(name, value)| Some((name, value?))));
    let output = command.output();
    Outcome::from(output.expect("it starts; if it does not: cargo xtask setup"))
}

#[test]
fn the_page_is_printed_line_by_line() {
    // Not below /tmp, which every command sees as its own; the build directory may be there.
    let parent = Path::new("/var/tmp");
    let options = ["--profile", "euca-2.0", "--epoch-ms", TIMES];
    let cloud = Cloud::start_with(Program::below(parent), &options);
    let machine = Machine::new(parent, &cloud);
    machine.disk(parts());
    machine.buckets();
    let mut listing = String::new();
    for step in page() {
        let outcome = machine.run(&step.command).succeeded();
        let printed: Vec<_> = outcome.stdout.lines().map(as_shown).collect();
        let parts = parts();
        let expected: Vec<_> = step
            .lines
            .into_iter()
            .filter(|line| !is_beyond(line, parts))
            .collect();
        assert_eq!(printed, expected, "$ {}\n{}", step.command, outcome.stderr);
        listing = outcome.stdout;
    }

    // The rule of deviation 5.
    let manifest =
        fs_err::read_to_string(machine.program.path(&format!("tmp/{DISK}.manifest.xml"))).unwrap();
    let (_, size) = manifest.split_once("<bundled_size>").unwrap();
    let size: u64 = size.split_once('<').unwrap().0.parse().unwrap();
    assert_eq!(size.div_ceil(PART), parts());

    // The tabs of deviation 1: product codes are an empty column, and kernel and ramdisk are the last two.
    let kernel = "IMAGE\teki-90461381\tkernel-bucket/vmlinuz-2.6.24-19-xen.manifest.xml\tadmin\tavailable\tpublic\t\ti386\tkernel\t\t";
    let disk = "IMAGE\temi-9FE813FD\timage-bucket/new_centos.5-3.x86.img.manifest.xml\tadmin\tavailable\tpublic\t\tx86_64\tmachine\t\
                eri-E85914C7\teki-90461381";
    let ramdisk = "IMAGE\teri-E85914C7\tramdisk-bucket/initrd.img-2.6.24-19-xen.manifest.xml\tadmin\tavailable\tpublic\t\ti386\tramdisk\t\t";
    assert_eq!(listing, format!("{kernel}\n{disk}\n{ramdisk}\n"));
}
