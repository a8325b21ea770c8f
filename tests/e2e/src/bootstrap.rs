//! The bootstrap that is shipped, edited for a test: what is tested is what an operator runs.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use anyhow::Context;
use serde_json::{Value, json};

use crate::port::ReservedPort;

const CONNECTION_MANAGER: &str = "/static_resources/listeners/0/filter_chains/0/filters/0/typed_config";
const CLUSTERS: &str = "/static_resources/clusters";
const HTTP_PROTOCOL_OPTIONS: &str = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";

/// The root of the repository, which paths in the shipped files are relative to.
pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// How the filter's document is written for Envoy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DocumentFormat {
    /// As people write it.
    Yaml,
    /// As a control plane sends it.
    Json,
}

/// `envoy/bootstrap.yaml` with edits. Every port is chosen by the system, and every cluster whose address was not
/// given leads to a port that refuses connections.
///
/// The edits know the shape of the shipped file and panic where it has another one.
#[derive(Debug)]
pub struct Bootstrap {
    envoy: Value,
    /// The filter's own document, and whether it still says what the file says.
    document: Value,
    document_edited: bool,
    document_text: Option<String>,
    format: DocumentFormat,
    pub(crate) concurrency: u32,
    pub(crate) nowhere: ReservedPort,
}

impl Bootstrap {
    /// Loads the shipped file.
    pub fn shipped() -> anyhow::Result<Self> {
        let file = repository().join("envoy/bootstrap.yaml");
        let text = std::fs::read_to_string(&file).with_context(|| format!("cannot read {}", file.display()))?;
        let envoy: Value = serde_saphyr::from_str(&text).context("envoy/bootstrap.yaml is not YAML")?;
        let mut this = Self {
            envoy,
            document: Value::Null,
            document_edited: false,
            document_text: None,
            format: DocumentFormat::Yaml,
            concurrency: 2,
            nowhere: ReservedPort::any()?,
        };
        let document = this.shipped_document().context("envoy/bootstrap.yaml has no document for the filter")?;
        this.document = serde_saphyr::from_str(document).context("the filter's document is not YAML")?;
        this.take_free_ports();
        Ok(this)
    }

    /// Where the assistant's two regions are.
    #[must_use]
    pub fn assist(self, primary: SocketAddr, secondary: SocketAddr) -> Self {
        self.endpoint("llm_assistant_us_east_1", primary).endpoint("llm_assistant_us_west_2", secondary)
    }

    /// Where the recommender's two regions are.
    #[must_use]
    pub fn predict(self, primary: SocketAddr, secondary: SocketAddr) -> Self {
        self.endpoint("recommender_us_east_1", primary).endpoint("recommender_us_west_2", secondary)
    }

    /// Where Envoy's admin interface is, for who has to find it again after a restart.
    #[must_use]
    pub fn admin(mut self, addr: SocketAddr) -> Self {
        self.at("/admin/address/socket_address")["port_value"] = addr.port().into();
        self
    }

    /// Where its clients connect, for those who do so again after a restart.
    #[must_use]
    pub fn listener(mut self, addr: SocketAddr) -> Self {
        self.at("/static_resources/listeners/0/address/socket_address")["port_value"] = addr.port().into();
        self
    }

    /// Gives a cluster its only endpoint.
    #[must_use]
    pub fn endpoint(self, cluster: &str, addr: SocketAddr) -> Self {
        self.cluster(cluster, |cluster| set_endpoint(cluster, addr))
    }

    /// Takes all endpoints from a cluster, as service discovery does when no pod is ready.
    #[must_use]
    pub fn without_endpoints(self, cluster: &str) -> Self {
        self.cluster(cluster, |cluster| {
            cluster["load_assignment"]["endpoints"] = json!([]);
        })
    }

    /// Sets the circuit breaker of a cluster, in Envoy's words for its thresholds.
    #[must_use]
    pub fn circuit_breaker(self, cluster: &str, thresholds: &Value) -> Self {
        self.cluster(cluster, |cluster| {
            cluster["circuit_breakers"] = json!({ "thresholds": [thresholds] });
        })
    }

    /// Has Envoy look after the hosts of a cluster by itself, and use none that it found dead.
    #[must_use]
    pub fn health_checked(self, cluster: &str) -> Self {
        self.cluster(cluster, |cluster| {
            cluster["health_checks"] = json!([{
                "timeout": "0.2s", "interval": "0.1s", "unhealthy_threshold": 1, "healthy_threshold": 1,
                "no_traffic_interval": "0.1s", "tcp_health_check": {},
            }]);
            // With the default, Envoy uses dead hosts again when too many are dead.
            cluster["common_lb_config"] = json!({ "healthy_panic_threshold": { "value": 0 } });
        })
    }

