//! What lies in the shared data: that of another version, of a broken writer, or ours.

use std::time::Duration;

use helius_policy::circuit_breaker::{
    Backoff, Breaker, Eject, HalfOpen, Mode, Outcome, RECORD_LEN, Ramp, Settings, SlowCall, State,
};
use proptest::prelude::*;

use crate::setup::{Driven, GOOD, enforced, half_open, limited_for, open, permit_of, ramping};

const _: () = assert!(RECORD_LEN <= 256, "it crosses the host's boundary with every request");

/// If this fails, the layout has changed: raise its version.
#[test]
fn the_layout_is_that_of_version_1() {
    let start = |driven: &Driven| driven.bytes[..35].to_vec();
    assert_eq!(start(&Driven::new(enforced()))[..3], [1, 0, 0]);
    let mut breaker = open(enforced());
    breaker.admit_last_resort();
    #[rustfmt::skip]
    assert_eq!(
        start(&breaker),
        [
            1, 2, 1, // version, open, once
            1, 0, 0, 0, // generation
            0, 0, 0, 0, // no probe yet
            0xe8, 0x53, 0x5c, 0x18, 0xa3, 0x01, 0, 0, 0xe8, 0x03, 0, 0, // the next last resort in a second
            0x88, 0x63, 0x5c, 0x18, 0xa3, 0x01, 0, 0, 0x88, 0x13, 0, 0, // open for five
        ]
    );
}

#[test]
fn what_is_not_ours_is_a_fresh_breaker() {
    let ours = half_open(enforced()).0.bytes;
    let mut other_version = ours;
    other_version[0] = 2;
    let mut other_state = ours;
    other_state[1] = 3;
    let longer = [ours.as_slice(), &[0]].concat();
    for bytes in [&[], &ours[1..], &longer, &other_version, &other_state, &[0; RECORD_LEN], &[0xff; RECORD_LEN]] {
        assert_eq!(Breaker::decode(bytes), Breaker::default());
    }
    assert_eq!(Breaker::default().state(), State::Closed);
}

#[test]
fn every_state_survives_its_bytes() {
    let mut limited = Driven::new(enforced());
    limited.call(limited_for(200));
    for driven in [Driven::new(enforced()), open(enforced()), half_open(enforced()).0, ramping(enforced()), limited] {
        let breaker = Breaker::decode(&driven.bytes);
        assert_eq!(breaker.state(), driven.state());
        assert_eq!(breaker.state_code(), breaker.state().code());
        assert_eq!(breaker.encode(), driven.bytes);
    }
}

/// Bytes with our version and length, and one of our states, but nothing else that is right.
fn nearly_ours() -> impl Strategy<Value = [u8; RECORD_LEN]> {
    (0u8..3, prop::collection::vec(prop_oneof![Just(0), Just(0xff), any::<u8>()], RECORD_LEN)).prop_map(
        |(state, bytes)| {
            let mut bytes: [u8; RECORD_LEN] = bytes.try_into().unwrap();
            bytes[..2].copy_from_slice(&[1, state]);
            bytes
        },
    )
}

fn driven_by(bytes: [u8; RECORD_LEN]) -> Driven {
    // What could not be written by us is brought into our form once.
    let bytes = Breaker::decode(&bytes).encode();
    Driven { bytes, random: 0.0, ..Driven::new(enforced()) }
}

proptest! {
    #[test]
    fn any_bytes_are_a_breaker(bytes in prop::collection::vec(any::<u8>(), 0..300), nearly_ours in nearly_ours()) {
        for bytes in [bytes.as_slice(), &nearly_ours] {
            let breaker = Breaker::decode(bytes);
            prop_assert_eq!(Breaker::decode(&breaker.encode()), breaker);
        }
    }

}

proptest! {
    // Each plays a quarter of an hour.
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// A quarter of an hour is the longest open time, and the longest slot after it.
    #[test]
    fn whatever_is_read_a_healthy_region_is_back_in_a_quarter_of_an_hour(bytes in nearly_ours()) {
        let mut driven = driven_by(bytes);
        for _ in 0..900 {
            driven.wait(1_000);
            if let Some(permit) = permit_of(driven.admit()) {
                driven.record(permit, GOOD);
            }
        }
        driven.random = 0.999_999;
        prop_assert_eq!(driven.state(), State::Closed);
        prop_assert!(!driven.wait(25_000).is_rejected());
    }

    #[test]
    fn whatever_is_read_a_dead_region_is_found_out_in_a_quarter_of_an_hour(bytes in nearly_ours()) {
        let mut driven = driven_by(bytes);
        let trips = (0..900).any(|_| {
            driven.wait(1_000);
            permit_of(driven.admit()).is_some_and(|permit| driven.record(permit, Outcome::Failure).is_some())
        });
        prop_assert!(trips);
        prop_assert_eq!(driven.state(), State::Open);
    }

    #[test]
    fn whatever_is_read_any_settings_are_survived(
        bytes in nearly_ours(),
        settings in any_settings(),
        now in any::<u64>(),
    ) {
        let mut driven = driven_by(bytes);
        (driven.settings, driven.now) = (settings, now / 2);
        for outcome in [GOOD, Outcome::Failure, Outcome::InvalidOutput, limited_for(u64::MAX / 1_000)] {
            for admitted in [driven.admit(), driven.admit_last_resort()] {
                if let Some(permit) = permit_of(admitted) {
                    driven.record(permit, outcome);
                }
            }
        }
    }
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let span = || prop_oneof![Just(Duration::ZERO), Just(Duration::MAX), any::<Duration>()];
    (
        (span(), any::<u32>(), any::<f64>(), any::<u32>()),
        (span(), span(), any::<f64>()),
        (any::<u8>(), any::<u8>(), span()),
        (any::<f64>(), span(), span()),
        (any::<u32>(), any::<u32>(), any::<f64>(), any::<u32>()),
    )
        .prop_map(|(window, open, half_open, ramp, eject)| Settings {
            mode: Mode::Enforce,
            window: window.0,
            min_requests: window.1,
            failure_rate: window.2,
            consecutive_failures: window.3,
            slow_call: Some(SlowCall { duration: ramp.1, rate: ramp.0 }),
            open: Backoff { base: open.0, max: open.1, jitter: open.2 },
            half_open: HalfOpen { permits: half_open.0, successes: half_open.1, max_wait: half_open.2 },
            ramp: Ramp { start: ramp.0, step: ramp.1 },
            retry_after_max: ramp.2,
            eject: Some(Eject { invalid: eject.0, of: eject.1, rate: eject.2, min_requests: eject.3 }),
        })
}
