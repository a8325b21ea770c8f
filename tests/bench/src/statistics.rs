//! Medians and quartiles: a machine that is shared has slices that say nothing.

/// The middle of some figures, and where the middle half of them lies.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Spread {
    /// Of at least one figure; of none it is zero.
    pub(crate) fn of(figures: impl IntoIterator<Item = f64>) -> Self {
        let mut sorted: Vec<f64> = figures.into_iter().collect();
        sorted.sort_unstable_by(f64::total_cmp);
        let at = |share: f64| quantile(&sorted, share);
        Self { lower: at(0.25), median: at(0.5), upper: at(0.75) }
    }
}

/// Between two figures, in proportion.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss, reason = "an index")]
pub(crate) fn quantile(sorted: &[f64], share: f64) -> f64 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let at = share * last as f64;
    let below = at.floor() as usize;
    let (low, high) = (sorted[below], sorted[(below + 1).min(last)]);
    low + (high - low) * (at - at.floor())
}

#[cfg(test)]
mod tests {
    use super::{Spread, quantile};

    #[test]
    fn quartiles_lie_between_figures() {
        let spread = Spread::of([4.0, 1.0, 3.0, 2.0, 5.0]);
        assert_eq!(spread, Spread { lower: 2.0, median: 3.0, upper: 4.0 });
        assert!((quantile(&[1.0, 2.0], 0.25) - 1.25).abs() < 1e-9);
        assert_eq!(Spread::of([]), Spread { lower: 0.0, median: 0.0, upper: 0.0 });
    }
}
