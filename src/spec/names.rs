//! Names that were probably meant.

/// How many letters are wrong, missing, too many or exchanged in `given`, when `meant` was meant. Upper and lower case are
/// the same.
pub fn distance(given: &str, meant: &str) -> usize {
    strsim::damerau_levenshtein(&given.to_lowercase(), &meant.to_lowercase())
}

/// The candidate that is nearest to `name`, however far that is; none if there are none.
pub fn closest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates.into_iter().min_by_key(|candidate| (distance(name, candidate), *candidate))
}

/// The candidate that `name` was probably meant to be: one that is near enough, or the only one of which the beginning is
/// given, or which is the beginning of what is given.
pub fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let candidates: Vec<&str> = candidates.into_iter().collect();
    let limit = (name.chars().count() / 3).max(2);
    let near = closest(name, candidates.iter().copied()).filter(|near| distance(name, near) <= limit);
    near.or_else(|| {
        let name = name.to_lowercase();
        let mut same = candidates.into_iter().filter(|candidate| {
            let candidate = candidate.to_lowercase();
            candidate.len().min(name.len()) > 2
                && (candidate.starts_with(&name) || name.starts_with(&candidate))
        });
        same.next().filter(|_| same.next().is_none())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_near() {
        assert_eq!(nearest("ds_03_pgg", ["ds_01_pg", "ds_03_pg"]), Some("ds_03_pg"));
        assert_eq!(nearest("warehouse", ["ds_01_pg", "log"]), None);
        assert_eq!(closest("warehouse", ["ds_01_pg", "housing"]), Some("housing"));
        assert_eq!(closest("warehouse", []), None);
    }

    #[test]
    fn exchanged_letters_are_one_mistake_and_case_is_none() {
        assert_eq!((distance("Regoin", "region"), distance("PORT", "port")), (1, 0));
        assert_eq!(nearest("NTLIE", ["Ntile", "None"]), Some("Ntile"));
    }

    #[test]
    fn a_beginning_is_enough_where_only_one_has_it() {
        let keys = ["user", "password", "passfile", "host", "application_name"];
        assert_eq!(nearest("application", keys), Some("application_name"));
        assert_eq!(nearest("HostAddress", keys), Some("host"));
        assert_eq!(nearest("pass", keys), None, "two begin so");
        assert_eq!(nearest("ap", keys), None, "too short");
    }
}
