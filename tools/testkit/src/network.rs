//! Who follows whom, out of a seed.

use std::collections::{BTreeMap, BTreeSet};

use rand::{RngExt, SeedableRng, rngs::Xoshiro256PlusPlus};

/// A directed network of users `1..=users`.
#[derive(Clone, Debug, Default)]
pub struct Network {
    /// How many users there are.
    pub users: u64,
    /// (follower, author), each once, nobody following themselves.
    pub follows: Vec<(u64, u64)>,
}

/// Share of follows that go to someone in proportion to the followers they have.
const PREFERENTIAL: f64 = 0.8;

impl Network {
    /// Grows a network by preferential attachment (Barabási and Albert, 1999; the directed form with a uniform
    /// share): followers per author fall off as a power law, as in real networks. The same seed gives the
    /// same network on every machine.
    #[must_use]
    pub fn power_law(seed: u64, users: u64, follows_per_user: u64) -> Self {
        let mut random = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut seen = BTreeSet::new();
        let mut follows: Vec<(u64, u64)> = Vec::new();
        let wanted = follows_per_user.min(users.saturating_sub(1));
        for user in 1..=users {
            let mut own = 0;
            // A user who by bad luck only meets authors already followed gives up rather than spin.
            for _ in 0..wanted * 8 {
                if own == wanted {
                    break;
                }
                let popular = (!follows.is_empty() && random.random_bool(PREFERENTIAL))
                    .then(|| random.random_range(0..follows.len()))
                    .and_then(|at| follows.get(at))
                    .map(|(_, author)| *author);
                let author = popular.unwrap_or_else(|| random.random_range(1..=users));
                if author != user && seen.insert((user, author)) {
                    follows.push((user, author));
                    own += 1;
                }
            }
        }
        Self { users, follows }
    }

    /// A network from pairs as a file has them.
    #[must_use]
    pub fn from_pairs(pairs: impl IntoIterator<Item = (u64, u64)>) -> Self {
        let unique: BTreeSet<_> = pairs.into_iter().filter(|(follower, author)| follower != author).collect();
        let users = unique.iter().flat_map(|(a, b)| [*a, *b]).max().unwrap_or(0);
        Self { users, follows: unique.into_iter().collect() }
    }

    /// Followers of each author.
    #[must_use]
    pub fn followers(&self) -> BTreeMap<u64, Vec<u64>> {
        let mut followers: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
        for (follower, author) in &self.follows {
            followers.entry(*author).or_default().push(*follower);
        }
        followers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_network_of_few_hubs_and_many_leaves() {
        let network = Network::power_law(7, 1000, 10);
        assert_eq!(network.follows, Network::power_law(7, 1000, 10).follows);
        assert_ne!(network.follows, Network::power_law(8, 1000, 10).follows);
        let mut sizes: Vec<_> = network.followers().values().map(Vec::len).collect();
        sizes.sort_unstable();
        let (median, most) = (sizes[sizes.len() / 2], sizes[sizes.len() - 1]);
        assert!(most > 10 * median, "median {median}, most {most}");
        assert!(network.follows.iter().all(|(follower, author)| follower != author));
    }
}
