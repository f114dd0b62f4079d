#![doc = include_str!("../README.md")]

mod describe;
mod error;
pub mod eucarc;
mod folders;
mod ini;
mod key_file;
mod names;
mod order;
mod overrides;
mod settings;
mod sources;

pub use describe::Setting;
pub use error::SettingsError;
pub use folders::{default_cache_dir, default_cloud_dir, default_state_dir};
pub use ini::{IniError, LookupError};
pub use key_file::KeyFile;
pub use order::SourceOrder;
pub use overrides::Overrides;
pub use settings::Settings;
