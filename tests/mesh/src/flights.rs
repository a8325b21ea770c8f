//! What is under way in each worker, reckoned from outside the filter: requests in flight, and those that are being sent
//! a second time.

use std::collections::{BTreeMap, BTreeSet};

use crate::document::Budget;

/// A thread, a root context and a route: what shares a retry budget.
pub(crate) type Owner = (usize, u32, String);

/// Everything that is under way now.
#[derive(Debug, Default)]
pub(crate) struct Flights(BTreeMap<Owner, Flight>);

#[derive(Debug, Default)]
struct Flight {
    exchanges: BTreeSet<usize>,
    /// Those of them that are being sent again.
    again: BTreeSet<usize>,
}

impl Flights {
    pub(crate) fn begin(&mut self, owner: &Owner, exchange: usize) {
        self.0.entry(owner.clone()).or_default().exchanges.insert(exchange);
    }

    /// It is answered, or its client has left.
    pub(crate) fn end(&mut self, owner: &Owner, exchange: usize) {
        self.settle(owner, exchange);
        if let Some(flight) = self.0.get_mut(owner) {
            flight.exchanges.remove(&exchange);
        }
    }

    /// It is sent to another region. Says how many are, where the budget does not allow one more.
    pub(crate) fn send_again(&mut self, owner: &Owner, exchange: usize, budget: Option<Budget>) -> Result<(), String> {
        let is_allowed = budget.is_none_or(|budget| self.allows(owner, exchange, budget));
        let flight = self.0.entry(owner.clone()).or_default();
        flight.again.insert(exchange);
        let (again, all) = (flight.again.len(), flight.exchanges.len());
        if is_allowed { Ok(()) } else { Err(format!("with it {again} of {all} in flight are being sent again")) }
    }

    /// The attempt is over.
    pub(crate) fn settle(&mut self, owner: &Owner, exchange: usize) {
        if let Some(flight) = self.0.get_mut(owner) {
            flight.again.remove(&exchange);
        }
    }

    /// Whether this exchange may be sent again.
    pub(crate) fn allows(&self, owner: &Owner, exchange: usize, budget: Budget) -> bool {
        let Some(flight) = self.0.get(owner) else { return true };
        budget.allows(flight.again.iter().filter(|it| **it != exchange).count(), flight.exchanges.len())
    }
}

#[cfg(test)]
mod tests {
    use super::Flights;
    use crate::document::Budget;

    #[test]
    fn an_attempt_that_is_over_makes_room() {
        let (mut flights, owner) = (Flights::default(), (0, 2, "assist".to_owned()));
        let budget = Some(Budget { ratio: 0, min_concurrent: 1 });
        for exchange in [0, 1] {
            flights.begin(&owner, exchange);
        }
        flights.send_again(&owner, 0, budget).unwrap();
        assert!(flights.send_again(&owner, 1, budget).is_err());
        flights.end(&owner, 0);
        flights.send_again(&owner, 1, budget).unwrap();
    }
}
