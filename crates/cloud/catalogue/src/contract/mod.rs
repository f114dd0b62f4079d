//! What each database must do, as tests that any of them can be put to.
//!
//! Each function takes a catalogue that is empty and that nobody else uses, panics where the database breaks the contract,
//! and gives an error where it cannot be used. [`contract_tests!`](crate::contract_tests) makes a test of each.
//! [`history`] plays a random history of several clients, made by [`histories`], and holds it against a model.

#![expect(
    clippy::missing_panics_doc,
    reason = "the module says when its functions panic"
)]

mod accounts;
mod blobs;
mod buckets;
mod groups;
mod history;
mod images;
mod inline;
mod instances;
mod key_pairs;
mod model;
mod objects;
mod races;
mod shared;
mod tools;
mod transfer;
mod uploads;
mod versions;

pub use accounts::{
    accounts_are_found_by_name, an_address_belongs_to_one_account,
    keys_and_certificates_are_revoked, names_are_taken_once, users_are_added,
    users_share_an_account,
};
pub use blobs::{
    a_blob_that_is_taken_again_is_no_garbage, blobs_are_known_by_their_rows, garbage_is_forgotten,
    hours_are_swept_once, what_is_given_up_is_garbage, what_is_old_is_found,
};
pub use buckets::{
    a_bucket_is_made_changed_and_deleted, a_bucket_knows_its_objects,
    buckets_are_counted_and_listed, uploads_go_with_their_bucket,
};
pub use groups::{groups_belong_to_an_account, groups_by_two, groups_know_their_instances};
pub use history::{Step, histories, history};
pub use images::{
    an_image_changes, an_image_id_is_taken_once, an_image_is_as_it_was_registered,
    an_image_name_is_held_once, images_are_listed_by_id, images_go_with_their_tags,
    tags_belong_to_an_account,
};
pub use inline::{
    inline_bytes_and_blobs_replace_each_other, inline_bytes_are_as_they_were_put,
    inline_bytes_belong_to_a_version, inline_objects_are_listed,
};
pub use instances::{
    a_limit_of_instances_is_kept, an_instance_changes, an_instance_is_as_it_was_launched,
    instances_are_listed_by_launch, instances_go_with_their_tags,
};
pub use key_pairs::{key_pair_names_by_two, key_pairs_belong_to_an_account};
pub use objects::{
    a_refusal_changes_nothing, a_version_is_as_it_was_put, keys_are_told_apart,
    objects_are_listed_by_bytes, rights_tags_and_locks_change, several_keys_change_each_alone,
    what_is_absent_is_none,
};
pub use races::{
    a_bucket_goes_or_gets_an_object, a_hold_keeps_a_version_or_comes_too_late,
    a_limit_of_buckets_is_kept, a_part_that_an_object_has_stays, an_upload_ends_once,
    if_match_by_two, if_none_match_by_two, image_ids_by_two, image_names_by_two, many_keys_by_two,
    settings_of_two_both_stay, tags_and_hold_of_two_both_stay, the_first_account_by_two,
};
pub use shared::{
    a_lease_by_two, a_lease_has_one_owner, a_secret_by_several, secrets_are_kept_once,
    the_database_has_a_clock,
};
pub use tools::Outcome;
pub use transfer::{
    Rows, a_copy_has_the_same_rows, a_move_ends_after_any_interruption, catalogues,
};
pub use uploads::{
    a_completed_upload_becomes_a_version, an_aborted_upload_gives_its_parts_up,
    an_upload_belongs_to_its_key, an_upload_knows_its_initiator, an_upload_takes_parts,
    uploads_are_listed_by_key_and_id,
};
pub use versions::{
    a_new_version_is_the_newest, an_older_version_goes_alone, delete_markers_hide_a_key,
    the_newest_of_the_rest_is_promoted, versions_are_listed_newest_first,
};

/// Makes a test of each function of the [contract](crate::contract) that needs an empty catalogue.
///
/// The argument is an expression that may use `?` and gives a guard, which is dropped after the test, and a
/// [`Catalogue`](crate::Catalogue). The crate that calls it needs `tokio` with its macros and its runtime of many threads.
#[macro_export]
macro_rules! contract_tests {
    ($fixture:expr) => {
        $crate::contract_tests! { @each $fixture;
            users_are_added,
            users_share_an_account,
            names_are_taken_once,
            keys_and_certificates_are_revoked,
            accounts_are_found_by_name,
            an_address_belongs_to_one_account,
            a_bucket_is_made_changed_and_deleted,
            buckets_are_counted_and_listed,
            a_bucket_knows_its_objects,
            uploads_go_with_their_bucket,
            what_is_absent_is_none,
            a_version_is_as_it_was_put,
            rights_tags_and_locks_change,
            keys_are_told_apart,
            objects_are_listed_by_bytes,
            several_keys_change_each_alone,
            a_refusal_changes_nothing,
            a_new_version_is_the_newest,
            the_newest_of_the_rest_is_promoted,
            an_older_version_goes_alone,
            delete_markers_hide_a_key,
            versions_are_listed_newest_first,
            an_upload_takes_parts,
            an_upload_knows_its_initiator,
            an_upload_belongs_to_its_key,
            an_aborted_upload_gives_its_parts_up,
            a_completed_upload_becomes_a_version,
            uploads_are_listed_by_key_and_id,
            an_image_is_as_it_was_registered,
            an_image_changes,
            an_image_id_is_taken_once,
            an_image_name_is_held_once,
            images_are_listed_by_id,
            images_go_with_their_tags,
            tags_belong_to_an_account,
            an_instance_is_as_it_was_launched,
            an_instance_changes,
            instances_are_listed_by_launch,
            instances_go_with_their_tags,
            a_limit_of_instances_is_kept,
            key_pairs_belong_to_an_account,
            key_pair_names_by_two,
            groups_belong_to_an_account,
            groups_by_two,
            groups_know_their_instances,
            inline_bytes_are_as_they_were_put,
            inline_bytes_and_blobs_replace_each_other,
            inline_bytes_belong_to_a_version,
            inline_objects_are_listed,
            what_is_old_is_found,
            hours_are_swept_once,
            what_is_given_up_is_garbage,
            a_blob_that_is_taken_again_is_no_garbage,
            garbage_is_forgotten,
            blobs_are_known_by_their_rows,
            a_part_that_an_object_has_stays,
            an_upload_ends_once,
            a_hold_keeps_a_version_or_comes_too_late,
            tags_and_hold_of_two_both_stay,
            settings_of_two_both_stay,
            if_none_match_by_two,
            if_match_by_two,
            a_limit_of_buckets_is_kept,
            a_bucket_goes_or_gets_an_object,
            image_ids_by_two,
            image_names_by_two,
            the_first_account_by_two,
            many_keys_by_two,
            secrets_are_kept_once,
            a_secret_by_several,
            a_lease_has_one_owner,
            a_lease_by_two,
            the_database_has_a_clock
        }
    };
    (@each $fixture:expr; $($name:ident),*) => {
        $(
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> $crate::contract::Outcome {
                let (_guard, catalogue) = $fixture;
                $crate::contract::$name(&catalogue).await
            }
        )*
    };
}
