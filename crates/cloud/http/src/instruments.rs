//! What is counted of the things that front ends rest on, beside their requests.

use std::fmt;
use std::time::Duration;

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeLabelSet, EncodeMetric};
use prometheus_client::metrics::counter::{ConstCounter, Counter};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::ConstGauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};

/// Metrics of the things that front ends rest on, such as a database. They are on the same page as those of the server, and their
/// names begin the same.
#[derive(Debug)]
pub struct Instruments {
    pub(crate) registry: Registry,
}

impl Default for Instruments {
    fn default() -> Self {
        Self {
            registry: Registry::with_prefix("gumnut_cloud"),
        }
    }
}

/// How often each operation was called, how long it took and how often it failed. Clones count together.
#[derive(Clone, Debug)]
pub struct Operations {
    seconds: Family<OperationLabels, Histogram>,
    errors: Family<OperationLabels, Counter>,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OperationLabels {
    operation: &'static str,
}

impl Instruments {
    /// Operations of something: `NAME_duration_seconds` and `NAME_errors`, with the label `operation`.
    pub fn operations(&mut self, name: &str, help: &str) -> Operations {
        // From a quarter of a millisecond to four seconds.
        let histogram: fn() -> Histogram = || Histogram::new(exponential_buckets(0.000_25, 4.0, 8));
        let operations = Operations {
            seconds: Family::new_with_constructor(histogram),
            errors: Family::default(),
        };
        self.registry.register_with_unit(
            format!("{name}_duration"),
            help,
            Unit::Seconds,
            operations.seconds.clone(),
        );
        self.registry.register(
            format!("{name}_errors"),
            format!("Of these, how many have failed: {help}"),
            operations.errors.clone(),
        );
        operations
    }

    /// How large the things are that happen, in numbers from 1 to 256 and more.
    pub fn sizes(&mut self, name: &'static str, help: &'static str) -> Sizes {
        let sizes = Sizes(Histogram::new(exponential_buckets(1.0, 2.0, 9)));
        self.registry.register(name, help, sizes.0.clone());
        sizes
    }

    /// Something that only grows, which is read when the page is asked for.
    pub fn counter(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) {
        let value = move || Value::Counter(read());
        self.collect(name, help, Box::new(value));
    }

    /// Something that grows and shrinks, which is read when the page is asked for.
    pub fn gauge(
        &mut self,
        name: &'static str,
        help: &'static str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) {
        let value = move || Value::Gauge(read());
        self.collect(name, help, Box::new(value));
    }

    fn collect(&mut self, name: &'static str, help: &'static str, read: Read) {
        let reading = Reading { name, help, read };
        self.registry.register_collector(Box::new(reading));
    }
}

impl Operations {
    /// Counts a call that has ended.
    pub fn observe(&self, operation: &'static str, time: Duration, has_failed: bool) {
        let labels = OperationLabels { operation };
        self.seconds
            .get_or_create(&labels)
            .observe(time.as_secs_f64());
        if has_failed {
            self.errors.get_or_create(&labels).inc();
        }
    }
}

/// How large things were that have happened. Clones count together.
#[derive(Clone, Debug)]
pub struct Sizes(Histogram);

impl Sizes {
    /// Counts one of this size.
    pub fn observe(&self, size: u32) {
        self.0.observe(f64::from(size));
    }
}

type Read = Box<dyn Fn() -> Value + Send + Sync>;

enum Value {
    Counter(u64),
    Gauge(f64),
}

/// A metric that is read elsewhere.
struct Reading {
    name: &'static str,
    help: &'static str,
    read: Read,
}

impl fmt::Debug for Reading {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Reading").field(&self.name).finish()
    }
}

impl Collector for Reading {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let metric: Box<dyn EncodeMetric> = match (self.read)() {
            Value::Counter(value) => Box::new(ConstCounter::new(value)),
            Value::Gauge(value) => Box::new(ConstGauge::new(value)),
        };
        let kind = metric.metric_type();
        let encoder = encoder.encode_descriptor(self.name, self.help, None, kind)?;
        metric.encode(encoder)
    }
}
