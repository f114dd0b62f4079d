//! The object store's protocol, on top of the store.

mod acl;
mod attributes;
mod buckets;
mod convert;
mod copy;
mod cors;
mod error;
mod listing;
mod lock;
mod multipart;
mod objects;
mod post;
mod public_access;
mod put;
mod tagging;

use std::sync::Arc;

use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use crate::auth::Identity;
use crate::state::State;
use crate::store::is_bucket_name;

pub(crate) use error::log;

/// Largest form with a file, in bytes: it is held in memory. Parts of bundles have 10 MiB.
pub(crate) const MAX_FORM: usize = 16 << 20;

/// Speaks S3's protocol for the store. Requests come without signatures, and with the caller in their
/// extensions.
struct Protocol(Arc<State>);

/// The service that takes requests apart and puts answers together.
pub(crate) fn service(state: &Arc<State>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Protocol(Arc::clone(state)));
    let mut config = S3Config::default();
    config.xml_max_body_size = state.config.limits.document_bytes;
    config.post_object_max_file_size = MAX_FORM as u64;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_validation(Names {
        extended: state.config.extended_bucket_names,
    });
    builder.set_auth(post::FormAuth(state.catalogue.clone()));
    builder.set_access(post::Open);
    builder.build()
}

struct Names {
    extended: bool,
}

impl NameValidation for Names {
    fn validate_bucket_name(&self, name: &str) -> bool {
        is_bucket_name(name, self.extended)
    }
}

/// Who asks: what the check of the signature has found out.
fn who<T>(request: &S3Request<T>) -> Identity {
    request
        .extensions
        .get::<Identity>()
        .cloned()
        .unwrap_or(Identity::Anonymous)
}

macro_rules! operations {
    ($($operation:ident: $input:ident -> $output:ident = $module:ident::$function:ident;)*) => {
        #[async_trait::async_trait]
        impl S3 for Protocol {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                match $module::$function(&self.0, request).await {
                    Ok(output) => Ok(S3Response::new(output)),
                    Err(error) => Err(error::answer(&error)),
                }
            })*
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = buckets::list;
    create_bucket: CreateBucketInput -> CreateBucketOutput = buckets::create;
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = buckets::delete;
    head_bucket: HeadBucketInput -> HeadBucketOutput = buckets::head;
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = buckets::location;
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = buckets::versioning;
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput = buckets::set_versioning;
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = tagging::get_of_bucket;
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = tagging::put_of_bucket;
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = tagging::delete_of_bucket;
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = cors::get;
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = cors::put;
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = cors::delete;
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = public_access::get;
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput = public_access::put;
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput = public_access::delete;
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = public_access::status;
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = lock::configuration;
    put_object_lock_configuration: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput = lock::set_configuration;
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = lock::retention;
    put_object_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = lock::set_retention;
    get_object_legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = lock::hold;
    put_object_legal_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = lock::set_hold;
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tagging::get;
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tagging::put;
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = tagging::delete;
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = acl::get_of_bucket;
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = acl::put_of_bucket;
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = acl::get_of_object;
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = acl::put_of_object;
    list_objects: ListObjectsInput -> ListObjectsOutput = listing::objects;
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = listing::objects_v2;
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = listing::versions;
    put_object: PutObjectInput -> PutObjectOutput = put::object;
    post_object: PostObjectInput -> PostObjectOutput = post::object;
    get_object: GetObjectInput -> GetObjectOutput = objects::get;
    head_object: HeadObjectInput -> HeadObjectOutput = objects::head;
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = attributes::get;
    get_object_torrent: GetObjectTorrentInput -> GetObjectTorrentOutput = objects::torrent;
    delete_object: DeleteObjectInput -> DeleteObjectOutput = objects::delete;
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = objects::delete_many;
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::object;
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = copy::part;
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = multipart::create;
    upload_part: UploadPartInput -> UploadPartOutput = put::part;
    list_parts: ListPartsInput -> ListPartsOutput = multipart::list_parts;
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = multipart::list_uploads;
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = multipart::complete;
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = multipart::abort;
}
