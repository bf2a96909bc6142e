//! How much of what providers are asked one shop may take up: one whose provider is slow, or that somebody
//! floods, leaves the others their places.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::fetch::FetchError;
use super::provider::ProviderError;
use crate::domain::ShopId;

/// Sign-ins, sign-outs and words of providers of one shop that wait for its provider at a time.
pub const SHOP_CALLS_MAX: usize = 16;

/// The places of all shops.
#[derive(Clone, Debug, Default)]
pub(super) struct Places(Arc<Mutex<BTreeMap<ShopId, usize>>>);

/// A place of a shop, until it is dropped.
#[derive(Debug)]
pub struct Place {
    places: Places,
    shop: ShopId,
}

impl Places {
    /// A place for something that asks the provider of a shop.
    ///
    /// # Errors
    /// When the shop has none left.
    pub fn take(&self, shop: &ShopId) -> Result<Place, ProviderError> {
        let mut taken = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(shop.clone()).or_default();
        if *count >= SHOP_CALLS_MAX {
            return Err(ProviderError::Call { what: "provider", error: FetchError::Busy });
        }
        *count += 1;
        Ok(Place { places: self.clone(), shop: shop.clone() })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.places.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.shop) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.shop);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shop_fills_its_own_places_and_gives_them_back() {
        let places = Places::default();
        let (busy, other) = (ShopId::from("cafe"), ShopId::from("tea"));
        let mut held: Vec<Place> =
            (0..SHOP_CALLS_MAX).map(|_| places.take(&busy).expect("a place")).collect();

        assert!(places.take(&busy).is_err());
        assert!(places.take(&other).is_ok());
        held.pop();
        assert!(places.take(&busy).is_ok());

        drop(held);
        assert!(places.0.lock().expect("a map").is_empty(), "nothing is kept of who has none");
    }
}
