//! Control groups: how much processor time a group of processes has taken, and how much it may take.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, ensure};

/// Where the kernel shows control groups.
const ROOT: &str = "/sys/fs/cgroup";

/// How long a quota is for. As short as the smallest quota allows: a front end that has used its own up stands still for the rest.
const PERIOD: Duration = Duration::from_millis(20);

/// A control group, removed when it goes out of scope; its processes must have ended.
pub(crate) struct Group {
    /// Where quotas are; in version 2 of control groups everything is there.
    quota: PathBuf,
    /// Where processor time is counted.
    used: PathBuf,
    /// Whether this is version 2.
    is_unified: bool,
}

impl Group {
    /// A new group without a quota.
    pub(crate) fn new(name: &str) -> anyhow::Result<Self> {
        let root = Path::new(ROOT);
        let name = format!("gumnut-cluster-{}-{name}", std::process::id());
        let is_unified = root.join("cgroup.controllers").exists();
        let group = if is_unified {
            fs_err::write(root.join("cgroup.subtree_control"), "+cpu")
                .context("cannot make control groups; is this root?")?;
            let folder = root.join(name);
            Self {
                quota: folder.clone(),
                used: folder,
                is_unified,
            }
        } else {
            Self {
                quota: root.join("cpu").join(&name),
                used: root.join("cpuacct").join(&name),
                is_unified,
            }
        };
        for folder in [&group.quota, &group.used] {
            fs_err::create_dir_all(folder).context("cannot make a control group; is this root?")?;
        }
        Ok(group)
    }

    /// Moves a process into it, with all its threads; those that it starts later are in it, too.
    pub(crate) fn add(&self, process: u32) -> anyhow::Result<()> {
        for folder in [&self.quota, &self.used] {
            fs_err::write(folder.join("cgroup.procs"), process.to_string())?;
        }
        Ok(())
    }

    /// Allows so many processors, 0.08 for example.
    pub(crate) fn limit(&self, processors: f64) -> anyhow::Result<()> {
        let period = PERIOD.as_micros();
        let quota = PERIOD.mul_f64(processors).as_micros();
        let (name, value) = if self.is_unified {
            ("cpu.max", format!("{quota} {period}"))
        } else {
            let file = self.quota.join("cpu.cfs_period_us");
            fs_err::write(file, period.to_string())?;
            ("cpu.cfs_quota_us", quota.to_string())
        };
        let file = self.quota.join(name);
        fs_err::write(&file, &value)?;
        // A quota that is too small is refused, by some kernels in silence.
        let found = fs_err::read_to_string(&file)?;
        ensure!(
            found.trim() == value,
            "{} is {found:?} and not {value:?}",
            file.display()
        );
        Ok(())
    }

    /// The processor time that its processes have taken.
    pub(crate) fn used(&self) -> anyhow::Result<Duration> {
        if self.is_unified {
            return Ok(Duration::from_micros(self.stat("usage_usec")?));
        }
        let text = fs_err::read_to_string(self.used.join("cpuacct.usage"))?;
        Ok(Duration::from_nanos(text.trim().parse()?))
    }

    fn stat(&self, name: &str) -> anyhow::Result<u64> {
        let file = self.quota.join("cpu.stat");
        let text = fs_err::read_to_string(&file)?;
        let mut pairs = text.lines().filter_map(|line| line.split_once(' '));
        let found = pairs.find(|(key, _)| *key == name);
        let (_, value) = found.with_context(|| format!("{} has no {name}", file.display()))?;
        Ok(value.trim().parse()?)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in [&self.quota, &self.used] {
            // Of two names of one directory the second is gone; one whose processes are still there remains.
            let _ = fs_err::remove_dir(folder);
        }
    }
}
