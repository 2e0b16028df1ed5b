//! The queue against a real RabbitMQ, named by `EVENTS_TEST_AMQP_URL`.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

mod alarm;
mod broker;
mod closing;
mod contract;
mod letters;
mod measure;
mod prefetch;
mod proxy;
mod publishing;
mod secrets;
mod topology;
mod trouble;
