//! What an exchange needs of its surroundings, as arguments.

use crate::shared::SharedStore;
use crate::time::Clock;

/// The time, the state that all workers share, and chance.
pub trait Host: Clock + SharedStore {
    /// A number in [0, 1), another one each time.
    fn random(&self) -> f64;
}
