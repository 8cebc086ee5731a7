//! Whether this processor knows the instructions that .cargo/config.toml compiles for.

/// Returns what the processor lacks: x86-64-v3, which the processors of 2013 and later have.
#[cfg(target_arch = "x86_64")]
pub fn lacks() -> Option<&'static str> {
    use std::arch::x86_64::{__cpuid, __cpuid_count};
    // Not `is_x86_feature_detected!`, which believes what this binary was compiled for. AMD64 manual volume 3, appendix E.
    let bit = |register: u32, bit: u32| register >> bit & 1 != 0;
    let (basic, extended) = (__cpuid(0).eax, __cpuid(0x8000_0000).eax);
    if basic < 7 || extended < 0x8000_0001 {
        return Some("AVX2");
    }
    let (features, more, of_amd) = (__cpuid(1).ecx, __cpuid_count(7, 0).ebx, __cpuid(0x8000_0001).ecx);
    let known =
        [("AVX2", bit(features, 27) && bit(more, 5)), ("FMA", bit(features, 12)), ("BMI2", bit(more, 8)), ("LZCNT", bit(of_amd, 5))];
    known.into_iter().find(|(_, known)| !known).map(|(name, _)| name)
}

/// Returns what the processor lacks: other kinds are compiled for what all of them have.
#[cfg(not(target_arch = "x86_64"))]
pub fn lacks() -> Option<&'static str> {
    None
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_processor_that_runs_the_tests_lacks_nothing() {
        assert_eq!(super::lacks(), None);
    }
}
