//! Whether the cloud runs instances.

use clap::Args;

use crate::settings::Settings;

/// Whether the cloud runs instances.
#[derive(Args)]
#[command(next_help_heading = "Instances")]
pub(crate) struct InstanceOptions {
    /// Run instances on this computer, in qemu
    #[arg(long)]
    instances: bool,
    /// Most instances at a time [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    max_instances: Option<u32>,
    /// Kernel and ramdisk for instances whose own kernel is for Xen alone
    #[arg(long, value_name = "EKI,ERI")]
    replacement_kernel: Option<String>,
}

impl InstanceOptions {
    /// Says it to the cloud, in the place of what its configuration file says.
    pub(crate) fn apply(&self, settings: &mut Settings) {
        settings.instances |= self.instances;
        settings.max_instances = self.max_instances.unwrap_or(settings.max_instances);
        if self.replacement_kernel.is_some() {
            settings
                .replacement_kernel
                .clone_from(&self.replacement_kernel);
        }
    }
}
