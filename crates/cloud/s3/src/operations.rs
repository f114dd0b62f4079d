//! The operations of the protocol's layer, each with what it needs.

use std::sync::Arc;

use gumnut_cloud_objects::{ObjectError, ObjectStore, is_bucket_name};
use s3s::access::{S3Access, S3AccessContext};
use s3s::auth::SimpleAuth;
use s3s::config::{S3Config, StaticConfigProvider};
use s3s::service::{S3Service, S3ServiceBuilder};
use s3s::validation::NameValidation;
use s3s::{S3, S3Request, S3Response, S3Result, dto};

use crate::context::RequestContext;
use crate::{
    S3Options, acl, attributes, buckets, copy, cors, error, listing, lock, multipart, objects,
    public_access, put, tagging, unset,
};

/// Speaks S3's protocol for the store. Requests come without signatures, and with a
/// [`RequestContext`](crate::context::RequestContext) in their extensions.
struct Operations {
    store: ObjectStore,
    options: Arc<S3Options>,
}

/// The service that takes requests apart and puts answers together.
pub(super) fn service(store: &ObjectStore, options: &Arc<S3Options>) -> S3Service {
    let mut builder = S3ServiceBuilder::new(Operations {
        store: store.clone(),
        options: Arc::clone(options),
    });
    let mut config = S3Config::default();
    config.xml_max_body_size = options.document_bytes;
    builder.set_config(Arc::new(StaticConfigProvider::new(Arc::new(config))));
    builder.set_validation(BucketNames {
        extended: options.extended_bucket_names,
    });
    // Requests have no signature any more, so that it is never asked; but with it comes the question below.
    builder.set_auth(SimpleAuth::new());
    builder.set_access(AsChecked);
    builder.build()
}

/// Lets every request through to the store, which decides by ACLs, if the protocol's layer has found the operation in it that was
/// checked: what is done must not be another one.
struct AsChecked;

#[async_trait::async_trait]
impl S3Access for AsChecked {
    async fn check(&self, context: &mut S3AccessContext<'_>) -> S3Result<()> {
        let known = context.extensions_mut().get::<RequestContext>();
        let checked = known.and_then(|known| known.operation);
        let found = context.s3_op().name();
        if checked.is_some_and(|checked| checked.name == found) {
            return Ok(());
        }
        tracing::warn!(
            found,
            checked = checked.map(|it| it.name),
            "a request reads in two ways"
        );
        let refusal = ObjectError::invalid_request("This request can be read in two ways.");
        Err(error::answer(&refusal))
    }
}

/// The rule for names of buckets.
struct BucketNames {
    extended: bool,
}

impl NameValidation for BucketNames {
    fn validate_bucket_name(&self, name: &str) -> bool {
        is_bucket_name(name, self.extended)
    }
}

macro_rules! operations {
    ($($operation:ident: $input:ident -> $output:ident = $module:ident::$function:ident($($part:ident),*);)*) => {
        #[async_trait::async_trait]
        impl S3 for Operations {
            $(async fn $operation(
                &self,
                request: S3Request<dto::$input>,
            ) -> S3Result<S3Response<dto::$output>> {
                match $module::$function($(&self.$part,)* request).await {
                    Ok(output) => Ok(S3Response::new(output)),
                    Err(error) => Err(error::answer(&error)),
                }
            })*
        }
    };
}

