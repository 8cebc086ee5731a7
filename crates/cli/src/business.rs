//! The simulated businesses: their names, their files and their specs.

use std::io;
use std::path::Path;

use diptych_simulate::bakery::{BAKERY_SPEC, BakeryOptions, write_bakery};
use diptych_simulate::{SAAS_SPEC, STREAMING_SPEC, SaasOptions, StreamingOptions, write_saas, write_streaming};

/// The names on the command line.
pub const NAMES: [&str; 3] = ["bakery", "saas", "streaming"];

/// One business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Business {
    /// One of [`NAMES`].
    pub name: String,
    /// Customers, companies or listeners.
    pub customers: u32,
    /// Same seed, same bytes.
    pub seed: u64,
}

impl Business {
    /// Makes the business; `customers` are as many as usual for it unless given.
    pub fn new(name: &str, customers: Option<u64>, seed: u64) -> Self {
        let usual = match name {
            "saas" => SaasOptions::default().companies,
            "streaming" => StreamingOptions::default().listeners,
            _ => BakeryOptions::default().customers,
        };
        let customers = customers.map_or(usual, |customers| u32::try_from(customers).unwrap_or(u32::MAX));
        Self { name: name.to_owned(), customers, seed }
    }

    /// Returns its diptych.yaml.
    pub fn spec(&self) -> &'static str {
        match self.name.as_str() {
            "saas" => SAAS_SPEC,
            "streaming" => STREAMING_SPEC,
            _ => BAKERY_SPEC,
        }
    }

    /// Writes its files and truth.json into a folder.
    pub fn write(&self, dir: &Path) -> io::Result<()> {
        let Self { customers, seed, .. } = *self;
        match self.name.as_str() {
            "saas" => write_saas(&SaasOptions { companies: customers, seed, ..SaasOptions::default() }, dir).map(drop),
            "streaming" => {
                let advertisers = (customers / 50).clamp(1, 8_000);
                let options = StreamingOptions { listeners: customers, advertisers, seed, ..StreamingOptions::default() };
                write_streaming(&options, dir).map(drop)
            }
            _ => write_bakery(&BakeryOptions { customers, seed, ..BakeryOptions::default() }, dir).map(drop),
        }
    }
}
