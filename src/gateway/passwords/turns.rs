//! Who is next: one of each shop in turn, and of the shop one of each address in turn.

use std::collections::{BTreeMap, VecDeque};

use crate::domain::{ClientAddress, ShopId};

/// What waits, by shop and address. Whoever has waited longest is at the front.
#[derive(Debug)]
pub struct Turns<T>(Lanes<ShopId, Lanes<Option<ClientAddress>, VecDeque<T>>>);

/// Queues of several, and the order in which they have their turn.
#[derive(Debug)]
struct Lanes<K, Q> {
    order: VecDeque<K>,
    lanes: BTreeMap<K, Q>,
}

impl<K, Q> Default for Lanes<K, Q> {
    fn default() -> Self {
        Self { order: VecDeque::new(), lanes: BTreeMap::new() }
    }
}

impl<T> Default for Turns<T> {
    fn default() -> Self {
        Self(Lanes::default())
    }
}

impl<K: Ord + Clone, Q: Default> Lanes<K, Q> {
    /// The queue of one, which comes last when it is new.
    fn lane(&mut self, key: &K) -> &mut Q {
        if !self.lanes.contains_key(key) {
            self.order.push_back(key.clone());
        }
        self.lanes.entry(key.clone()).or_default()
    }

    /// Takes from the queue whose turn it is, which then comes last, or is forgotten when it is empty.
    fn take<T>(&mut self, take: impl FnOnce(&mut Q) -> (T, bool)) -> Option<T> {
        let key = self.order.pop_front()?;
        let (taken, is_empty) = take(self.lanes.get_mut(&key)?);
        if is_empty {
            self.lanes.remove(&key);
        } else {
            self.order.push_back(key);
        }
        Some(taken)
    }
}

impl<T> Turns<T> {
    /// Puts in one more.
    pub fn push(&mut self, shop: &ShopId, address: Option<ClientAddress>, entry: T) {
        self.0.lane(shop).lane(&address).push_back(entry);
    }

    /// Takes the next one.
    pub fn pop(&mut self) -> Option<T> {
        let taken = self.0.take(|shop| {
            let taken = shop.take(|address| (address.pop_front(), address.is_empty()));
            (taken, shop.order.is_empty())
        });
        taken.flatten().flatten()
    }

    /// How many of a shop wait, and how many of an address in it.
    pub fn waiting(&self, shop: &ShopId, address: Option<ClientAddress>) -> (usize, usize) {
        let Some(shop) = self.0.lanes.get(shop) else { return (0, 0) };
        let of_address = shop.lanes.get(&address).map_or(0, VecDeque::len);
        (shop.lanes.values().map(VecDeque::len).sum(), of_address)
    }

    /// Shops of which somebody waits.
    pub fn shops(&self) -> usize {
        self.0.lanes.len()
    }
}

#[cfg(test)]
mod tests {
    use std::net::IpAddr;

    use super::*;

    #[test]
    fn a_flood_of_one_shop_or_address_delays_the_others_by_one_a_turn() {
        let mut turns = Turns::default();
        let mut push = |shop: &str, last: u8, entry: &'static str| {
            let address = IpAddr::from([192, 0, 2, last]).into();
            turns.push(&ShopId::from(shop), Some(address), entry);
        };
        for flood in ["f1", "f2", "f3", "f4", "f5"] {
            push("flooded", 1, flood);
        }
        push("flooded", 2, "seat of the flooded shop");
        push("quiet", 3, "seat of another shop");

        let flooded = ShopId::from("flooded");
        assert_eq!(turns.waiting(&flooded, Some(IpAddr::from([192, 0, 2, 1]).into())), (6, 5));
        assert_eq!(turns.shops(), 2);
        let order: Vec<_> = std::iter::from_fn(|| turns.pop()).collect();
        let expected =
            ["f1", "seat of another shop", "seat of the flooded shop", "f2", "f3", "f4", "f5"];
        assert_eq!(order, expected);
        assert_eq!((turns.shops(), turns.waiting(&flooded, None)), (0, (0, 0)));
    }

    #[test]
    fn who_comes_back_waits_behind_who_was_there() {
        let mut turns = Turns::default();
        let (a, b) = (ShopId::from("a"), ShopId::from("b"));
        turns.push(&a, None, 1);
        turns.push(&b, None, 2);

        assert_eq!(turns.pop(), Some(1));
        turns.push(&a, None, 3);
        assert_eq!((turns.pop(), turns.pop(), turns.pop()), (Some(2), Some(3), None));
    }
}
