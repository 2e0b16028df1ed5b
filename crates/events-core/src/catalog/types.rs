//! Constants for the event types of the catalog.
//!
//! Generated from `catalog/events.json` by `cargo xtask generate`; edit that file instead.

use crate::event::EventType;

/// `auth.account_deleted`: User account removed.
pub const AUTH_ACCOUNT_DELETED: EventType = EventType::from_static("auth.account_deleted");
/// `auth.email_verified`: Email verification completed.
pub const AUTH_EMAIL_VERIFIED: EventType = EventType::from_static("auth.email_verified");
/// `auth.password_changed`: Password successfully changed.
pub const AUTH_PASSWORD_CHANGED: EventType = EventType::from_static("auth.password_changed");
/// `auth.password_reset_requested`: Password reset initiated.
pub const AUTH_PASSWORD_RESET_REQUESTED: EventType = EventType::from_static("auth.password_reset_requested");
/// `auth.user_logged_in`: User session started.
pub const AUTH_USER_LOGGED_IN: EventType = EventType::from_static("auth.user_logged_in");
/// `auth.user_logged_out`: User session ended.
pub const AUTH_USER_LOGGED_OUT: EventType = EventType::from_static("auth.user_logged_out");
/// `auth.user_signed_up`: New user account created.
pub const AUTH_USER_SIGNED_UP: EventType = EventType::from_static("auth.user_signed_up");
/// `billing.account_capabilities_updated`: Account capabilities changed.
pub const BILLING_ACCOUNT_CAPABILITIES_UPDATED: EventType =
    EventType::from_static("billing.account_capabilities_updated");
/// `billing.account_requirements_changed`: Account requirements updated.
pub const BILLING_ACCOUNT_REQUIREMENTS_CHANGED: EventType =
    EventType::from_static("billing.account_requirements_changed");
