//! Settings of buckets that S3 has and this store has not. No bucket was ever given one, and that is what their owner reads.

use gumnut_cloud_objects::{ObjectError, ObjectStore};
use s3s::{S3Request, dto};

use crate::context::caller;

/// Makes the reads of settings that were never made: the owner of the bucket gets the answer, others the refusal that they get for
/// every setting.
macro_rules! never_set {
    ($($(#[$doc:meta])* $name:ident: $input:ident -> $output:ident = $answer:expr;)*) => {
        $(
            $(#[$doc])*
            pub(super) async fn $name(
                store: &ObjectStore,
                request: S3Request<dto::$input>,
            ) -> Result<dto::$output, ObjectError> {
                let caller = caller(&request);
                store.settings(&caller, &request.input.bucket).await?;
                $answer
            }
        )*
    };
}

never_set! {
    /// `GetBucketAccelerateConfiguration`
    acceleration: GetBucketAccelerateConfigurationInput -> GetBucketAccelerateConfigurationOutput =
        Ok(dto::GetBucketAccelerateConfigurationOutput::default());
    /// `GetBucketAnalyticsConfiguration`
    analysis: GetBucketAnalyticsConfigurationInput -> GetBucketAnalyticsConfigurationOutput =
        Err(ObjectError::NoConfiguration);
    /// `ListBucketAnalyticsConfigurations`
    analyses: ListBucketAnalyticsConfigurationsInput -> ListBucketAnalyticsConfigurationsOutput =
        Ok(dto::ListBucketAnalyticsConfigurationsOutput {
            is_truncated: Some(false),
            ..dto::ListBucketAnalyticsConfigurationsOutput::default()
        });
    /// `GetBucketEncryption`
    encryption: GetBucketEncryptionInput -> GetBucketEncryptionOutput =
        Err(ObjectError::NoEncryption);
    /// `GetBucketIntelligentTieringConfiguration`
    tiering: GetBucketIntelligentTieringConfigurationInput -> GetBucketIntelligentTieringConfigurationOutput =
        Err(ObjectError::NoConfiguration);
    /// `ListBucketIntelligentTieringConfigurations`
    tierings: ListBucketIntelligentTieringConfigurationsInput -> ListBucketIntelligentTieringConfigurationsOutput =
        Ok(dto::ListBucketIntelligentTieringConfigurationsOutput {
            is_truncated: Some(false),
            ..dto::ListBucketIntelligentTieringConfigurationsOutput::default()
        });
    /// `GetBucketInventoryConfiguration`
    inventory: GetBucketInventoryConfigurationInput -> GetBucketInventoryConfigurationOutput =
        Err(ObjectError::NoConfiguration);
    /// `ListBucketInventoryConfigurations`
    inventories: ListBucketInventoryConfigurationsInput -> ListBucketInventoryConfigurationsOutput =
        Ok(dto::ListBucketInventoryConfigurationsOutput {
            is_truncated: Some(false),
            ..dto::ListBucketInventoryConfigurationsOutput::default()
        });
    /// `GetBucketLifecycleConfiguration`
    lifecycle: GetBucketLifecycleConfigurationInput -> GetBucketLifecycleConfigurationOutput =
        Err(ObjectError::NoLifecycle);
    /// `GetBucketLogging`
    logging: GetBucketLoggingInput -> GetBucketLoggingOutput =
        Ok(dto::GetBucketLoggingOutput::default());
    /// `GetBucketMetricsConfiguration`
    metrics: GetBucketMetricsConfigurationInput -> GetBucketMetricsConfigurationOutput =
        Err(ObjectError::NoConfiguration);
    /// `ListBucketMetricsConfigurations`
    all_metrics: ListBucketMetricsConfigurationsInput -> ListBucketMetricsConfigurationsOutput =
        Ok(dto::ListBucketMetricsConfigurationsOutput {
            is_truncated: Some(false),
            ..dto::ListBucketMetricsConfigurationsOutput::default()
        });
    /// `GetBucketNotificationConfiguration`
    notification: GetBucketNotificationConfigurationInput -> GetBucketNotificationConfigurationOutput =
        Ok(dto::GetBucketNotificationConfigurationOutput::default());
    /// `GetBucketOwnershipControls`
    ownership: GetBucketOwnershipControlsInput -> GetBucketOwnershipControlsOutput =
        Err(ObjectError::NoOwnershipControls);
    /// `GetBucketPolicy`
    policy: GetBucketPolicyInput -> GetBucketPolicyOutput = Err(ObjectError::NoBucketPolicy);
    /// `GetBucketReplication`
    replication: GetBucketReplicationInput -> GetBucketReplicationOutput =
        Err(ObjectError::NoReplication);
    /// `GetBucketRequestPayment`: who owns a bucket pays, though there is nothing to pay.
    payment: GetBucketRequestPaymentInput -> GetBucketRequestPaymentOutput =
        Ok(dto::GetBucketRequestPaymentOutput {
            payer: Some(dto::Payer::from_static(dto::Payer::BUCKET_OWNER)),
        });
    /// `GetBucketWebsite`
    website: GetBucketWebsiteInput -> GetBucketWebsiteOutput = Err(ObjectError::NoWebsite);
}
