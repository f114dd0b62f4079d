//! The commands, one file each, and the options that several of them share.

pub(crate) mod boot;
pub(crate) mod bundle;
pub(crate) mod capture;
pub(crate) mod check;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod deregister;
pub(crate) mod download;
pub(crate) mod fetch;
pub(crate) mod generate;
pub(crate) mod inspect;
pub(crate) mod keys;
pub(crate) mod made;
pub(crate) mod make;
pub(crate) mod publish;
pub(crate) mod register;
pub(crate) mod resize;
pub(crate) mod retire;
pub(crate) mod rewrap;
pub(crate) mod tree;
pub(crate) mod trust;
pub(crate) mod unbundle;
pub(crate) mod unpack;
pub(crate) mod upload;
pub(crate) mod verify;
