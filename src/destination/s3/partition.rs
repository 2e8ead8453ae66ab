//! The hosts of S3 in all partitions of AWS, as of botocore 1.44 (`partitions.json` and the rules of S3).

/// Regions with a domain of their own.
struct Partition {
    id: &'static str,
    /// How the names of its regions begin.
    regions: &'static str,
    domain: &'static str,
    fips: bool,
    dual_stack: bool,
}

const PARTITIONS: &[Partition] = &[
    of("aws-cn", "cn-", "amazonaws.com.cn").without_fips(),
    of("aws-us-gov", "us-gov-", "amazonaws.com"),
    of("aws-iso", "us-iso-", "c2s.ic.gov"),
    of("aws-iso-b", "us-isob-", "sc2s.sgov.gov"),
    of("aws-iso-e", "eu-isoe-", "cloud.adc-e.uk").without_dual_stack(),
    of("aws-iso-f", "us-isof-", "csp.hci.ic.gov").without_dual_stack(),
    of("aws-eusc", "eusc-", "amazonaws.eu"),
    // All others, those that are not known yet too.
    of("aws", "", "amazonaws.com"),
];

const fn of(id: &'static str, regions: &'static str, domain: &'static str) -> Partition {
    Partition { id, regions, domain, fips: true, dual_stack: true }
}

impl Partition {
    const fn without_fips(self) -> Self {
        Self { fips: false, ..self }
    }

    const fn without_dual_stack(self) -> Self {
        Self { dual_stack: false, ..self }
    }
}

/// Which of a region's hosts is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Variant {
    pub(super) fips: bool,
    pub(super) dual_stack: bool,
    pub(super) accelerate: bool,
}

/// The host of S3 in `region`.
///
/// The error says which variant it does not have.
pub(super) fn host(region: &str, variant: Variant) -> Result<String, String> {
    let partition = PARTITIONS.iter().find(|partition| region.starts_with(partition.regions));
    let Some(Partition { id, domain, fips, dual_stack, .. }) = partition else {
        return Err(format!("no partition of AWS has the region {region}"));
    };
    let wrong = |key: &str, what: &str| Err(format!("{key}: {what}"));
    if variant.fips && !fips {
        return wrong("use_fips_endpoint", &format!("the partition {id} has no FIPS hosts of S3"));
    }
    if variant.dual_stack && !dual_stack {
        return wrong("use_dualstack_endpoint", &format!("the partition {id} has no dual-stack hosts of S3"));
    }
    let stack = if variant.dual_stack { ".dualstack" } else { "" };
    if !variant.accelerate {
        let fips = if variant.fips { "-fips" } else { "" };
        return Ok(format!("s3{fips}{stack}.{region}.{domain}"));
    }
    if variant.fips {
        return wrong(
            "use_accelerate_endpoint",
            "goes without use_fips_endpoint: no such host is a FIPS host",
        );
    }
    if *id != "aws" {
        return wrong("use_accelerate_endpoint", &format!("the partition {id} has no such hosts"));
    }
    Ok(format!("s3-accelerate{stack}.{domain}"))
}

/// Whether a host is one of AWS, where buckets are named in the host.
pub(super) fn is_aws(host: &str) -> bool {
    PARTITIONS
        .iter()
        .any(|Partition { domain, .. }| host.strip_suffix(domain).is_some_and(|rest| rest.ends_with('.')))
}
