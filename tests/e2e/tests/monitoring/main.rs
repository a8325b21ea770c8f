//! `istio/monitoring`, by the programs that read it: the rules by promtool and Prometheus, the routes by amtool and
//! Alertmanager, and what rules and dashboard ask by a Prometheus that has read a real agent.

mod dashboard;
mod delivered;
mod evaluated;
mod pod;
mod routes;
mod rules;