    /// Edits a cluster.
    ///
    /// # Panics
    ///
    /// When there is no cluster of that name.
    #[must_use]
    pub fn cluster(mut self, name: &str, edit: impl FnOnce(&mut Value)) -> Self {
        let found = self.clusters().iter_mut().find(|cluster| cluster["name"] == name);
        edit(found.unwrap_or_else(|| panic!("the bootstrap has no cluster {name:?}")));
        self
    }

    /// Adds a cluster with one endpoint.
    #[must_use]
    pub fn extra_cluster(mut self, name: &str, addr: SocketAddr) -> Self {
        let mut cluster = json!({
            "name": name, "type": "STATIC", "connect_timeout": "0.25s",
            "load_assignment": { "cluster_name": name },
        });
        set_endpoint(&mut cluster, addr);
        self.clusters().push(cluster);
        self
    }

    /// Adds a route before the others, in Envoy's words.
    #[must_use]
    pub fn extra_route(mut self, route: Value) -> Self {
        self.routes().insert(0, route);
        self
    }

    /// Edits Envoy's own routes.
    #[must_use]
    pub fn envoy_routes(mut self, edit: impl FnOnce(&mut Vec<Value>)) -> Self {
        edit(self.routes());
        self
    }

    /// Speaks HTTP/2 to every region.
    #[must_use]
    pub fn http2_upstreams(mut self) -> Self {
        for cluster in self.clusters() {
            protocol_options(cluster)["explicit_http_config"] = json!({ "http2_protocol_options": {} });
        }
        self
    }

    /// Lets messages carry so many headers, in both directions. Envoy's own limit is 100: beyond it a request is
    /// answered 431 and a response 502 before any filter sees it.
    #[must_use]
    pub fn max_headers(mut self, count: u32) -> Self {
        let limit = json!({ "max_headers_count": count });
        self.at(CONNECTION_MANAGER)["common_http_protocol_options"] = limit.clone();
        for cluster in self.clusters() {
            protocol_options(cluster)["common_http_protocol_options"] = limit.clone();
        }
        self
    }

    /// Sets how many bytes of a message Envoy holds back at most, at the listener and at every cluster.
    #[must_use]
    pub fn buffer_limit(mut self, bytes: u32) -> Self {
        let limit = Value::from(bytes);
        self.at("/static_resources/listeners/0")["per_connection_buffer_limit_bytes"] = limit.clone();
        for cluster in self.clusters() {
            cluster["per_connection_buffer_limit_bytes"] = limit.clone();
        }
        self
    }

    /// Adds an HTTP filter before ours in the list: it sees requests earlier and responses later.
    #[must_use]
    pub fn outer_filter(mut self, filter: Value) -> Self {
        self.http_filters().insert(0, filter);
        self
    }

    /// Adds an HTTP filter between ours and the router.
    #[must_use]
    pub fn inner_filter(mut self, filter: Value) -> Self {
        let filters = self.http_filters();
        filters.insert(filters.len() - 1, filter);
        self
    }

    /// Takes our filter out, to see what Envoy does without it.
    #[must_use]
    pub fn without_filter(mut self) -> Self {
        self.http_filters().retain(|filter| filter["name"] != "helius");
        self
    }

    /// Edits the filter's document.
    #[must_use]
    pub fn configure(mut self, edit: impl FnOnce(&mut Value)) -> Self {
        edit(&mut self.document);
        self.document_edited = true;
        self
    }

    /// Edits the filter's route `assist`.
    #[must_use]
    pub fn assist_route(self, edit: impl FnOnce(&mut Value)) -> Self {
        self.configure(|document| edit(&mut document["routes"][0]))
    }

    /// Takes the filter's breakers out, for tests that look at one rung of the ladder again and again.
    #[must_use]
    pub fn without_breakers(self) -> Self {
        self.breakers(&Value::Null)
    }

    /// Gives every route of the filter this `circuit_breaker`.
    #[must_use]
    pub fn breakers(self, breaker: &Value) -> Self {
        self.configure(|document| {
            for route in document["routes"].as_array_mut().into_iter().flatten() {
                let upstream = route["upstream"].as_object_mut().into_iter();
                for upstream in upstream {
                    upstream.remove("circuit_breaker");
                    if !breaker.is_null() {
                        upstream.insert("circuit_breaker".to_owned(), breaker.clone());
                    }
                }
            }
        })
    }

