//! What the filter says aloud: that too much is made up already, and that Envoy's own route is in its way.

use super::{Effect, Exchange, Record};
use crate::config::Mode;
use crate::host::Host;
use crate::verdict::ServedBy;

/// Envoy's response code details of a request that its route gave up. The filter limits an attempt by the per-try timeout,
/// whose details are others.
const ROUTE_TIMEOUT: &[u8] = b"response_timeout";

impl Exchange {
    /// Whether the answer must not be made up, because too many are.
    pub(super) fn is_capped(&self, host: &impl Host) -> bool {
        let settings = self.route.max_share().filter(|_| self.mode == Mode::Enforce);
        settings.is_some_and(|settings| !self.degraded_share.allows(settings, host.now()))
    }

    /// Counts an answer among those of which a share may be made up.
    pub(super) fn count_share(&self, served_by: ServedBy, host: &impl Host) {
        let is_made_up = match served_by {
            ServedBy::LastGood | ServedBy::Static => true,
            ServedBy::Primary | ServedBy::Secondary | ServedBy::Refusal => false,
            ServedBy::Nobody | ServedBy::WouldSecondary | ServedBy::WouldLastGood | ServedBy::WouldStatic => return,
        };
        if let Some(settings) = self.route.max_share() {
            self.degraded_share.count(settings, is_made_up, host.now());
        }
    }

    /// Says so where Envoy's route has given up before the ladder's time was over: then nothing of the ladder can help.
    /// Once: what Envoy has said of its answer, it says again at the end of the stream.
    pub(super) fn look_for_route_timeout(&mut self, details: &[u8], host: &impl Host, effects: &mut Vec<Effect>) {
        let is_meant = details == ROUTE_TIMEOUT && self.route.upstream.primary_limit().is_some();
        // The time is asked for last: it is a host call, and this is looked for in every exchange.
        if is_meant && !self.is_route_timeout_told && host.now().since(self.started) < self.route.upstream.timeout {
            self.is_route_timeout_told = true;
            effects.push(Effect::Record(Record::RouteTimeout));
        }
    }
}
