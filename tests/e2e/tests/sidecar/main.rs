//! The examples of `istio/` in the sidecar of a pod: listeners as Istio makes them, patched as Istio patches them, in the real
//! Envoy, with the real agent beside it. Requests come as iptables brings them, to virtualInbound and virtualOutbound.
//!
//! mTLS is left out, and so is whatever asks who the peer is.

mod gateway;
mod inbound;
mod mlflow;
mod outbound;
mod plugin;
mod pod;