/// `billing.account_updated`: Connected account details changed.
pub const BILLING_ACCOUNT_UPDATED: EventType = EventType::from_static("billing.account_updated");
/// `billing.onboarding_completed`: Stripe account fully connected.
pub const BILLING_ONBOARDING_COMPLETED: EventType = EventType::from_static("billing.onboarding_completed");
/// `billing.onboarding_failed`: Onboarding process failed.
pub const BILLING_ONBOARDING_FAILED: EventType = EventType::from_static("billing.onboarding_failed");
/// `billing.onboarding_started`: Stripe connect initiated.
pub const BILLING_ONBOARDING_STARTED: EventType = EventType::from_static("billing.onboarding_started");
/// `billing.payment_failed`: Payment processing failed.
pub const BILLING_PAYMENT_FAILED: EventType = EventType::from_static("billing.payment_failed");
/// `billing.payment_received`: Payment successfully processed.
pub const BILLING_PAYMENT_RECEIVED: EventType = EventType::from_static("billing.payment_received");
/// `billing.payment_refunded`: Payment refunded.
pub const BILLING_PAYMENT_REFUNDED: EventType = EventType::from_static("billing.payment_refunded");
/// `billing.payment_session_created`: Payment session initiated.
pub const BILLING_PAYMENT_SESSION_CREATED: EventType = EventType::from_static("billing.payment_session_created");
/// `billing.webhook_failed`: Webhook processing failed.
pub const BILLING_WEBHOOK_FAILED: EventType = EventType::from_static("billing.webhook_failed");
/// `billing.webhook_processed`: Webhook successfully processed.
pub const BILLING_WEBHOOK_PROCESSED: EventType = EventType::from_static("billing.webhook_processed");
/// `billing.webhook_received`: Stripe webhook received.
pub const BILLING_WEBHOOK_RECEIVED: EventType = EventType::from_static("billing.webhook_received");
/// `customer.created`: Customer created.
pub const CUSTOMER_CREATED: EventType = EventType::from_static("customer.created");
/// `customer.deleted`: Customer deleted.
pub const CUSTOMER_DELETED: EventType = EventType::from_static("customer.deleted");
/// `customer.updated`: Customer updated.
pub const CUSTOMER_UPDATED: EventType = EventType::from_static("customer.updated");
/// `email.failed`: E-mail send failed.
pub const EMAIL_FAILED: EventType = EventType::from_static("email.failed");
/// `email.sent`: E-mail sent successfully.
pub const EMAIL_SENT: EventType = EventType::from_static("email.sent");
/// `export.completed`: Export completed.
pub const EXPORT_COMPLETED: EventType = EventType::from_static("export.completed");
/// `export.failed`: Export failed.
pub const EXPORT_FAILED: EventType = EventType::from_static("export.failed");
/// `file.deleted`: File deleted.
pub const FILE_DELETED: EventType = EventType::from_static("file.deleted");
/// `file.scan_completed`: File scan completed.
pub const FILE_SCAN_COMPLETED: EventType = EventType::from_static("file.scan_completed");
/// `file.uploaded`: File uploaded.
pub const FILE_UPLOADED: EventType = EventType::from_static("file.uploaded");
/// `import.completed`: An import job finished successfully.
pub const IMPORT_COMPLETED: EventType = EventType::from_static("import.completed");
/// `import.failed`: An import job failed.
pub const IMPORT_FAILED: EventType = EventType::from_static("import.failed");
/// `importer.created`: A user created an importer.
pub const IMPORTER_CREATED: EventType = EventType::from_static("importer.created");
/// `invoice.created`: Invoice created.
pub const INVOICE_CREATED: EventType = EventType::from_static("invoice.created");
/// `invoice.paid`: Invoice marked as paid.
pub const INVOICE_PAID: EventType = EventType::from_static("invoice.paid");
/// `invoice.voided`: Invoice voided.
pub const INVOICE_VOIDED: EventType = EventType::from_static("invoice.voided");
/// `onboarding.completed`: Full onboarding finished.
pub const ONBOARDING_COMPLETED: EventType = EventType::from_static("onboarding.completed");
/// `onboarding.skipped`: User skips onboarding.
pub const ONBOARDING_SKIPPED: EventType = EventType::from_static("onboarding.skipped");
/// `onboarding.started`: User begins onboarding.
pub const ONBOARDING_STARTED: EventType = EventType::from_static("onboarding.started");
/// `onboarding.step_completed`: Individual onboarding step finished.
pub const ONBOARDING_STEP_COMPLETED: EventType = EventType::from_static("onboarding.step_completed");
/// `org.access_denied`: Unauthorized access attempt.
pub const ORG_ACCESS_DENIED: EventType = EventType::from_static("org.access_denied");
/// `org.created`: New practice/organization created.
pub const ORG_CREATED: EventType = EventType::from_static("org.created");
/// `org.deleted`: Organization removed.
pub const ORG_DELETED: EventType = EventType::from_static("org.deleted");
/// `org.member_invited`: Team member invitation sent.
pub const ORG_MEMBER_INVITED: EventType = EventType::from_static("org.member_invited");
/// `org.member_joined`: User accepted invitation.
pub const ORG_MEMBER_JOINED: EventType = EventType::from_static("org.member_joined");
/// `org.member_left`: Member left organization.
pub const ORG_MEMBER_LEFT: EventType = EventType::from_static("org.member_left");
/// `org.member_removed`: Member removed from organization.
pub const ORG_MEMBER_REMOVED: EventType = EventType::from_static("org.member_removed");
/// `org.member_role_changed`: Member role updated.
pub const ORG_MEMBER_ROLE_CHANGED: EventType = EventType::from_static("org.member_role_changed");
/// `org.switched`: User changed active organization.
pub const ORG_SWITCHED: EventType = EventType::from_static("org.switched");
/// `org.updated`: Organization details modified.
pub const ORG_UPDATED: EventType = EventType::from_static("org.updated");
/// `payment.failed`: Payment failed.
pub const PAYMENT_FAILED: EventType = EventType::from_static("payment.failed");
/// `payment.refunded`: Payment refunded.
pub const PAYMENT_REFUNDED: EventType = EventType::from_static("payment.refunded");
/// `payment.succeeded`: Payment succeeded.
pub const PAYMENT_SUCCEEDED: EventType = EventType::from_static("payment.succeeded");
/// `practice.contact_info_updated`: Contact information changed.
pub const PRACTICE_CONTACT_INFO_UPDATED: EventType = EventType::from_static("practice.contact_info_updated");
/// `practice.details_created`: Practice details added.
pub const PRACTICE_DETAILS_CREATED: EventType = EventType::from_static("practice.details_created");
/// `practice.details_updated`: Practice information modified.
pub const PRACTICE_DETAILS_UPDATED: EventType = EventType::from_static("practice.details_updated");
/// `practice.specialties_updated`: Practice specialties changed.
pub const PRACTICE_SPECIALTIES_UPDATED: EventType = EventType::from_static("practice.specialties_updated");
/// `profile.created`: Initial profile setup.
pub const PROFILE_CREATED: EventType = EventType::from_static("profile.created");
/// `profile.picture_uploaded`: Profile image added.
pub const PROFILE_PICTURE_UPLOADED: EventType = EventType::from_static("profile.picture_uploaded");
/// `profile.updated`: Profile information changed.
pub const PROFILE_UPDATED: EventType = EventType::from_static("profile.updated");
/// `session.created`: New session established.
pub const SESSION_CREATED: EventType = EventType::from_static("session.created");
/// `session.expired`: Session expiration.
pub const SESSION_EXPIRED: EventType = EventType::from_static("session.expired");
/// `session.invalidated`: Session manually invalidated.
pub const SESSION_INVALIDATED: EventType = EventType::from_static("session.invalidated");
/// `subscription.cancelled`: A subscription ended or was cancelled.
pub const SUBSCRIPTION_CANCELLED: EventType = EventType::from_static("subscription.cancelled");
/// `subscription.created`: Subscription created.
pub const SUBSCRIPTION_CREATED: EventType = EventType::from_static("subscription.created");
/// `subscription.payment_failed`: A subscription payment failed.
pub const SUBSCRIPTION_PAYMENT_FAILED: EventType = EventType::from_static("subscription.payment_failed");
/// `subscription.renewed`: Subscription renewed.
pub const SUBSCRIPTION_RENEWED: EventType = EventType::from_static("subscription.renewed");
/// `subscription.started`: A subscription began.
pub const SUBSCRIPTION_STARTED: EventType = EventType::from_static("subscription.started");
/// `subscription.updated`: Subscription updated.
pub const SUBSCRIPTION_UPDATED: EventType = EventType::from_static("subscription.updated");
/// `system.error_occurred`: System error occurred.
pub const SYSTEM_ERROR_OCCURRED: EventType = EventType::from_static("system.error_occurred");
/// `system.health_check_performed`: Health check performed.
pub const SYSTEM_HEALTH_CHECK_PERFORMED: EventType = EventType::from_static("system.health_check_performed");
/// `system.performance_degraded`: Performance issues detected.
pub const SYSTEM_PERFORMANCE_DEGRADED: EventType = EventType::from_static("system.performance_degraded");
/// `user.deleted`: User deleted.
pub const USER_DELETED: EventType = EventType::from_static("user.deleted");
/// `user.first_import`: The user's first successful import finished.
pub const USER_FIRST_IMPORT: EventType = EventType::from_static("user.first_import");
/// `user.registered`: User registered.
pub const USER_REGISTERED: EventType = EventType::from_static("user.registered");
/// `user.signup`: A user account was created (registration or first OAuth sync).
pub const USER_SIGNUP: EventType = EventType::from_static("user.signup");
/// `user.updated`: User updated.
pub const USER_UPDATED: EventType = EventType::from_static("user.updated");
/// `webhook.subscription_disabled`: A webhook subscription was disabled because of its endpoint.
pub const WEBHOOK_SUBSCRIPTION_DISABLED: EventType = EventType::from_static("webhook.subscription_disabled");
/// `webhook.subscription_failing`: Every delivery to an endpoint has failed for a while; it will be disabled.
pub const WEBHOOK_SUBSCRIPTION_FAILING: EventType = EventType::from_static("webhook.subscription_failing");
/// `webhook.test`: Somebody tests the endpoint of a webhook subscription.
pub const WEBHOOK_TEST: EventType = EventType::from_static("webhook.test");
