//! What is not taken from the registered images of a cloud unless `--force` is given.

use anyhow::Context as _;
use gumnut_terminal::{Exit, Failure, Lines, Output, exit_code};
use gumnut_types::{ImageId, Limits, ManifestLocation, ObjectKey};
use gumnut_workflows::{CloudClient, ImagesInUse};

/// Most ids that a message names.
const MAX_IDS: usize = 10;

/// The registered images of a cloud, which need bundles, kernels and ramdisks.
pub struct Guard<'a> {
    cloud: &'a CloudClient,
    /// `None`: the cloud is used without an EC2 service.
    images: Option<ImagesInUse>,
}

impl<'a> Guard<'a> {
    /// Asks the cloud for its images.
    ///
    /// # Errors
    /// When it refuses or does not answer: then it is not known what is needed.
    pub async fn new(cloud: &'a CloudClient) -> Result<Self, anyhow::Error> {
        if !cloud.has_ec2() {
            Output::warn(
                "no EC2 endpoint is set, so it is not known whether a registered image needs the bundle",
            );
            return Ok(Self {
                cloud,
                images: None,
            });
        }
        let images = ImagesInUse::list(cloud.ec2()?).await.map_err(|error| {
            let error = anyhow::Error::from(error);
            Failure::new(
                exit_code(&error, &[]),
                "the cloud does not list the registered images",
            )
            .because(error)
            .hint("--force skips this check")
        })?;
        Ok(Self {
            cloud,
            images: Some(images),
        })
    }

    /// Refuses when a registered image needs the bundle at this location, or one of these objects of it.
    ///
    /// # Errors
    /// That refusal, which names the images; and when the store refuses or does not answer.
    pub async fn insist_unused(
        &self,
        location: &ManifestLocation,
        objects: &[ObjectKey],
    ) -> Result<(), anyhow::Error> {
        let needing = self.needing(location, objects).await?;
        let Some(first) = needing.first() else {
            return Ok(());
        };
        let message = format!(
            "{location} is the bundle of the registered {}",
            listed(&needing)
        );
        let hint = format!(
            "`gumnut retire {first}` deregisters the image and deletes its bundle; --force continues anyway, and the image \
             can no longer be started"
        );
        Err(Failure::new(Exit::Refused, message).hint(hint).into())
    }

    /// Refuses when a registered image needs one of these objects, which others would replace.
    ///
    /// # Errors
    /// That refusal, which names the images; and when the store refuses or does not answer.
    pub async fn insist_replaceable(
        &self,
        location: &ManifestLocation,
        objects: &[ObjectKey],
    ) -> Result<(), anyhow::Error> {
        let needing = self.needing(location, objects).await?;
        if needing.is_empty() {
            return Ok(());
        }
        let message = format!(
            "another bundle is at {location}, that of the registered {}",
            listed(&needing)
        );
        let hint = "choose another bucket or prefix with --bucket; --force replaces it, and the image can no longer be started";
        Err(Failure::new(Exit::Refused, message).hint(hint).into())
    }

    async fn needing(
        &self,
        location: &ManifestLocation,
        objects: &[ObjectKey],
    ) -> Result<Vec<String>, anyhow::Error> {
        let Some(images) = &self.images else {
            return Ok(Vec::new());
        };
        images
            .needing(self.cloud.store()?, location, objects, &Limits::default())
            .await
            .context("it is not known whether an image needs the objects; --force skips this check")
    }

    /// Refuses when a registered image has this kernel or ramdisk.
    ///
    /// # Errors
    /// That refusal, which names the images.
    pub fn insist_unreferenced(&self, id: &ImageId) -> Result<(), anyhow::Error> {
        let users = self
            .images
            .as_ref()
            .map(|images| images.users_of(id))
            .unwrap_or_default();
        let Some(first) = users.first() else {
            return Ok(());
        };
        let message = format!("{id} is the kernel or ramdisk of {}", listed(&users));
        let hint = format!(
            "deregister or retire that first, as in `gumnut retire {first} --with-kernel-and-ramdisk`; --force continues \
             anyway, and the image can no longer be started"
        );
        Err(Failure::new(Exit::Refused, message).hint(hint).into())
    }
}

/// How many objects, in words.
pub fn counted(objects: usize) -> String {
    if objects == 1 {
        "1 object".to_owned()
    } else {
        format!("{objects} objects")
    }
}

/// The objects of a dry run, a line each.
pub fn object_lines(objects: &[String]) -> Lines {
    objects.iter().map(|object| ["OBJECT", object]).collect()
}

/// `image emi-1`, `images emi-1, emi-2`, and how many more.
fn listed(ids: &[String]) -> String {
    let shown = ids[..ids.len().min(MAX_IDS)].join(", ");
    match ids.len() {
        1 => format!("image {shown}"),
        count if count > MAX_IDS => format!("images {shown} and {} more", count - MAX_IDS),
        _ => format!("images {shown}"),
    }
}

#[cfg(test)]
mod tests {
    use super::listed;

    #[test]
    fn a_message_names_few_ids_and_counts_the_others() {
        let ids: Vec<_> = (0..12).map(|at| format!("emi-{at}")).collect();
        assert_eq!(listed(&ids[..1]), "image emi-0");
        assert_eq!(listed(&ids[..2]), "images emi-0, emi-1");
        assert!(listed(&ids).ends_with("emi-9 and 2 more"));
    }
}