operations! {
    list_buckets: ListBucketsInput -> ListBucketsOutput = buckets::list(store);
    create_bucket: CreateBucketInput -> CreateBucketOutput = buckets::create(store, options);
    delete_bucket: DeleteBucketInput -> DeleteBucketOutput = buckets::delete(store);
    head_bucket: HeadBucketInput -> HeadBucketOutput = buckets::head(store);
    get_bucket_location: GetBucketLocationInput -> GetBucketLocationOutput = buckets::location(store);
    get_bucket_versioning: GetBucketVersioningInput -> GetBucketVersioningOutput = buckets::versioning(store);
    put_bucket_versioning: PutBucketVersioningInput -> PutBucketVersioningOutput = buckets::set_versioning(store);
    get_bucket_tagging: GetBucketTaggingInput -> GetBucketTaggingOutput = tagging::get_of_bucket(store);
    put_bucket_tagging: PutBucketTaggingInput -> PutBucketTaggingOutput = tagging::put_of_bucket(store);
    delete_bucket_tagging: DeleteBucketTaggingInput -> DeleteBucketTaggingOutput = tagging::delete_of_bucket(store);
    get_bucket_cors: GetBucketCorsInput -> GetBucketCorsOutput = cors::get(store);
    put_bucket_cors: PutBucketCorsInput -> PutBucketCorsOutput = cors::put(store);
    delete_bucket_cors: DeleteBucketCorsInput -> DeleteBucketCorsOutput = cors::delete(store);
    get_public_access_block: GetPublicAccessBlockInput -> GetPublicAccessBlockOutput = public_access::get(store);
    put_public_access_block: PutPublicAccessBlockInput -> PutPublicAccessBlockOutput = public_access::put(store);
    delete_public_access_block: DeletePublicAccessBlockInput -> DeletePublicAccessBlockOutput = public_access::delete(store);
    get_bucket_policy_status: GetBucketPolicyStatusInput -> GetBucketPolicyStatusOutput = public_access::status(store);
    get_object_lock_configuration: GetObjectLockConfigurationInput -> GetObjectLockConfigurationOutput = lock::configuration(store);
    put_object_lock_configuration: PutObjectLockConfigurationInput -> PutObjectLockConfigurationOutput = lock::set_configuration(store);
    get_object_retention: GetObjectRetentionInput -> GetObjectRetentionOutput = lock::retention(store);
    put_object_retention: PutObjectRetentionInput -> PutObjectRetentionOutput = lock::set_retention(store);
    get_object_legal_hold: GetObjectLegalHoldInput -> GetObjectLegalHoldOutput = lock::hold(store);
    put_object_legal_hold: PutObjectLegalHoldInput -> PutObjectLegalHoldOutput = lock::set_hold(store);
    get_object_tagging: GetObjectTaggingInput -> GetObjectTaggingOutput = tagging::get(store);
    put_object_tagging: PutObjectTaggingInput -> PutObjectTaggingOutput = tagging::put(store);
    delete_object_tagging: DeleteObjectTaggingInput -> DeleteObjectTaggingOutput = tagging::delete(store);
    get_bucket_accelerate_configuration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput = unset::acceleration(store);
    get_bucket_analytics_configuration: GetBucketAnalyticsConfigurationInput -> GetBucketAnalyticsConfigurationOutput = unset::analysis(store);
    list_bucket_analytics_configurations: ListBucketAnalyticsConfigurationsInput -> ListBucketAnalyticsConfigurationsOutput = unset::analyses(store);
    get_bucket_encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput = unset::encryption(store);
    get_bucket_intelligent_tiering_configuration: GetBucketIntelligentTieringConfigurationInput -> GetBucketIntelligentTieringConfigurationOutput = unset::tiering(store);
    list_bucket_intelligent_tiering_configurations: ListBucketIntelligentTieringConfigurationsInput -> ListBucketIntelligentTieringConfigurationsOutput = unset::tierings(store);
    get_bucket_inventory_configuration: GetBucketInventoryConfigurationInput -> GetBucketInventoryConfigurationOutput = unset::inventory(store);
    list_bucket_inventory_configurations: ListBucketInventoryConfigurationsInput -> ListBucketInventoryConfigurationsOutput = unset::inventories(store);
    get_bucket_lifecycle_configuration: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput = unset::lifecycle(store);
    get_bucket_logging: GetBucketLoggingInput -> GetBucketLoggingOutput = unset::logging(store);
    get_bucket_metrics_configuration: GetBucketMetricsConfigurationInput -> GetBucketMetricsConfigurationOutput = unset::metrics(store);
    list_bucket_metrics_configurations: ListBucketMetricsConfigurationsInput -> ListBucketMetricsConfigurationsOutput = unset::all_metrics(store);
    get_bucket_notification_configuration: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput = unset::notification(store);
    get_bucket_ownership_controls: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput = unset::ownership(store);
    get_bucket_policy: GetBucketPolicyInput -> GetBucketPolicyOutput = unset::policy(store);
    get_bucket_replication: GetBucketReplicationInput -> GetBucketReplicationOutput = unset::replication(store);
    get_bucket_request_payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput = unset::payment(store);
    get_bucket_website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = unset::website(store);
    get_bucket_acl: GetBucketAclInput -> GetBucketAclOutput = acl::get_of_bucket(store);
    put_bucket_acl: PutBucketAclInput -> PutBucketAclOutput = acl::put_of_bucket(store, options);
    get_object_acl: GetObjectAclInput -> GetObjectAclOutput = acl::get_of_object(store);
    put_object_acl: PutObjectAclInput -> PutObjectAclOutput = acl::put_of_object(store, options);
    list_objects: ListObjectsInput -> ListObjectsOutput = listing::objects(store);
    list_objects_v2: ListObjectsV2Input -> ListObjectsV2Output = listing::objects_v2(store);
    list_object_versions: ListObjectVersionsInput -> ListObjectVersionsOutput = listing::versions(store);
    put_object: PutObjectInput -> PutObjectOutput = put::object(store, options);
    get_object: GetObjectInput -> GetObjectOutput = objects::get(store);
    head_object: HeadObjectInput -> HeadObjectOutput = objects::head(store);
    get_object_attributes: GetObjectAttributesInput -> GetObjectAttributesOutput = attributes::get(store);
    get_object_torrent: GetObjectTorrentInput -> GetObjectTorrentOutput = objects::torrent(store);
    delete_object: DeleteObjectInput -> DeleteObjectOutput = objects::delete(store);
    delete_objects: DeleteObjectsInput -> DeleteObjectsOutput = objects::delete_many(store);
    copy_object: CopyObjectInput -> CopyObjectOutput = copy::object(store, options);
    upload_part_copy: UploadPartCopyInput -> UploadPartCopyOutput = copy::part(store);
    create_multipart_upload: CreateMultipartUploadInput -> CreateMultipartUploadOutput = multipart::create(store, options);
    upload_part: UploadPartInput -> UploadPartOutput = put::part(store);
    list_parts: ListPartsInput -> ListPartsOutput = multipart::list_parts(store);
    list_multipart_uploads: ListMultipartUploadsInput -> ListMultipartUploadsOutput = multipart::list_uploads(store);
    complete_multipart_upload: CompleteMultipartUploadInput -> CompleteMultipartUploadOutput = multipart::complete(store);
    abort_multipart_upload: AbortMultipartUploadInput -> AbortMultipartUploadOutput = multipart::abort(store);
}
