//! How changes of images are made: in the catalogue, or only decided on.

use gumnut_cloud_catalogue::{Catalogue, CatalogueError, ImageChange, ImageRef, ImagesState};

/// Makes changes of images, or, in a dry run, decides on them and makes none.
#[derive(Clone, Debug)]
pub(crate) struct Changes {
    catalogue: Catalogue,
    /// Whether nothing is to change.
    dry: bool,
}

impl Changes {
    /// Changes of this catalogue.
    pub(crate) fn of(catalogue: Catalogue) -> Self {
        let dry = false;
        Self { catalogue, dry }
    }

    /// Changes that are decided on and not made.
    pub(crate) fn dry(&self) -> Self {
        let catalogue = self.catalogue.clone();
        Self {
            catalogue,
            dry: true,
        }
    }

    /// Whether changes are only decided on.
    pub(crate) fn is_dry(&self) -> bool {
        self.dry
    }

    /// Decides on a change of the images, makes it, and gives what the decision gives.
    pub(crate) async fn make<T, E>(
        &self,
        at: ImageRef,
        mut decide: impl FnMut(&ImagesState) -> Result<(ImageChange, T), E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<CatalogueError> + Send + 'static,
    {
        if self.dry {
            let state = self.catalogue.images_by_id(at).await?;
            return decide(&state).map(|(_, result)| result);
        }
        self.catalogue.change_images(at, decide).await
    }
}