    /// The filter's document, with the edits.
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// Hands the filter this text instead of its document.
    #[must_use]
    pub fn document_text(mut self, text: &str) -> Self {
        self.set_document_text(text);
        self
    }

    pub(crate) fn set_document_text(&mut self, text: &str) {
        self.document_text = Some(text.to_owned());
    }

    /// Leaves out what the filter needs to see a body while it holds the headers, as a careless operator does.
    #[must_use]
    pub fn without_stop_iteration(mut self) -> Self {
        if let Some(filter) = self.filter() {
            filter["typed_config"]["config"]["allow_on_headers_stop_iteration"] = false.into();
        }
        self
    }

    /// How an edited document is written. One that was not edited is handed over as the file has it.
    #[must_use]
    pub fn document_format(mut self, format: DocumentFormat) -> Self {
        self.format = format;
        self.document_edited = true;
        self
    }

    /// How many worker threads Envoy has.
    #[must_use]
    pub fn concurrency(mut self, workers: u32) -> Self {
        self.concurrency = workers;
        self
    }

    /// The configuration as Envoy reads it.
    pub(crate) fn render(&mut self) -> anyhow::Result<Value> {
        let text = match (&self.document_text, self.document_edited, self.format) {
            (Some(text), ..) => Some(text.clone()),
            (None, true, DocumentFormat::Json) => Some(self.document.to_string()),
            (None, true, DocumentFormat::Yaml) => Some(serde_saphyr::to_string(&self.document)?),
            (None, false, _) => None,
        };
        if let Some(filter) = self.filter() {
            let config = &mut filter["typed_config"]["config"];
            let module = &mut config["vm_config"]["code"]["local"]["filename"];
            let path = repository().join(module.as_str().context("the filter has no module")?);
            let path = path.canonicalize().with_context(|| format!("{} is missing: build it first", path.display()))?;
            *module = path.to_string_lossy().into();
            if let Some(text) = text {
                config["configuration"]["value"] = text.into();
            }
        }
        Ok(self.envoy.clone())
    }

    fn shipped_document(&mut self) -> Option<&str> {
        self.filter()?["typed_config"]["config"]["configuration"]["value"].as_str()
    }

    fn take_free_ports(&mut self) {
        let any = json!({ "socket_address": { "address": "127.0.0.1", "port_value": 0 } });
        self.at("/admin")["address"] = any.clone();
        self.at("/static_resources/listeners/0")["address"] = any;
        let nowhere = self.nowhere.addr();
        for cluster in self.clusters() {
            set_endpoint(cluster, nowhere);
        }
    }

    fn at(&mut self, pointer: &str) -> &mut Value {
        let found = self.envoy.pointer_mut(pointer);
        found.unwrap_or_else(|| panic!("envoy/bootstrap.yaml has nothing at {pointer}"))
    }

    fn list(&mut self, pointer: &str) -> &mut Vec<Value> {
        let found = self.at(pointer).as_array_mut();
        found.unwrap_or_else(|| panic!("envoy/bootstrap.yaml has no list at {pointer}"))
    }

    fn clusters(&mut self) -> &mut Vec<Value> {
        self.list(CLUSTERS)
    }

    fn http_filters(&mut self) -> &mut Vec<Value> {
        self.list(&format!("{CONNECTION_MANAGER}/http_filters"))
    }

    fn routes(&mut self) -> &mut Vec<Value> {
        self.list(&format!("{CONNECTION_MANAGER}/route_config/virtual_hosts/0/routes"))
    }

    fn filter(&mut self) -> Option<&mut Value> {
        self.http_filters().iter_mut().find(|filter| filter["name"] == "helius")
    }
}

fn set_endpoint(cluster: &mut Value, addr: SocketAddr) {
    let socket = json!({ "address": addr.ip().to_string(), "port_value": addr.port() });
    cluster["load_assignment"]["endpoints"] =
        json!([{ "lb_endpoints": [{ "endpoint": { "address": { "socket_address": socket } } }] }]);
}

fn protocol_options(cluster: &mut Value) -> &mut Value {
    let options = &mut cluster["typed_extension_protocol_options"][HTTP_PROTOCOL_OPTIONS];
    if options.is_null() {
        *options = json!({
            "@type": format!("type.googleapis.com/{HTTP_PROTOCOL_OPTIONS}"),
            "explicit_http_config": { "http_protocol_options": {} },
        });
    }
    options
}
