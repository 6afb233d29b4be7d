//! Faults of PostgreSQL's minor releases by which row security, or the privileges that it builds on, did not hold, from
//! its release notes and the pages of its security team. Only versions that timedb supports are listed.

/// A fault, and the first release of each major version that is without it. Major versions that are not listed never
/// had it.
pub struct KnownFault {
    pub cve: &'static str,
    pub what: &'static str,
    fixed: &'static [(i32, i32)],
}

/// In the order in which they were published.
const FAULTS: [KnownFault; 8] = [
    KnownFault {
        cve: "CVE-2023-2454",
        what: "CREATE SCHEMA lets a role run functions as another one",
        fixed: &[(15, 3)],
    },
    KnownFault {
        cve: "CVE-2023-2455",
        what: "policies of another role apply to inlined functions",
        fixed: &[(15, 3)],
    },
    KnownFault {
        cve: "CVE-2023-39418",
        what: "MERGE does not apply policies for UPDATE and SELECT",
        fixed: &[(15, 4)],
    },
    KnownFault {
        cve: "CVE-2024-4317",
        what: "statistics of expressions show values of others' rows",
        fixed: &[(15, 7), (16, 3)],
    },
    KnownFault {
        cve: "CVE-2024-10976",
        what: "policies of another role apply below subqueries and in views",
        fixed: &[(15, 9), (16, 5), (17, 1)],
    },
    KnownFault {
        cve: "CVE-2024-10978",
        what: "SET ROLE can go back to the wrong role",
        fixed: &[(15, 9), (16, 5), (17, 1)],
    },
    KnownFault {
        cve: "CVE-2025-8713",
        what: "statistics show values of rows that policies hide",
        fixed: &[(15, 14), (16, 10), (17, 6)],
    },
    KnownFault {
        cve: "CVE-2026-14666",
        what: "plans made before a change of roles keep the policies of before",
        fixed: &[(15, 19), (16, 15), (17, 11), (18, 6)],
    },
];

/// The newest release of each major version that is known here to mend something of security.
const NEWEST: [(i32, i32); 4] = [(15, 20), (16, 15), (17, 11), (18, 6)];

/// The faults of a release.
pub fn of(major: i32, minor: i32) -> impl Iterator<Item = &'static KnownFault> {
    FAULTS
        .iter()
        .filter(move |fault| fault.fixed_in(major).is_some_and(|fixed| minor < fixed))
}

/// The newest release of a major version that is known here.
pub fn newest(major: i32) -> Option<i32> {
    in_list(&NEWEST, major)
}

impl KnownFault {
    /// The first minor release without it.
    pub fn fixed_in(&self, major: i32) -> Option<i32> {
        in_list(self.fixed, major)
    }
}

fn in_list(list: &[(i32, i32)], major: i32) -> Option<i32> {
    let of_major = list.iter().find(|(listed, _)| *listed == major);
    of_major.map(|(_, minor)| *minor)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cves(major: i32, minor: i32) -> Vec<&'static str> {
        of(major, minor).map(|fault| fault.cve).collect()
    }

    #[test]
    fn a_release_has_the_faults_that_were_mended_after_it() {
        assert_eq!(cves(15, 0).len(), FAULTS.len());
        assert_eq!(
            cves(15, 8),
            [
                "CVE-2024-10976",
                "CVE-2024-10978",
                "CVE-2025-8713",
                "CVE-2026-14666"
            ]
        );
        assert_eq!(cves(15, 18), ["CVE-2026-14666"]);
        assert_eq!(cves(18, 4), ["CVE-2026-14666"]);
        assert_eq!(cves(16, 0).first(), Some(&"CVE-2024-4317"));
        for (major, minor) in NEWEST {
            assert!(cves(major, minor).is_empty(), "{major}.{minor}");
        }
        assert!(cves(19, 0).is_empty());
    }

    #[test]
    fn no_fault_is_mended_after_the_newest_release() {
        for fault in &FAULTS {
            for (major, minor) in fault.fixed {
                assert!(newest(*major) >= Some(*minor), "{}", fault.cve);
            }
        }
    }
}
