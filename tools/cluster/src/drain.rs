//! Front ends are ended and started again, one after the other, and no client may see it.

use anyhow::ensure;
use support::report::Steps;

use crate::load::under_load;
use crate::scene::{FRONT_ENDS, Scene};

pub(crate) fn run(scene: &mut Scene<'_>, seconds: u64, steps: &mut Steps) -> anyhow::Result<()> {
    let manifest = steps.run("a bundle", || scene.bundle())?;
    steps.check("SIGTERM of one front end after the other", || {
        let journal = under_load(scene, seconds, &manifest, |scene, count| {
            let front_end = &mut scene.front_ends[count % FRONT_ENDS];
            front_end.stop()?;
            front_end.start()?;
            // The next one may end only when this one has work again.
            let name = front_end.name.clone();
            scene.balancer.wait_for(&name)
        })?;
        ensure!(journal.errors == 0, "clients saw {} errors", journal.errors);
        Ok(())
    });
    Ok(())
}
