//! A name for every user, so that people read pages of people.

const GIVEN: &[&str] = &[
    "Amara", "Bjørn", "Chiyo", "Dmitri", "Elif", "Farid", "Grace", "Hiroshi", "Inès", "Jonas", "Kateryna",
    "Leila", "Mateus", "Nomvula", "Oskar", "Priya", "Quentin", "Rosa", "Santiago", "Thuy", "Umar", "Vera",
    "Wei", "Ximena", "Yusuf", "Zofia",
];

const FAMILY: &[&str] = &[
    "Adeyemi",
    "Bauer",
    "Castro",
    "Dubois",
    "Eriksson",
    "Fujita",
    "García",
    "Haddad",
    "Ivanova",
    "Jansen",
    "Kaya",
    "Lindqvist",
    "Moreau",
    "Nakamura",
    "Okafor",
    "Petrov",
    "Qureshi",
    "Rossi",
    "Silva",
    "Tanaka",
    "Ünal",
    "Vogel",
    "Wang",
    "Yilmaz",
    "Zieliński",
];

/// The name of `user`: always the same, not unique.
#[must_use]
pub fn name_of(user: u64) -> String {
    // Strides prime to the lengths, so that neighbours differ in both names.
    let pick = |table: &[&'static str], stride: u64| {
        let at = usize::try_from(user.wrapping_mul(stride) % table.len() as u64).unwrap_or(0);
        table.get(at).copied().unwrap_or_default()
    };
    format!("{} {}", pick(GIVEN, 7), pick(FAMILY, 12))
}

/// The handle of `user`, as others mention them.
#[must_use]
pub fn handle_of(user: u64) -> String {
    let name = name_of(user);
    let first = name.split(' ').next().unwrap_or_default().to_lowercase();
    format!("{first}{user}")
}
